/*
 * fault_test.c - what the shim says when a system call fails.
 *
 * For each call and each errno: no crash, no hang, no descriptor left open, and
 * either every file is reported or something tells that one was not. Once the
 * fault is over, the same tracer reports everything again. Prints what was told.
 */
#define _GNU_SOURCE
#include "test.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>


enum { FEW = 200, TEXT_BYTES = 256 };

static const struct {
	const char *name;
	int value;
} errors[] = { { "EMFILE", EMFILE }, { "ENFILE", ENFILE }, { "EIO", EIO }, { "ENOMEM", ENOMEM } };

enum { ERRORS = sizeof(errors) / sizeof(errors[0]) };

/* What happened under a fault, in words; "E" stands for its errno. */
struct outcome {
	int error;
	bool ended; /* the stream */
	char text[TEXT_BYTES];
};

__attribute__((format(printf, 2, 3))) static void say(struct outcome *outcome, const char *format, ...)
{
	size_t used = strlen(outcome->text);
	va_list arguments;

	if (used > 0)
		used += (size_t)snprintf(outcome->text + used, TEXT_BYTES - used, ", ");
	va_start(arguments, format);
	vsnprintf(outcome->text + used, TEXT_BYTES - used, format, arguments);
	va_end(arguments);
}

static const char *name_of(const struct outcome *outcome, int status)
{
	return -status == outcome->error ? "-E" : strerrorname_np(-status);
}

/* ---- a trace ---- */

static void read_barrier(struct opt_tracer *tracer, int stream, struct seen_records *seen, struct outcome *outcome)
{
	static uint64_t token;
	int rc = opt_barrier(tracer, ++token);

	if (rc < 0)
		say(outcome, "opt_barrier() gives %s", name_of(outcome, rc));
	while (rc == 0 && seen->barrier < token && !outcome->ended)
		outcome->ended = !read_record(stream, seen);
}

static void mark(struct opt_tracer *tracer, int stream, pid_t pid, struct seen_records *seen, struct outcome *outcome)
{
	int rc = opt_mark(tracer, 7, pid, OPT_SCOPE_FILESYSTEM);

	seen->status = rc;
	if (rc < 0)
		say(outcome, "opt_mark() gives %s", name_of(outcome, rc));
	else if (!read_until_marked(stream, seen))
		outcome->ended = true;
	else if (seen->status < 0)
		say(outcome, "MARKED %s at step %d", name_of(outcome, seen->status), seen->step);
}

static void unmark(struct opt_tracer *tracer, int stream, pid_t pid, struct seen_records *seen, struct outcome *outcome)
{
	int rc = opt_unmark(tracer, 8, seen->armed_mount_id, pid, OPT_SCOPE_FILESYSTEM);

	if (rc < 0)
		say(outcome, "opt_unmark() gives %s", name_of(outcome, rc));
	else if (!read_until_unmarked(stream, seen))
		outcome->ended = true;
	else if (seen->unmark_status < 0)
		say(outcome, "UNMARKED %s", name_of(outcome, seen->unmark_status));
}

/* Every step of a trace, and whatever is told on the way. */
static void trace(struct opt_tracer *tracer, int stream, const struct container *container, struct outcome *outcome)
{
	struct seen_records seen = { 0 };

	CHECK(opt_forget(tracer, 1) == 0);
	read_barrier(tracer, stream, &seen, outcome);
	if (!outcome->ended)
		mark(tracer, stream, container->pid, &seen, outcome);
	let_go(container);
	wait_until_done(container);
	if (!outcome->ended)
		read_barrier(tracer, stream, &seen, outcome);
	if (seen.lost > 0)
		say(outcome, "LOST %s", name_of(outcome, seen.lost_status));
	if (!outcome->ended && seen.status == 0)
		unmark(tracer, stream, container->pid, &seen, outcome);
	if (outcome->ended)
		say(outcome, "the stream ends");
	if (outcome->text[0] == '\0' || strncmp(outcome->text, "UNMARKED", 8) == 0 ||
	    strncmp(outcome->text, "opt_unmark", 10) == 0)
		CHECK(seen.in_order == FEW && seen.armed == 1); /* else it was lost without a word */
}

/* Of all traces: making one takes longer than its trace. */
static struct container first, second;

