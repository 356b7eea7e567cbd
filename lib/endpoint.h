/* SPDX-License-Identifier: MIT */
/* endpoint: an address of the outside world as a destination's file has it. Plain http to another machine is refused unless
 * `plain_http` says that it is wanted. Errors go to the conf. */
#ifndef EVT_ENDPOINT_H
#define EVT_ENDPOINT_H

#include "conf.h"

/* One that may hold {subject} and the like (template.h). */
void endpoint_check(struct conf_object *o, const char *key, const char *text, bool plain_http);

/* One that is the same for every event. */
void endpoint_check_fixed(struct conf_object *o, const char *key, const char *text, bool plain_http);

#endif
