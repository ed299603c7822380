/*
 * tree COUNT   opens the first COUNT files of /tree/000/00, /tree/000/01 … /tree/001/00 …, then exits with 0
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 0;
	char path[64];

	for (long i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "/tree/%03ld/%02ld", i / 100, i % 100);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return 99;
		close(fd);
	}
	return 0;
}
