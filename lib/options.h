/* SPDX-License-Identifier: MIT */
/* options: the command line, and the part of it that all commands share: -j FILE, -c DIR, -h, -V, -v, -q and their
 * long forms. A command adds its own, and reads them in one loop:
 *
 *   static const struct option own[] = {{"map", required_argument, NULL, 'm'}, {NULL, 0, NULL, 0}};
 *   struct options o;
 *   options_open(&o, "evt-transform", usage, "m:", own, argc, argv);
 *   for (int c; (c = options_next(&o)) != OPTIONS_END;)
 *           if (c == 'm')
 *                   map = optarg;
 *   if (!options_ready(&o, 0))
 *           return options_close(&o);
 *
 * Options and operands may be mixed, "--" ends the options. Wrong usage is told on standard error with a pointer to
 * --help, and makes the exit code 64; --help and --version go to standard output. */
#ifndef EVT_OPTIONS_H
#define EVT_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>

enum { OPTIONS_END = -1, OPTIONS_MOST = 32 }; /* options that a command can have in all */

struct options {
	const char *program, *usage; /* borrowed */
	int argc;
	char **argv;
	char short_forms[2 * OPTIONS_MOST + 8];
	struct option long_forms[OPTIONS_MOST + 1];
	int verbosity;
	bool ended; /* nothing is left to do but to return exit_code */
	int exit_code;
	const char *journal_option, *config_option; /* -j and -c as given, or NULL */
	/* Once options_ready has said yes: */
	char *journal, *config; /* where they are, by option, environment or default; owned */
	char **operands;        /* what stands behind the options, NULL-ended */
	int operand_count;
};

/* `program` is a literal, "evt-NAME". `usage` is the whole text of --help. `short_own` and `long_own` are as for
 * getopt_long(3); long forms without a letter of their own have values over 255. */
void options_open(struct options *o, const char *program, const char *usage, const char *short_own,
		  const struct option *long_own, int argc, char **argv);
int options_close(struct options *o); /* frees; the exit code */

/* More long forms, ended like long_own: those that several commands share (filter.h). Before options_next. */
void options_add(struct options *o, const struct option *more);

/* The next option that is the command's own (its argument in optarg), or OPTIONS_END. */
int options_next(struct options *o);

/* After the loop: more operands than `most` are refused (-1: any number), journal and configuration folder found. Is there
 * something to do? When not, return options_close. */
bool options_ready(struct options *o, int most);

/* For a command that finds an argument wrong: tells, and ends the loop with exit code 64. */
void options_wrong(struct options *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
