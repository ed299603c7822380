/*
 * start.c LAYERS SCRATCH COMMAND [ARGUMENT...] - a container that starts a command when it is told to.
 *
 * Mounts an overlay of LAYERS in a mount namespace of its own, makes that its root and prints
 * "ready". At a byte on standard input it starts the command, whose output goes nowhere, and prints
 * the microseconds from before the fork to its end, and its CPU time. Stays until standard input ends.
 */
#define _GNU_SOURCE
#include "container.h"

#include <fcntl.h>
#include <sys/wait.h>

static void become(char **command)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	must(null, "/dev/null");
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	execvp(command[0], command);
	_exit(127);
}

int main(int argc, char **argv)
{
	struct clocks start;
	int status;
	pid_t child;

	if (argc < 4)
		error(2, 0, "usage: start LAYERS SCRATCH COMMAND [ARGUMENT...]");
	enter_container(argv[1], argv[2]);
	wait_for_go();
	start = read_clocks(RUSAGE_CHILDREN);
	child = fork();
	must(child, "fork");
	if (child == 0)
		become(argv + 3);
	must(waitpid(child, &status, 0), "waitpid");
	print_since(&start, RUSAGE_CHILDREN);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		error(1, 0, "%s ended with status 0x%x", argv[3], (unsigned)status);
	wait_for_end();
	return 0;
}
