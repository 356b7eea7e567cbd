/* SPDX-License-Identifier: MIT */
/* place: where a file or folder of ours is when no option says so (XDG Base Directory Specification). */
#ifndef EVT_PLACE_H
#define EVT_PLACE_H

struct place {
	const char *variable; /* of the environment: names it outright */
	const char *for_root; /* where root's is */
	const char *xdg;      /* the variable of its base folder */
	const char *xdg_home; /* that folder under $HOME when the variable is not set */
	const char *rest;     /* of ours, below the base folder */
};

/* `option` when there is one, else by `p`. New, to be freed; NULL when out of memory, or there is no $HOME. */
char *place_find(const struct place *p, const char *option);

/* dir/rest. New, to be freed; NULL when out of memory. */
char *place_join(const char *dir, const char *rest);

#endif
