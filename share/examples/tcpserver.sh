#!/bin/sh
# evt from tcpserver (ucspi-tcp), as a run script of daemontools, runit or s6: a process for each connection, 40 at once.
exec tcpserver -H -R -l 0 -c 40 0.0.0.0 8080 /usr/local/bin/evt-receive -c /etc/evt -j /var/lib/evt/journal.db
