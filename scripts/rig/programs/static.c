/*
 * The workload whose very first acts are opens: a recorder that arms late misses some of /data/000 … /data/199.
 *
 * static [CODE]   opens the files, then exits with CODE (0)
 * static sleep    opens the files, then waits for a signal
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void end(int signal)
{
	(void)signal;
	_exit(0);
}

int main(int argc, char **argv)
{
	char path[] = "/data/000";

	for (int i = 0; i < 200; i++) {
		path[6] = (char)('0' + i / 100);
		path[7] = (char)('0' + i / 10 % 10);
		path[8] = (char)('0' + i % 10);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return 99;
		close(fd);
	}
	if (argc < 2)
		return 0;
	if (strcmp(argv[1], "sleep") != 0)
		return atoi(argv[1]);
	/* As pid 1 it would not end on a signal that it does not handle. */
	signal(SIGTERM, end);
	for (;;)
		pause();
}