static void trace_under(const char *fault, struct outcome *outcome)
{
	int before = open_descriptors();
	struct outcome without = { .error = outcome->error };
	struct seen_records late = { 0 };
	struct opt_tracer *tracer;
	int32_t stream;
	int rc;

	CHECK(opt_inject(fault) == 0);
	rc = opt_start(0, &tracer, &stream);
	if (rc < 0)
		say(outcome, "opt_start() gives %s", name_of(outcome, rc));
	else
		trace(tracer, stream, &first, outcome);
	CHECK(opt_inject(NULL) == 0);
	if (rc == 0 && !outcome->ended)
		read_barrier(tracer, stream, &late, &without); /* losses that were told of until now */
	if (outcome->ended) {
		CHECK(opt_stop(tracer) == 0);
		close(stream);
	}
	if (rc < 0 || outcome->ended)
		CHECK(opt_start(0, &tracer, &stream) == 0);
	/* The fault is over. The first one's files may have been missed: each is to be told of now, or again. */
	trace(tracer, stream, &first, &without);
	trace(tracer, stream, &second, &without);
	CHECK(without.text[0] == '\0');
	CHECK(opt_stop(tracer) == 0);
	close(stream);
	CHECK(open_descriptors() == before);
}

/* ---- a command that waits ---- */

static char rootfs[] = "/dev/shm/shim-test-XXXXXX";
static char link_below[sizeof(rootfs) + 8];

/* A root file system with a file in a folder. */
static void make_rootfs(void)
{
	CHECK(mkdtemp(rootfs) != NULL);
	snprintf(link_below, sizeof(link_below), "%s/etc", rootfs);
	CHECK(mkdir(link_below, 0755) == 0);
	strcat(link_below, "/f");
	CHECK(symlink("none", link_below) == 0);
}

static void remove_rootfs(void)
{
	CHECK(unlink(link_below) == 0);
	link_below[strlen(link_below) - 2] = '\0';
	CHECK(rmdir(link_below) == 0 && rmdir(rootfs) == 0); /* nothing came to be there */
}

/* What was said before the command was run. */
static void read_ready(int fd, struct outcome *outcome)
{
	struct opt_held_ready ready;
	ssize_t got = recv(fd, &ready, sizeof(ready), MSG_DONTWAIT);

	if (got < 0)
		return;
	CHECK(got == sizeof(ready) && ready.dev_major == 0);
	if (ready.dev_minor == 0)
		say(outcome, "replaced files cannot be told");
}

static void hold_under(const char *fault, struct outcome *outcome)
{
	char *const argv[] = { "/none", NULL };
	char name[] = "NAME=value";
	int before = open_descriptors();
	int words[2], said[2];
	int status;
	pid_t pid;

	CHECK(pipe2(said, O_CLOEXEC) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, words) == 0);
	CHECK(write(words[0], "g", 1) == 1);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		char *variables[] = { name, NULL };
		const char *step = "";
		int rc;

		CHECK(opt_inject(fault) == 0);
		rc = opt_exec_held(rootfs, argv, 1, variables, words[1], &step);
		CHECK(opt_inject(NULL) == 0);
		if (strcmp(step, "run the command") != 0 || rc != -ENOENT)
			say(outcome, "opt_exec_held() gives %s: %s", name_of(outcome, rc), step);
		CHECK(write(said[1], outcome->text, TEXT_BYTES) == TEXT_BYTES);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(read(said[0], outcome->text, TEXT_BYTES) == TEXT_BYTES);
	read_ready(words[0], outcome);
	close(said[0]);
	close(said[1]);
	close(words[0]);
	close(words[1]);
	CHECK(open_descriptors() == before);
}

/* ---- single calls ---- */

static void call_under(const char *fault, struct outcome *outcome)
{
	int before = open_descriptors();
	char value[16];
	int results[4];
	const char *const names[] = { "opt_raise_nofile()", "opt_set_cloexec()", "opt_get_xattr()",
				      "opt_send_datagram()" };

	CHECK(opt_inject(fault) == 0);
	results[0] = opt_raise_nofile();
	results[1] = opt_set_cloexec(0);
	results[2] = opt_get_xattr("/", "trusted.none", value, sizeof(value));
	results[3] = opt_send_datagram("/none", "x", 1);
	CHECK(opt_inject(NULL) == 0);
	for (int i = 0; i < 4; i++) {
		if (results[i] == -outcome->error)
			say(outcome, "%s gives -E", names[i]);
		else
			CHECK(results[i] >= 0 || i >= 2);
	}
	CHECK(outcome->text[0] != '\0');
	CHECK(open_descriptors() == before);
}

/* ---- the table ---- */

typedef void act(const char *fault, struct outcome *outcome);

/* One place where a call is made: the `pass` calls before are another place's. */
struct place {
	const char *call;
	int pass;
	act *under;
	const char *purpose;
};

