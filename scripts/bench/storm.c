/*
 * storm.c LAYER SCRATCH FILES THREADS PASSES - a container that does nothing but open files.
 *
 * Makes LAYER once (FILES files of about 2.6 KB), mounts an overlay over it in a mount namespace of
 * its own, makes that its root and prints "ready". A byte on standard input lets it open all files
 * PASSES times, with THREADS threads that share the work. Prints the nanoseconds of each pass.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { FILES_PER_DIRECTORY = 500, FILE_BYTES = 2600 };

static int files, threads;

static void must(int result, const char *what)
{
	if (result < 0)
		error(1, errno, "%s", what);
}

static void file_path(char *out, size_t size, const char *root, int index)
{
	snprintf(out, size, "%s/data/d%03d/file-%06d.dat", root, index / FILES_PER_DIRECTORY, index);
}

static void make_layer(const char *layer)
{
	char path[4096], content[FILE_BYTES];

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
		must((int)write(fd, content, sizeof(content)), path);
		close(fd);
	}
}

static void enter(const char *layer, const char *scratch)
{
	char options[8192], merged[4096], path[4096];
	const char *names[] = { "upper", "work", "merged" };

	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", scratch, names[i]);
		must(mkdir(path, 0755), path);
	}
	snprintf(merged, sizeof(merged), "%s/merged", scratch);
	snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s/upper,workdir=%s/work", layer, scratch, scratch);
	must(unshare(CLONE_NEWNS), "unshare");
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make mounts private");
	must(mount("overlay", merged, "overlay", 0, options), "mount overlay");
	must(chdir(merged), merged);
	must(mkdir("old", 0755), "mkdir old");
	must((int)syscall(SYS_pivot_root, ".", "old"), "pivot_root");
	must(chdir("/"), "chdir");
	must(umount2("/old", MNT_DETACH), "umount old root");
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

static int64_t pass(void)
{
	struct timespec start, end;
	pthread_t all[64];

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < threads; i++)
		pthread_create(&all[i], NULL, open_share, (void *)(intptr_t)i);
	for (int i = 0; i < threads; i++)
		pthread_join(all[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return (end.tv_sec - start.tv_sec) * 1000000000ll + (end.tv_nsec - start.tv_nsec);
}

int main(int argc, char **argv)
{
	int passes;
	char byte;

	if (argc != 6)
		error(2, 0, "usage: storm LAYER SCRATCH FILES THREADS PASSES");
	files = atoi(argv[3]);
	threads = atoi(argv[4]);
	passes = atoi(argv[5]);
	make_layer(argv[1]);
	enter(argv[1], argv[2]);
	puts("ready");
	fflush(stdout);
	if (read(0, &byte, 1) != 1)
		return 1;
	for (int i = 0; i < passes; i++) {
		printf("%lld\n", (long long)pass());
		fflush(stdout);
	}
	return 0;
}
