/*
 * shim_test.c - the shim against the real kernel, built with sanitizers.
 *
 * Needs root. Each test starts a "container": a child in a mount namespace of
 * its own whose root is a fresh tmpfs, told through a pipe when it may go on.
 */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILES 3000

#define CHECK(condition)                                                                          \
	do {                                                                                      \
		if (!(condition)) {                                                               \
			fprintf(stderr, "%s:%d: not so: %s (errno %d)\n", __FILE__, __LINE__,     \
				#condition, errno);                                               \
			exit(1);                                                                  \
		}                                                                                 \
	} while (0)

struct container {
	pid_t pid;
	int ready; /* reading end: a byte when the root is there */
	int go;    /* writing end: a byte lets the workload run */
};

struct seen_records {
	int opens, overflows, lost, marked, armed, in_order;
	int32_t status;
	uint64_t barrier;
	uint64_t mount_id, armed_mount_id;
};

typedef void workload(void);

static void touch(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	CHECK(fd >= 0);
	close(fd);
}

static void enter_new_root(void)
{
	char path[32];

	CHECK(unshare(CLONE_NEWNS) == 0);
	CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mount("tmpfs", "/mnt", "tmpfs", 0, NULL) == 0);
	CHECK(chdir("/mnt") == 0);
	CHECK(mkdir("old", 0755) == 0);
	CHECK(syscall(SYS_pivot_root, ".", "old") == 0);
	CHECK(chdir("/") == 0 && umount2("/old", MNT_DETACH) == 0);
	for (int i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "/f%05d", i);
		touch(path);
	}
	touch("/one");
	CHECK(link("/one", "/two") == 0);
	CHECK(mkfifo("/fifo", 0644) == 0);
}

static struct container start_container(workload *run)
{
	struct container container;
	int ready[2], go[2];
	char byte = 0;

	CHECK(pipe2(ready, O_CLOEXEC) == 0 && pipe2(go, O_CLOEXEC) == 0);
	container.pid = fork();
	CHECK(container.pid >= 0);
	if (container.pid == 0) {
		close(go[1]);
		enter_new_root();
		CHECK(write(ready[1], "r", 1) == 1);
		CHECK(read(go[0], &byte, 1) == 1);
		run();
		_exit(0);
	}
	close(ready[1]);
	close(go[0]);
	container.ready = ready[0];
	container.go = go[1];
	CHECK(read(container.ready, &byte, 1) == 1);
	return container;
}

static void let_go(const struct container *container)
{
	CHECK(write(container->go, "g", 1) == 1);
}

static void reap(const struct container *container)
{
	int status;

	CHECK(waitpid(container->pid, &status, 0) == container->pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(container->ready);
	close(container->go);
}

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
	} else if (record->kind == OPT_RECORD_BARRIER) {
		seen->barrier = record->token;
	} else if (record->kind == OPT_RECORD_OVERFLOW) {
		seen->overflows++;
	} else if (record->kind == OPT_RECORD_LOST) {
		seen->lost++;
	} else {
		CHECK(record->kind == OPT_RECORD_UNMARKED);
	}
}

static void read_exactly(int fd, void *out, size_t length)
{
	for (char *at = out; length > 0;) {
		ssize_t got = read(fd, at, length);

		CHECK(got > 0);
		at += got;
		length -= (size_t)got;
	}
}

static void read_record(int fd, struct seen_records *seen)
{
	_Alignas(8) char buffer[8192];
	struct opt_record *record = (void *)buffer;

	read_exactly(fd, buffer, sizeof(*record));
	CHECK(record->length >= sizeof(*record) && record->length <= sizeof(buffer) && record->length % 8 == 0);
	read_exactly(fd, buffer + sizeof(*record), record->length - sizeof(*record));
	count(seen, record, buffer + sizeof(*record));
}

static void read_until_marked(int fd, struct seen_records *seen)
{
	for (int before = seen->marked; seen->marked == before;)
		read_record(fd, seen);
}

static void read_until_barrier(struct opt_tracer *tracer, int fd, struct seen_records *seen, uint64_t token)
{
	CHECK(opt_barrier(tracer, token) == 0);
	while (seen->barrier < token)
		read_record(fd, seen);
}

static void open_and_close(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	close(fd);
}

static void open_all_files(void)
{
	char path[32];

	for (int i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "/f%05d", i);
		open_and_close(path);
	}
}

static void open_all_twice(void)
{
	open_all_files();
	open_all_files();
}

static void open_links(void)
{
	for (int i = 0; i < 50; i++) {
		open_and_close("/one");
		open_and_close("/two");
	}
}

static void open_fifo(void)
{
	int fd = open("/fifo", O_RDWR | O_CLOEXEC);

	CHECK(fd >= 0);
	close(fd);
	open_and_close("/f00000");
}

static struct seen_records trace(workload *run, uint32_t options, uint32_t scope)
{
	struct container container = start_container(run);
	struct seen_records seen = { 0 };
	struct opt_tracer *tracer;
	int32_t stream;