static const struct place places[] = {
	{ "getrlimit@opt_raise_nofile", 0, call_under, "limit of open files" },
	{ "setrlimit", 0, call_under, "limit of open files" },
	{ "fcntl", 0, call_under, "close-on-exec" },
	{ "lgetxattr", 0, call_under, "extended attribute of a layer" },
	{ "socket", 0, call_under, "syslog" },
	{ "sendto", 0, call_under, "syslog" },
	{ "mmap", 0, trace_under, "memory of the tracer" },
	{ "getrlimit@batch_bytes", 0, trace_under, "how many events to read at once" },
	{ "socketpair", 0, trace_under, "the stream" },
	{ "setsockopt", 0, trace_under, "size of the stream" },
	{ "open@open_all", 0, trace_under, "/proc/self/fd" },
	{ "eventfd", 0, trace_under, "waking the drain thread" },
	{ "fanotify_init", 0, trace_under, "the group" },
	{ "fanotify_mark@probe_evictable", 0, trace_under, "whether files can be ignored" },
	{ "statx@stat_fd", 0, trace_under, "kind of mount ids" },
	{ "pthread_create", 0, trace_under, "drain thread" },
	{ "pthread_create", 1, trace_under, "helper that marks" },
	{ "pthread_create", 2, trace_under, "helper that takes the mark back" },
	{ "open@open_of_process", 0, trace_under, "/proc/PID/root" },
	{ "open@open_of_process", 1, trace_under, "/proc/PID/ns/mnt" },
	{ "open@open_of_process", 2, trace_under, "/proc/PID/root, to take the mark back" },
	{ "statx@stat_fd", 1, trace_under, "mount id of a root" },
	{ "unshare@mark_in_namespace", 0, trace_under, "joining a mount namespace" },
	{ "setns", 0, trace_under, "joining a mount namespace" },
	{ "statx@mark_in_namespace", 0, trace_under, "mount id of \"/\" there" },
	{ "fanotify_mark@mark_root", 0, trace_under, "the mark" },
	{ "fanotify_mark@mark_root", 1, trace_under, "taking the mark back" },
	{ "read@drain_main", 0, trace_under, "events" },
	{ "statx@stat_fd", 2, trace_under, "file of an event" },
	{ "readlinkat", 0, trace_under, "path of an event" },
	{ "fanotify_mark@ignore_inode", 0, trace_under, "ignoring a file that was seen" },
	{ "fanotify_mark@handle_forget", 0, trace_under, "forgetting what was ignored" },
	{ "ioctl", 0, trace_under, "length of the kernel's queue" },
	{ "poll", 0, trace_under, "drain thread waits" },
	{ "read@wait_for_work", 0, trace_under, "drain thread is woken" },
	{ "write@wake", 0, trace_under, "waking the drain thread to forget" },
	{ "write@wake", 1, trace_under, "waking the drain thread for a barrier" },
	{ "send", 1, trace_under, "ARMING and later records" },
	{ "send", 3, trace_under, "records of events" },
	{ "unshare@opt_exec_held", 0, hold_under, "mount namespace" },
	{ "mount@opt_exec_held", 0, hold_under, "private mounts" },
	{ "realpath", 0, hold_under, "root file system" },
	{ "stat@scratch_folder", 0, hold_under, "folder to mount over" },
	{ "mount@opt_mount_overlay", 0, hold_under, "tmpfs" },
	{ "chdir@opt_mount_overlay", 0, hold_under, "tmpfs" },
	{ "mkdir@make_folders", 0, hold_under, "folders of the overlay" },
	{ "mkdir@opt_mount_overlay", 0, hold_under, "folder to mount the overlay at" },
	{ "stat@copy_ownership", 0, hold_under, "owner of the root folder" },
	{ "chown", 0, hold_under, "owner of the root folder" },
	{ "chmod", 0, hold_under, "mode of the root folder" },
	{ "listxattr", 0, hold_under, "attributes of the root folder" },
	{ "open@opt_mount_overlay", 0, hold_under, "a file to try the overlay with" },
	{ "fdopendir", 0, hold_under, "a file to try the overlay with" },
	{ "statx@is_mounted_over", 0, hold_under, "a mount among the files to try the overlay with" },
	{ "fstatat", 0, hold_under, "a file to try the overlay with" },
	{ "openat", 0, hold_under, "a file to try the overlay with" },
	{ "mkdir@make_folders", 3, hold_under, "folders of the overlay that is tried" },
	{ "mknod", 0, hold_under, "a file that was made, to try the overlay" },
	{ "lstat", 0, hold_under, "the file that the overlay is tried with" },
	{ "mount@mount_layers", 0, hold_under, "overlay that is tried" },
	{ "lchown", 0, hold_under, "copying a file up, to try the overlay" },
	{ "umount2@knows_copies", 0, hold_under, "overlay that is tried" },
	{ "mount@mount_layers", 1, hold_under, "overlay that is tried, once more" },
	{ "lstat", 1, hold_under, "the file that was copied" },
	{ "lstat", 2, hold_under, "the file that was made" },
	{ "umount2@knows_copies", 1, hold_under, "overlay that is tried, once more" },
	{ "mount@mount_layers", 2, hold_under, "overlay" },
	{ "chdir@opt_mount_overlay", 1, hold_under, "overlay" },
	{ "lstat", 3, hold_under, "device of the image's files" },
	{ "mkdir@mount_system", 0, hold_under, "/proc, /sys, /dev" },
	{ "mount@mount_system", 0, hold_under, "/proc, /sys, /dev" },
	{ "syscall", 0, hold_under, "pivot_root" },
	{ "umount2@enter_rootfs", 0, hold_under, "old root" },
	{ "chdir@enter_rootfs", 0, hold_under, "new root" },
	{ "putenv", 0, hold_under, "the command's environment" },
	{ "write@wait_for_word", 0, hold_under, "\"ready\"" },
	{ "read@wait_for_word", 0, hold_under, "the word to go on" },
	{ "execvp", 0, hold_under, "the command" },
};

