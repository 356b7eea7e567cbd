/* SPDX-License-Identifier: MIT */
/* inherited: the socket that inetd or systemd has started us with. */
#ifndef EVT_INHERITED_H
#define EVT_INHERITED_H

enum inherited_kind { INHERITED_NONE, INHERITED_LISTENER, INHERITED_CONNECTION };

/* Finds it and takes it over: *fd is a number of its own, closed on exec. Standard streams that are the same socket become
 * /dev/null, and messages go to syslog(3) where standard error was one: none may reach the client. */
enum inherited_kind inherited_take(int *fd);

#endif