	CHECK(opt_start(options, &tracer, &stream) == 0);
	CHECK(opt_mark(tracer, 7, container.pid, scope) == 0);
	read_until_marked(stream, &seen);
	CHECK(seen.armed == 1 && seen.status == 0);
	let_go(&container);
	reap(&container);
	read_until_barrier(tracer, stream, &seen, 1);
	CHECK(opt_stop(tracer) == 0);
	close(stream);
	return seen;
}

static void reports_every_file_in_order(uint32_t scope)
{
	struct seen_records seen = trace(open_all_files, 0, scope);

	CHECK(seen.opens == FILES && seen.in_order == FILES);
	CHECK(seen.overflows == 0 && seen.lost == 0);
	CHECK(seen.mount_id == seen.armed_mount_id);
}

static void drops_repeated_opens(void)
{
	struct seen_records seen = trace(open_all_twice, 0, OPT_SCOPE_MOUNT);

	CHECK(seen.in_order == FILES && seen.opens < 2 * FILES);
}

static void reports_each_name_of_a_hard_link_once(void)
{
	CHECK(trace(open_links, 0, OPT_SCOPE_MOUNT).opens == 2);
}

static void does_not_wait_for_a_writer_of_a_fifo(void)
{
	/* Some kernels report the FIFO itself, some do not; the file opened after it is what counts. */
	CHECK(trace(open_fifo, 0, OPT_SCOPE_MOUNT).in_order == 1);
}

static void reports_files_again_after_forget(void)
{
	struct container container = start_container(open_all_files);
	struct seen_records seen = { 0 };
	struct opt_tracer *tracer;
	int32_t stream;
	char path[64];

	CHECK(opt_start(0, &tracer, &stream) == 0);
	CHECK(opt_mark(tracer, 7, container.pid, OPT_SCOPE_FILESYSTEM) == 0);
	read_until_marked(stream, &seen);
	/* The events of this process itself are not reported, hence the shell. */
	snprintf(path, sizeof(path), "cat /proc/%d/root/f00000 /proc/%d/root/f00000", container.pid, container.pid);
	CHECK(system(path) == 0);
	read_until_barrier(tracer, stream, &seen, 1);
	CHECK(seen.opens == 1);
	CHECK(opt_forget(tracer, 1) == 0);
	read_until_barrier(tracer, stream, &seen, 2);
	CHECK(system(path) == 0);
	read_until_barrier(tracer, stream, &seen, 3);
	CHECK(seen.opens == 2);
	let_go(&container);
	reap(&container);
	CHECK(opt_stop(tracer) == 0);
	close(stream);
}

static void names_the_step_that_failed_for_a_dead_process(void)
{
	struct seen_records seen = { 0 };
	struct opt_tracer *tracer;
	int32_t stream;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK(opt_start(0, &tracer, &stream) == 0);
	CHECK(opt_mark(tracer, 7, pid, OPT_SCOPE_MOUNT) == 0);
	read_until_marked(stream, &seen);
	CHECK(seen.status == -ENOENT && seen.armed == 0);
	CHECK(opt_stop(tracer) == 0);
	close(stream);
}

/* Calls of all kinds while events pour in, and an end without a barrier or a reader. */
static void survives_start_and_stop_under_load(void)
{
	for (int round = 0; round < 20; round++) {
		struct container container = start_container(open_all_twice);
		struct seen_records seen = { 0 };
		struct opt_tracer *tracer;
		int32_t stream;

		CHECK(opt_start(0, &tracer, &stream) == 0);
		CHECK(opt_mark(tracer, 1, container.pid, OPT_SCOPE_FILESYSTEM) == 0);
		read_until_marked(stream, &seen);
		let_go(&container);
		for (int i = 0; i < 50; i++) {
			CHECK(opt_forget(tracer, (uint32_t)i & 1) == 0);
			CHECK(opt_mark(tracer, 2, container.pid, OPT_SCOPE_MOUNT) == 0);
			CHECK(opt_unmark(tracer, 3, seen.armed_mount_id, container.pid, OPT_SCOPE_MOUNT) == 0);
			CHECK(opt_barrier(tracer, (uint64_t)i + 1) == 0);
			CHECK(opt_repeats(tracer) >= 0 && opt_queue_peak(tracer, 0) >= 0);
		}
		reap(&container);
		if (round % 2 == 0)
			read_until_barrier(tracer, stream, &seen, 100);
		CHECK(opt_stop(tracer) == 0);
		close(stream);
	}
}

int main(void)
{
	if (geteuid() != 0) {
		puts("skipped: marking mounts needs root");
		return 0;
	}
	CHECK(opt_abi_version() == OPT_ABI_VERSION);
	CHECK(opt_raise_nofile() > 0);
	reports_every_file_in_order(OPT_SCOPE_MOUNT);
	reports_every_file_in_order(OPT_SCOPE_FILESYSTEM);
	drops_repeated_opens();
	reports_each_name_of_a_hard_link_once();
	does_not_wait_for_a_writer_of_a_fifo();
	reports_files_again_after_forget();
	names_the_step_that_failed_for_a_dead_process();
	survives_start_and_stop_under_load();
	puts("ok");
	return 0;
}