/* The outcome is the same for all errnos, which it names. */
static void try_errors(const struct place *place, int fail, char *text)
{
	for (int i = 0; i < ERRORS; i++) {
		struct outcome outcome = { .error = errors[i].value };
		char fault[128];

		snprintf(fault, sizeof(fault), "%s:%s:%d:%d", place->call, errors[i].name, place->pass, fail);
		under_test = fault;
		place->under(fault, &outcome);
		if (outcome.text[0] == '\0')
			say(&outcome, "works");
		if (i == 0)
			strcpy(text, outcome.text);
		CHECK(strcmp(text, outcome.text) == 0);
		under_test = "";
	}
}

void fails_loudly_whatever_fails(void)
{
	make_rootfs();
	first = start_container(open_all_files, FEW);
	second = start_container(open_all_files, FEW);
	printf("| call | what for | fails once | fails always |\n|---|---|---|---|\n");
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char once[TEXT_BYTES], always[TEXT_BYTES];

		fflush(stdout); /* a child would write it once more */
		try_errors(&places[i], 1, once);
		try_errors(&places[i], -1, always);
		printf("| %s | %s | %s | %s |\n", places[i].call, places[i].purpose, once, always);
	}
	fflush(stdout);
	remove_rootfs();
	reap(&second);
	reap(&first);
}

void tells_of_a_file_at_its_next_open_when_its_path_was_lost(void)
{
	struct container container = start_container(open_all_files, FEW);
	struct seen_records seen = { 0 };
	struct opt_tracer *tracer;
	int32_t stream;

	CHECK(opt_start(0, &tracer, &stream) == 0);
	CHECK(opt_mark(tracer, 7, container.pid, OPT_SCOPE_FILESYSTEM) == 0);
	CHECK(read_until_marked(stream, &seen) && seen.status == 0);
	CHECK(opt_inject("readlinkat:EIO:0:1") == 0);
	for (int opens = FEW - 1; opens <= FEW; opens++) {
		let_go(&container);
		wait_until_done(&container);
		CHECK(read_until_barrier(tracer, stream, &seen, (uint64_t)opens));
		CHECK(seen.lost == 1 && seen.lost_status == -EIO && seen.opens == opens);
	}
	CHECK(opt_inject(NULL) == 0);
	reap(&container);
	CHECK(opt_stop(tracer) == 0);
	close(stream);
}

/* ---- not injected ---- */

static void limit_descriptors(rlim_t soft)
{
	struct rlimit limit;

	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = soft;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* `fault` makes the kernel behave as it did before Linux 6.13, or is NULL. */
static void reports_each_event(const char *fault)
{
	struct container container = start_container(open_all_files, FEW);
	struct seen_records seen = { 0 };
	struct opt_tracer *tracer;
	int32_t stream;

	CHECK(opt_inject(fault) == 0);
	CHECK(opt_start(0, &tracer, &stream) == 0);
	CHECK(opt_mark(tracer, 7, container.pid, OPT_SCOPE_FILESYSTEM) == 0);
	CHECK(read_until_marked(stream, &seen) && seen.status == 0);
	limit_descriptors(3);
	let_go(&container);
	wait_until_done(&container);
	CHECK(read_until_barrier(tracer, stream, &seen, 1));
	CHECK(seen.lost == FEW && seen.lost_status == -EMFILE && seen.opens == 0);
	CHECK(opt_raise_nofile() > 3);
	let_go(&container);
	wait_until_done(&container);
	CHECK(read_until_barrier(tracer, stream, &seen, 2));
	CHECK(seen.lost == FEW && seen.in_order == FEW);
	reap(&container);
	CHECK(opt_stop(tracer) == 0);
	close(stream);
	CHECK(opt_inject(NULL) == 0);
}

void reports_each_event_without_a_descriptor(void)
{
	reports_each_event(NULL);
	reports_each_event("fanotify_init:EINVAL:0:1");
}
