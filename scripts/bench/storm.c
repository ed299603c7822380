/*
 * storm.c LAYER SCRATCH FILES BYTES THREADS PASSES - a container that does nothing but open files.
 *
 * Makes LAYER once (FILES files of BYTES bytes), mounts an overlay over it in a mount namespace of
 * its own, makes that its root and prints "ready". A byte on standard input lets it open all files
 * PASSES times, with THREADS threads that share the work. Prints the microseconds of each
 * pass and its CPU time, and stays until standard input ends: else whoever reads the last event has to take the mount down.
 */
#define _GNU_SOURCE
#include "container.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_PER_DIRECTORY = 500, FILE_BYTES_MAX = 4096 };

static int files, file_bytes, threads;

static void file_path(char *out, size_t size, const char *root, int index)
{
	snprintf(out, size, "%s/data/d%03d/file-%06d.dat", root, index / FILES_PER_DIRECTORY, index);
}

static void make_layer(const char *layer)
{
	char path[4096], content[FILE_BYTES_MAX];

	memset(content, 'x', sizeof(content));
	snprintf(path, sizeof(path), "%s/data", layer);
	if (mkdir(path, 0755) < 0)
		return; /* made by an earlier run */
	for (int i = 0; i < files; i++) {
		int fd;

		if (i % FILES_PER_DIRECTORY == 0) {
			snprintf(path, sizeof(path), "%s/data/d%03d", layer, i / FILES_PER_DIRECTORY);
			must(mkdir(path, 0755), path);
		}
		file_path(path, sizeof(path), layer, i);
		fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
		must(fd, path);
		must((int)write(fd, content, (size_t)file_bytes), path);
		close(fd);
	}
}

static void *open_share(void *argument)
{
	char path[256];

	for (int i = (int)(intptr_t)argument; i < files; i += threads) {
		int fd;

		file_path(path, sizeof(path), "", i);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		must(fd, path);
		close(fd);
	}
	return NULL;
}

static void pass(void)
{
	struct clocks start = read_clocks(RUSAGE_SELF);
	pthread_t all[64];

	for (int i = 0; i < threads; i++)
		pthread_create(&all[i], NULL, open_share, (void *)(intptr_t)i);
	for (int i = 0; i < threads; i++)
		pthread_join(all[i], NULL);
	print_since(&start, RUSAGE_SELF);
}

int main(int argc, char **argv)
{
	int passes;

	if (argc != 7)
		error(2, 0, "usage: storm LAYER SCRATCH FILES BYTES THREADS PASSES");
	files = atoi(argv[3]);
	file_bytes = atoi(argv[4]) > FILE_BYTES_MAX ? FILE_BYTES_MAX : atoi(argv[4]);
	threads = atoi(argv[5]);
	passes = atoi(argv[6]);
	make_layer(argv[1]);
	enter_container(argv[1], argv[2]);
	wait_for_go();
	for (int i = 0; i < passes; i++)
		pass();
	wait_for_end();
	return 0;
}
