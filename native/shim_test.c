/* shim_test.c - the shim against the real kernel, built with sanitizers. Needs root. */
#define _GNU_SOURCE
#include "test.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

static void open_links(int files)
{
	(void)files;
	for (int i = 0; i < 50; i++) {
		open_and_close("/one");
		open_and_close("/two");
	}
}

static void open_fifo(int files)
{
	int fd = open("/fifo", O_RDWR | O_CLOEXEC);

	(void)files;
	CHECK(fd >= 0);
	close(fd);
	open_and_close("/f00000");
}

static struct seen_records trace(workload *run, uint32_t options, uint32_t scope)
{
	struct container container = start_container(run, FILES);
	struct seen_records seen = { 0 };
	struct opt_tracer *tracer;
	int32_t stream;

	CHECK(opt_start(options, &tracer, &stream) == 0);
	CHECK(opt_mark(tracer, 7, container.pid, scope) == 0);
	CHECK(read_until_marked(stream, &seen));
	CHECK(seen.armed == 1 && seen.status == 0);
	let_go(&container);
	reap(&container);
	CHECK(read_until_barrier(tracer, stream, &seen, 1));
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
	struct container container = start_container(open_all_files, FILES);
	struct seen_records seen = { 0 };
	struct opt_tracer *tracer;
	int32_t stream;
	char path[64];

	CHECK(opt_start(0, &tracer, &stream) == 0);
	CHECK(opt_mark(tracer, 7, container.pid, OPT_SCOPE_FILESYSTEM) == 0);
	CHECK(read_until_marked(stream, &seen));
	/* The events of this process itself are not reported, hence the shell. */
	snprintf(path, sizeof(path), "cat /proc/%d/root/f00000 /proc/%d/root/f00000", container.pid, container.pid);
	CHECK(system(path) == 0);
	CHECK(read_until_barrier(tracer, stream, &seen, 1));
	CHECK(seen.opens == 1);
	CHECK(opt_forget(tracer, 1) == 0);
	CHECK(read_until_barrier(tracer, stream, &seen, 2));
	CHECK(system(path) == 0);
	CHECK(read_until_barrier(tracer, stream, &seen, 3));
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
	CHECK(read_until_marked(stream, &seen));
	CHECK(seen.status == -ENOENT && seen.armed == 0);
	CHECK(opt_stop(tracer) == 0);
	close(stream);
}

/* Calls of all kinds while events pour in, and an end without a barrier or a reader. */
static void survives_start_and_stop_under_load(void)
{
	for (int round = 0; round < 20; round++) {
		struct container container = start_container(open_all_twice, FILES);
		struct seen_records seen = { 0 };
		struct opt_tracer *tracer;
		int32_t stream;

		CHECK(opt_start(0, &tracer, &stream) == 0);
		CHECK(opt_mark(tracer, 1, container.pid, OPT_SCOPE_FILESYSTEM) == 0);
		CHECK(read_until_marked(stream, &seen));
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
			CHECK(read_until_barrier(tracer, stream, &seen, 100));
		CHECK(opt_stop(tracer) == 0);
		close(stream);
	}
}

/* This kernel has them, and an older one answers EINVAL. Whatever else fails is no answer, and leaves nothing open. */
static void probes_ignore_marks(void)
{
	const struct {
		const char *faults;
		int32_t expected;
	} cases[] = {
		{ NULL, 1 },
		{ "fanotify_mark@probe:EINVAL:1:1", 0 },
		{ "fanotify_mark@probe:ENOMEM:1:1", -ENOMEM },
		{ "fanotify_mark@probe:EPERM:0:1", -EPERM },
		{ "fanotify_init@opt_probe_ignore_marks:EMFILE:0:1", -EMFILE },
		{ "open@is_open_told:EMFILE:1:1", -EMFILE },
		{ "read@find_own_event:EIO:0:1", -EIO },
		{ "read@find_own_event:EAGAIN:0:1", -ENODATA },
	};
	int descriptors = open_descriptors();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		under_test = cases[i].faults == NULL ? "" : cases[i].faults;
		CHECK(opt_inject(cases[i].faults) == 0);
		CHECK(opt_probe_ignore_marks() == cases[i].expected);
		CHECK(open_descriptors() == descriptors);
	}
	CHECK(opt_inject(NULL) == 0);
	under_test = "";
}

/* What hangs is killed. */
enum { TIME_LIMIT_S = 600 };

int main(void)
{
	if (geteuid() != 0) {
		puts("skipped: marking mounts needs root");
		return 0;
	}
	CHECK(opt_abi_version() == OPT_ABI_VERSION);
	CHECK(opt_raise_nofile() > 0);
	alarm(TIME_LIMIT_S);
	reports_every_file_in_order(OPT_SCOPE_MOUNT);
	reports_every_file_in_order(OPT_SCOPE_FILESYSTEM);
	drops_repeated_opens();
	reports_each_name_of_a_hard_link_once();
	does_not_wait_for_a_writer_of_a_fifo();
	reports_files_again_after_forget();
	names_the_step_that_failed_for_a_dead_process();
	probes_ignore_marks();
	survives_start_and_stop_under_load();
	survives_threads_that_start_and_stop_while_events_storm();
	survives_threads_that_share_a_tracer_while_events_storm();
	reports_each_event_without_a_descriptor();
	tells_of_a_file_at_its_next_open_when_its_path_was_lost();
	fails_loudly_whatever_fails();
	puts("ok");
	return 0;
}
