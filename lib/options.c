/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "diag.h"
#include "journal.h"

static const struct option common[] = {
    {"journal", required_argument, NULL, 'j'}, {"config", required_argument, NULL, 'c'},
    {"help", no_argument, NULL, 'h'},          {"version", no_argument, NULL, 'V'},
    {"verbose", no_argument, NULL, 'v'},       {"quiet", no_argument, NULL, 'q'},
};
enum { COMMON = sizeof common / sizeof common[0] };

/* A descriptor 0, 1 or 2 that was closed would be given to the next file that is opened, and a journal be read or written as a
 * standard stream. In its place comes one that can be neither read (0) nor written (1, 2). */
static void hold_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY); /* takes the lowest: fd */
}

void options_open(struct options *o, const char *program, const char *usage, const char *short_own,
		  const struct option *long_own, int argc, char **argv)
{
	hold_standard_streams();
	*o = (struct options){.program = program, .usage = usage, .argc = argc, .argv = argv};
	/* The colon in front makes getopt tell a missing argument from an unknown option. */
	snprintf(o->short_forms, sizeof o->short_forms, ":j:c:hVvq%s", short_own);
	memcpy(o->long_forms, common, sizeof common);
	if (long_own)
		options_add(o, long_own);
	diag_program(program);
	opterr = 0;
	optind = 0; /* makes GNU getopt begin anew */
}

void options_add(struct options *o, const struct option *more)
{
	size_t count = 0;
	while (o->long_forms[count].name)
		count++;
	for (; more->name && count < OPTIONS_MOST; more++)
		o->long_forms[count++] = *more;
}

int options_close(struct options *o)
{
	free(o->journal);
	free(o->config);
	o->journal = o->config = NULL;
	return o->exit_code;
}

static void end(struct options *o, int exit_code)
{
	o->ended = true;
	o->exit_code = exit_code;
}

void options_wrong(struct options *o, const char *format, ...)
{
	if (o->ended)
		return;
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	diag_error("%s (%s --help tells the usage)", text, o->program);
	end(o, DIAG_USAGE);
}

static void print(struct options *o, const char *text)
{
	bool printed = fputs(text, stdout) >= 0 && fflush(stdout) == 0;
	if (!printed)
		diag_error("standard output: cannot write: %s", strerror(errno));
	end(o, printed ? DIAG_OK : DIAG_IO);
}

static void refuse(struct options *o, bool missing)
{
	const char *word = o->argv[optind - 1];
	bool long_form = strncmp(word, "--", 2) == 0;
	if (missing)
		options_wrong(o, "option '%s' needs an argument", word);
	else if (long_form && optopt)
		options_wrong(o, "option '%s' takes no argument", word);
	else if (long_form)
		options_wrong(o, "no such option: '%s'", word);
	else
		options_wrong(o, "no such option: '-%c'", optopt);
}

int options_next(struct options *o)
{
	while (!o->ended) {
		char version[64];
		int c = getopt_long(o->argc, o->argv, o->short_forms, o->long_forms, NULL);
		switch (c) {
		case 'j':
			o->journal_option = optarg;
			break;
		case 'c':
			o->config_option = optarg;
			break;
		case 'h':
			print(o, o->usage);
			break;
		case 'V':
			snprintf(version, sizeof version, "%s %s\n", o->program, EVT_VERSION);
			print(o, version);
			break;
		case 'v':
			diag_verbosity(++o->verbosity);
			break;
		case 'q':
			diag_verbosity(o->verbosity = -1);
			break;
		case '?':
		case ':':
			refuse(o, c == ':');
			break;
		default:
			return c;
		}
	}
	return OPTIONS_END;
}

bool options_ready(struct options *o, int most)
{
	if (o->ended)
		return false;
	o->operands = o->argv + optind;
	o->operand_count = o->argc - optind;
	if (most >= 0 && o->operand_count > most) {
		options_wrong(o, "one argument too many: '%s'", o->operands[most]);
		return false;
	}
	o->journal = journal_path(o->journal_option);
	o->config = conf_folder(o->config_option);
	if (o->journal && o->config)
		return true;
	diag_error("neither $HOME nor %s says where the %s is", o->config ? "-j" : "-c",
		   o->config ? "journal" : "configuration");
	end(o, DIAG_CONFIG);
	return false;
}
