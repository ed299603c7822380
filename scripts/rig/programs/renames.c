/*
 * Gives files other names right after they were opened, faster than a recorder can look: for i from 000 to 199
 *
 * renames away   opens /data/i for reading, then renames it to /data/i.old
 * renames over   makes /data/i.new, then renames it to /data/i, which nobody opens
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int away = argc > 1 && strcmp(argv[1], "away") == 0;

	for (int i = 0; i < 200; i++) {
		char name[32];
		char other[32];

		snprintf(name, sizeof(name), "/data/%03d", i);
		snprintf(other, sizeof(other), away ? "/data/%03d.old" : "/data/%03d.new", i);
		int fd = away ? open(name, O_RDONLY) : open(other, O_WRONLY | O_CREAT, 0644);
		if (fd < 0 || close(fd) < 0)
			return 99;
		if (away ? rename(name, other) : rename(other, name))
			return 98;
	}
	return 0;
}
