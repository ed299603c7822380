/* test.c - see test.h. */
#define _GNU_SOURCE
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 5000 };

const char *under_test = "";

/* ---- containers ---- */

static void touch(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	CHECK(fd >= 0);
	close(fd);
}

static void enter_new_root(int files)
{
	char path[32];

	CHECK(unshare(CLONE_NEWNS) == 0);
	CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mount("tmpfs", "/mnt", "tmpfs", 0, NULL) == 0);
	CHECK(chdir("/mnt") == 0);
	CHECK(mkdir("old", 0755) == 0);
	CHECK(syscall(SYS_pivot_root, ".", "old") == 0);
	CHECK(chdir("/") == 0 && umount2("/old", MNT_DETACH) == 0);
	for (int i = 0; i < files; i++) {
		snprintf(path, sizeof(path), "/f%05d", i);
		touch(path);
	}
	touch("/one");
	CHECK(link("/one", "/two") == 0);
	CHECK(mkfifo("/fifo", 0644) == 0);
}

struct container start_container(workload *run, int files)
{
	struct container container;
	int told[2], go[2];
	char byte = 0;

	CHECK(pipe2(told, O_CLOEXEC) == 0 && pipe2(go, O_CLOEXEC) == 0);
	container.pid = fork();
	CHECK(container.pid >= 0);
	if (container.pid == 0) {
		close(go[1]);
		enter_new_root(files);
		CHECK(write(told[1], "r", 1) == 1);
		for (;;) {
			CHECK(read(go[0], &byte, 1) == 1);
			if (byte == 'e')
				_exit(0);
			run(files);
			CHECK(write(told[1], "d", 1) == 1);
		}
	}
	close(told[1]);
	close(go[0]);
	container.told = told[0];
	container.go = go[1];
	CHECK(read(container.told, &byte, 1) == 1);
	return container;
}

void let_go(const struct container *container)
{
	CHECK(write(container->go, "g", 1) == 1);
}

void wait_until_done(const struct container *container)
{
	char byte;

	CHECK(read(container->told, &byte, 1) == 1);
}

void reap(const struct container *container)
{
	int status;

	CHECK(write(container->go, "e", 1) == 1);
	close(container->go);
	CHECK(waitpid(container->pid, &status, 0) == container->pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(container->told);
}

void open_and_close(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	close(fd);
}

void open_all_files(int files)
{
	char path[32];

	for (int i = 0; i < files; i++) {
		snprintf(path, sizeof(path), "/f%05d", i);
		open_and_close(path);
	}
}

void open_all_twice(int files)
{
	open_all_files(files);
	open_all_files(files);
}

/* ---- the stream ---- */

static void count(struct seen_records *seen, const struct opt_record *record, const char *path)
{
	char expected[32];

	if (record->kind == OPT_RECORD_OPEN) {
		snprintf(expected, sizeof(expected), "/f%05d", seen->in_order);
		if (record->path_length == strlen(expected) && memcmp(path, expected, record->path_length) == 0)
			seen->in_order++;
		seen->mount_id = record->mount_id;
		seen->opens++;
	} else if (record->kind == OPT_RECORD_ARMING) {
		seen->armed++;
		seen->armed_mount_id = record->mount_id;
	} else if (record->kind == OPT_RECORD_MARKED) {
		seen->marked++;
		seen->status = record->status;
		seen->step = record->flags;
	} else if (record->kind == OPT_RECORD_BARRIER) {
		seen->barrier = record->token;
	} else if (record->kind == OPT_RECORD_OVERFLOW) {
		seen->overflows++;
	} else if (record->kind == OPT_RECORD_LOST) {
		seen->lost++;
		seen->lost_status = record->status;
	} else {
		CHECK(record->kind == OPT_RECORD_UNMARKED);
		seen->unmarked++;
		seen->unmark_status = record->status;
	}
}

/* False when the stream ended before the first byte. */
static bool read_exactly(int fd, void *out, size_t length)
{
	for (char *at = out; length > 0;) {
		struct pollfd readable = { .fd = fd, .events = POLLIN };
		ssize_t got;

		CHECK(poll(&readable, 1, PATIENCE_MS) == 1);
		got = read(fd, at, length);
		if (got == 0 && at == out)
			return false;
		CHECK(got > 0);
		at += got;
		length -= (size_t)got;
	}
	return true;
}

bool read_record(int fd, struct seen_records *seen)
{
	_Alignas(8) char buffer[8192];
	struct opt_record *record = (void *)buffer;

	if (!read_exactly(fd, buffer, sizeof(*record)))
		return false;
	CHECK(record->length >= sizeof(*record) && record->length <= sizeof(buffer) && record->length % 8 == 0);
	if (record->length > sizeof(*record))
		CHECK(read_exactly(fd, buffer + sizeof(*record), record->length - sizeof(*record)));
	count(seen, record, buffer + sizeof(*record));
	return true;
}

bool read_until_marked(int fd, struct seen_records *seen)
{
	for (int before = seen->marked; seen->marked == before;) {
		if (!read_record(fd, seen))
			return false;
	}
	return true;
}

bool read_until_unmarked(int fd, struct seen_records *seen)
{
	for (int before = seen->unmarked; seen->unmarked == before;) {
		if (!read_record(fd, seen))
			return false;
	}
	return true;
}

bool read_until_barrier(struct opt_tracer *tracer, int fd, struct seen_records *seen, uint64_t token)
{
	CHECK(opt_barrier(tracer, token) == 0);
	while (seen->barrier < token) {
		if (!read_record(fd, seen))
			return false;
	}
	return true;
}

int open_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	CHECK(folder != NULL);
	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count;
}
