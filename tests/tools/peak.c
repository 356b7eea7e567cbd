/* SPDX-License-Identifier: MIT */
/* peak FILE COMMAND [ARGUMENT...]: runs it, and writes the most memory that it has had resident, in KiB, into FILE. Ends as it does. */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct rusage used;
	int status;
	if (argc < 3)
		return 64;
	pid_t pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &used) < 0)
		return 70;
	FILE *file = fopen(argv[1], "w");
	if (!file || fprintf(file, "%ld\n", used.ru_maxrss) < 0 || fclose(file) != 0)
		return 74;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
