/* shim.c - see shim.h for the contract. */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/stat.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "inject.h"

/* Newer than the headers of Debian 12. */
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x00004000U /* Linux 6.8: never used twice, unlike STATX_MNT_ID */
#endif
#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x00000200 /* Linux 5.19: the mark does not pin the inode */
#endif
#ifndef FAN_REPORT_FD_ERROR
#define FAN_REPORT_FD_ERROR 0x00002000 /* Linux 6.13: -errno in place of an fd that could not be made */
#endif

#define EVENTS (FAN_OPEN | FAN_OPEN_EXEC)

enum {
	BATCH_EVENTS = 256,       /* descriptors that one read() may install at once; fewer where few are allowed */
	BATCH_EVENTS_MIN = 4,
	OUT_BYTES = 256 * 1024,   /* records that are collected before they are written */
	FLUSH_BYTES = OUT_BYTES - 8192, /* written when so many are there, which leaves room for the longest one */
	STREAM_BYTES = 4 << 20,   /* what the stream may hold while the reader is busy */
	PATH_BYTES = PATH_MAX + 16,
	MARK_SLOTS = 512, /* marks under way at once */
	SEEN_SLOTS = 8192,
	SEEN_PATH_BYTES = 206,
	COALESCE_MS = 1, /* after a quiet time, wait so long for more events to come with the first */
	SAMPLE_AFTER_MS = 100,
	SAMPLE_SHARE = 50,
	WRITE_AFTER_MS = 100, /* a record waits no longer: the reader need not wake up for each */
	STOP_WAIT_MS = 200, /* for helpers that are about to end */
	DRAIN_WAIT_MS = 2000, /* for the drain thread to finish its batch */
	SEND_TRIES = 1000, /* a millisecond apart, before the stream is given up */
	FAILED_READS_MAX = 4096, /* in a row, before reading is slowed down */
	HELPER_STACK = 256 * 1024, /* thread-local storage of the host program comes out of it */
};

/*
 * One entry of the memory of what was reported. It is a lossy cache: an entry
 * that was overwritten costs one more record, never a lost one.
 */
struct seen {
	uint64_t mount_id;
	uint64_t ino;
	uint64_t dev;
	int64_t born_s; /* inode numbers come back: a new file under an old number is another one */
	uint32_t born_ns;
	uint32_t generation;
	uint16_t path_length; /* 0: the inode has one name, which the inode stands for */
	char path[SEEN_PATH_BYTES];
};

enum job_kind { JOB_MARK, JOB_UNMARK };

struct mark_job {
	atomic_bool busy;
	struct opt_tracer *tracer;
	enum job_kind kind;
	uint64_t token;
	uint64_t mount_id; /* of an unmark */
	int32_t pid;
	uint32_t scope;
};

struct opt_tracer {
	int fan_fd;
	int wake_fd;   /* eventfd: something of the fields below has changed */
	int stream_fd; /* writing end */
	int proc_fd;   /* /proc/self/fd */
	size_t batch_bytes;
	uint32_t mount_id_mask;
	bool evictable;
	pid_t own_pid;
	pthread_t drain;

	atomic_bool stopping;
	atomic_bool ignoring;
	atomic_uint forget_wanted;
	atomic_uint generation;
	atomic_uint repeats;
	atomic_int queue_peak;
	_Atomic uint64_t barrier_wanted;
	pthread_mutex_t write_lock; /* one record at a time on the stream */
	struct mark_job jobs[MARK_SLOTS];

	/* From here on the drain thread's own. */
	unsigned forget_done;
	uint64_t barrier_done;
	uint64_t barrier_pending;
	int64_t barrier_events_left;
	int failed_reads; /* in a row */
	bool stream_closed;
	size_t out_length;
	uint64_t write_due_ns; /* of the oldest record that waits */
	uint64_t sample_due_ns; /* of the length of the kernel's queue */
	struct seen seen[SEEN_SLOTS];
	_Alignas(8) char events[BATCH_EVENTS * sizeof(struct fanotify_event_metadata)];
	_Alignas(8) char out[OUT_BYTES];
};

/* glibc 2.36 has fanotify_mark() and statx() but not their newest flags; the flags pass through. */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* After what failed and may do better soon: not at once, lest it takes a whole CPU. */
static void pause_briefly(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* DONT_SYNC: a network or FUSE file system must not be asked again for what open() just told. */
static int stat_fd(const struct opt_tracer *tracer, int fd, struct statx *out)
{
	unsigned mask = STATX_BASIC_STATS | STATX_BTIME | tracer->mount_id_mask;

	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, mask, out) < 0 ? -errno : 0;
}

static uint64_t dev_of(const struct statx *st)
{
	return ((uint64_t)st->stx_dev_major << 32) | st->stx_dev_minor;
}

/* ---- the stream ---- */

/*
 * Writes all of it, waiting for the reader where needed. A lack of memory passes.
 * Where it does not, the stream ends: the reader is told by that, and must not
 * wait for a record that never comes. Returns 0, or -errno when nobody reads any more.
 */
static int write_stream(struct opt_tracer *tracer, const char *bytes, size_t length)
{
	int tries = 0;
	int rc = 0;

	pthread_mutex_lock(&tracer->write_lock);
	while (length > 0) {
		ssize_t taken = send(tracer->stream_fd, bytes, length, MSG_NOSIGNAL);

		if (taken >= 0) {
			bytes += taken;
			length -= (size_t)taken;
			tries = 0;
		} else if (errno == EPIPE || ++tries == SEND_TRIES || atomic_load(&tracer->stopping)) {
			rc = -errno;
			shutdown(tracer->stream_fd, SHUT_RDWR);
			break;
		} else {
			pause_briefly();
		}
	}
	pthread_mutex_unlock(&tracer->write_lock);
	return rc;
}

static void flush_records(struct opt_tracer *tracer)
{
	if (tracer->out_length > 0 && write_stream(tracer, tracer->out, tracer->out_length) < 0)
		tracer->stream_closed = true;
	tracer->out_length = 0;
}

/* Appends a record; there is always room for one, see the end. `path` may be NULL when its length is 0. */
static void put_record(struct opt_tracer *tracer, const struct opt_record *record, const char *path)
{
	char *at = tracer->out + tracer->out_length;
	size_t used = sizeof(*record) + record->path_length;
	size_t length = (used + 7) & ~(size_t)7;

	if (tracer->out_length == 0)
		tracer->write_due_ns = record->time_ns + WRITE_AFTER_MS * 1000000ull;
	memcpy(at, record, sizeof(*record));
	memcpy(at, &(uint32_t){ (uint32_t)length }, sizeof(uint32_t));
	if (record->path_length > 0)
		memcpy(at + sizeof(*record), path, record->path_length);
	memset(at + used, 0, length - used);
	tracer->out_length += length;
	if (tracer->out_length > FLUSH_BYTES)
		flush_records(tracer);
}

static void put_simple(struct opt_tracer *tracer, uint32_t kind, uint64_t token, int32_t status)
{
	struct opt_record record = { .kind = kind, .time_ns = now_ns(), .token = token, .status = status };

	put_record(tracer, &record, NULL);
}

/* ---- what was seen ---- */

static struct seen *seen_slot(struct opt_tracer *tracer, const struct statx *st, const char *path, size_t length)
{
	uint64_t hash = 14695981039346656037u ^ st->stx_ino ^ (st->stx_mnt_id << 20) ^ (dev_of(st) << 40);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)path[i]) * 1099511628211u;
	hash *= 0x9e3779b97f4a7c15u;
	return &tracer->seen[(hash >> 40) % SEEN_SLOTS];
}

/*
 * Tells whether this file was reported before, and remembers it. A file with
 * several hard links is told apart by its path too (`length` > 0): another name
 * is another line of the list.
 */
static bool seen_before(struct opt_tracer *tracer, const struct statx *st, const char *path, size_t length)
{
	uint32_t generation = atomic_load(&tracer->generation);
	struct seen *slot;

	if (length > SEEN_PATH_BYTES)
		return false;
	slot = seen_slot(tracer, st, path, length);
	if (slot->generation == generation && slot->mount_id == st->stx_mnt_id && slot->ino == st->stx_ino &&
	    slot->dev == dev_of(st) && slot->born_s == st->stx_btime.tv_sec && slot->born_ns == st->stx_btime.tv_nsec &&
	    slot->path_length == length && memcmp(slot->path, path, length) == 0) {
		atomic_fetch_add_explicit(&tracer->repeats, 1, memory_order_relaxed);
		return true;
	}
	slot->generation = generation;
	slot->mount_id = st->stx_mnt_id;
	slot->ino = st->stx_ino;
	slot->dev = dev_of(st);
	slot->born_s = st->stx_btime.tv_sec;
	slot->born_ns = st->stx_btime.tv_nsec;
	slot->path_length = (uint16_t)length;
	memcpy(slot->path, path, length);
	return false;
}

/* ---- events ---- */

/*
 * Lets the kernel drop all later events of this inode. The file may be written
 * to and stay ignored: it is on the list already. Evictable, so that the mark
 * never holds an inode in memory.
 */
static void ignore_inode(struct opt_tracer *tracer, int fd)
{
	fanotify_mark(tracer->fan_fd,
		      FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY | FAN_MARK_EVICTABLE, EVENTS,
		      fd, NULL);
}

/* `path` of an event's descriptor as its opener's root sees it: /proc/self/fd must be the host's. */
static ssize_t read_path(const struct opt_tracer *tracer, int fd, char *path)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", fd);
	return readlinkat(tracer->proc_fd, name, path, PATH_BYTES);
}

static void report_open(struct opt_tracer *tracer, const struct fanotify_event_metadata *event)
{
	struct opt_record record = { .kind = OPT_RECORD_OPEN, .time_ns = now_ns(), .pid = event->pid };
	struct statx st;
	char path[PATH_BYTES];
	ssize_t length;
	bool single_name;
	int rc = stat_fd(tracer, event->fd, &st);

	if (rc < 0) {
		put_simple(tracer, OPT_RECORD_LOST, 0, rc);
		return;
	}
	single_name = st.stx_nlink == 1;
	if (single_name && S_ISREG(st.stx_mode) && seen_before(tracer, &st, "", 0))
		return;
	length = read_path(tracer, event->fd, path);
	if (length < 0 || length == PATH_BYTES) {
		put_simple(tracer, OPT_RECORD_LOST, 0, length < 0 ? -errno : -ENAMETOOLONG);
		/* Nor was it seen: its next open may be the one that can be told. */
		seen_slot(tracer, &st, "", 0)->generation = 0;
		return;
	}
	if (st.stx_nlink > 1 && seen_before(tracer, &st, path, (size_t)length))
		return;
	/* After the path is known: an event must not be the last one while it can still fail. */
	if (single_name && S_ISREG(st.stx_mode) && tracer->evictable && atomic_load(&tracer->ignoring))
		ignore_inode(tracer, event->fd);
	record.mount_id = st.stx_mnt_id;
	record.token = st.stx_ino;
	record.born_ns = (uint64_t)st.stx_btime.tv_sec * 1000000000u + st.stx_btime.tv_nsec;
	record.size = st.stx_size;
	record.dev_major = st.stx_dev_major;
	record.dev_minor = st.stx_dev_minor;
	record.mode = st.stx_mode;
	record.flags = (uint16_t)((event->mask & FAN_OPEN_EXEC ? OPT_OPEN_EXEC : 0) |
				  (st.stx_nlink == 0 ? OPT_OPEN_DELETED : 0));
	record.path_length = (uint16_t)length;
	put_record(tracer, &record, path);
}

static void handle_event(struct opt_tracer *tracer, const struct fanotify_event_metadata *event)
{
	if (event->mask & FAN_Q_OVERFLOW) {
		put_simple(tracer, OPT_RECORD_OVERFLOW, 0, 0);
	} else if (event->fd < 0) {
		put_simple(tracer, OPT_RECORD_LOST, 0, event->fd);
	} else {
		if (event->pid != tracer->own_pid)
			report_open(tracer, event);
		close(event->fd);
	}
}

static void handle_batch(struct opt_tracer *tracer, ssize_t length)
{
	const struct fanotify_event_metadata *event = (const void *)tracer->events;

	for (; FAN_EVENT_OK(event, length); event = FAN_EVENT_NEXT(event, length)) {
		if (event->vers != FANOTIFY_METADATA_VERSION) {
			put_simple(tracer, OPT_RECORD_LOST, 0, -EPROTO);
			return;
		}
		handle_event(tracer, event);
		tracer->barrier_events_left--;
	}
}

/* ---- what the other side asked for ---- */

static void handle_forget(struct opt_tracer *tracer)
{
	unsigned wanted = atomic_load(&tracer->forget_wanted);

	if (wanted == tracer->forget_done)
		return;
	tracer->forget_done = wanted;
	/* Without FAN_MARK_MOUNT or _FILESYSTEM: the inodes' marks only, which are the ignoring ones. */
	if (fanotify_mark(tracer->fan_fd, FAN_MARK_FLUSH, 0, AT_FDCWD, "/") < 0)
		put_simple(tracer, OPT_RECORD_LOST, 0, -errno); /* of files that stay ignored */
	atomic_fetch_add(&tracer->generation, 1);
}

static int queued_events(struct opt_tracer *tracer)
{
	int bytes = 0;
	int events;

	if (ioctl(tracer->fan_fd, FIONREAD, &bytes) < 0)
		return INT_MAX;
	events = bytes / (int)sizeof(struct fanotify_event_metadata);
	if (events > atomic_load(&tracer->queue_peak))
		atomic_store(&tracer->queue_peak, events);
	return events;
}

/*
 * The kernel walks its whole queue to count it, and holds its lock meanwhile:
 * so it is asked for one part in SAMPLE_SHARE of the time at most.
 */
static void sample_queue(struct opt_tracer *tracer)
{
	uint64_t start = now_ns();
	uint64_t took;

	if (start < tracer->sample_due_ns)
		return;
	queued_events(tracer);
	took = now_ns() - start;
	tracer->sample_due_ns = start + SAMPLE_AFTER_MS * 1000000ull + took * SAMPLE_SHARE;
}

/*
 * A barrier is reached when as many events were read as stood in the queue when
 * it was asked for: waiting for an empty queue might take for ever.
 */
static void begin_barrier(struct opt_tracer *tracer)
{
	uint64_t wanted = atomic_load(&tracer->barrier_wanted);

	if (wanted == tracer->barrier_done || tracer->barrier_pending != 0)
		return;
	tracer->barrier_pending = wanted;
	tracer->barrier_events_left = queued_events(tracer);
}

static void end_barrier(struct opt_tracer *tracer)
{
	if (tracer->barrier_pending == 0 || tracer->barrier_events_left > 0)
		return;
	put_simple(tracer, OPT_RECORD_BARRIER, tracer->barrier_pending, 0);
	tracer->barrier_done = tracer->barrier_pending;
	tracer->barrier_pending = 0;
	flush_records(tracer);
}

/* How long to sleep at most: until the records that wait are due, or for ever. */
static int sleep_ms(const struct opt_tracer *tracer)
{
	uint64_t now = now_ns();

	if (tracer->out_length == 0)
		return -1;
	return now >= tracer->write_due_ns ? 0 : (int)((tracer->write_due_ns - now) / 1000000 + 1);
}

/* Sleeps until there is something to do. */
static void wait_for_work(struct opt_tracer *tracer)
{
	struct pollfd fds[] = {
		{ .fd = tracer->wake_fd, .events = POLLIN },
		{ .fd = tracer->fan_fd, .events = POLLIN },
		{ .fd = tracer->stream_fd, .events = 0 }, /* POLLHUP when the reader is gone */
	};
	uint64_t count;

	if (poll(fds, 3, sleep_ms(tracer)) < 0)
		pause_briefly();
	if (fds[2].revents & (POLLHUP | POLLERR))
		tracer->stream_closed = true;
	/* A burst has begun: taking it in larger pieces saves a switch of threads for each event. */
	if ((fds[1].revents & POLLIN) && !(fds[0].revents & POLLIN))
		poll(fds, 1, COALESCE_MS);
	if ((fds[0].revents & POLLIN) && read(tracer->wake_fd, &count, sizeof(count)) < 0)
		pause_briefly();
}

/*
 * EMFILE, ENFILE, ENOMEM and the like: the event that could not get its descriptor
 * is gone, and was taken from the queue all the same.
 */
static void lose_event(struct opt_tracer *tracer, int status)
{
	tracer->barrier_events_left--;
	put_simple(tracer, OPT_RECORD_LOST, 0, status);
	if (++tracer->failed_reads > FAILED_READS_MAX)
		pause_briefly();
}

static void *drain_main(void *argument)
{
	struct opt_tracer *tracer = argument;

	while (!atomic_load(&tracer->stopping) && !tracer->stream_closed) {
		ssize_t length;
		bool is_empty;

		handle_forget(tracer);
		begin_barrier(tracer);
		if (tracer->out_length > 0 && now_ns() >= tracer->write_due_ns)
			flush_records(tracer);
		length = read(tracer->fan_fd, tracer->events, tracer->batch_bytes);
		is_empty = length < 0 && errno == EAGAIN;
		if (length > 0)
			handle_batch(tracer, length);
		else if (is_empty)
			tracer->barrier_events_left = 0;
		else if (errno != EINTR)
			lose_event(tracer, -errno);
		if (length > 0 || is_empty)
			tracer->failed_reads = 0;
		if (length > (ssize_t)tracer->batch_bytes / 2)
			sample_queue(tracer); /* not a queue that is all but empty */
		end_barrier(tracer);
		if (is_empty)
			wait_for_work(tracer);
	}
	return NULL;
}

/* ---- marks ---- */

static int mark_root(const struct opt_tracer *tracer, const struct mark_job *job, unsigned action, int dir_fd,
		     const char *path)
{
	unsigned scope = job->scope == OPT_SCOPE_FILESYSTEM ? FAN_MARK_FILESYSTEM : FAN_MARK_MOUNT;

	return fanotify_mark(tracer->fan_fd, action | scope, EVENTS, dir_fd, path) < 0 ? -errno : 0;
}

/*
 * Joins the mount namespace and marks "/" there, when "/" is the mount that the
 * process has as its root (it is not after a chroot). setns(CLONE_NEWNS) answers
 * EINVAL while the fs_struct is shared with another thread, hence unshare().
 * The thread stays in the namespace until it ends, with its last step.
 */
static int mark_in_namespace(const struct opt_tracer *tracer, const struct mark_job *job, int ns_fd,
			     uint64_t mount_id)
{
	struct statx st;

	if (unshare(CLONE_FS) < 0 || setns(ns_fd, CLONE_NEWNS) < 0)
		return -errno;
	if (statx(AT_FDCWD, "/", AT_STATX_DONT_SYNC, tracer->mount_id_mask, &st) < 0)
		return -errno;
	if (st.stx_mnt_id != mount_id)
		return -EXDEV;
	return mark_root(tracer, job, FAN_MARK_ADD, AT_FDCWD, "/");
}

static void answer(struct opt_tracer *tracer, const struct mark_job *job, uint32_t kind, int status, int step,
		   const struct statx *root)
{
	struct opt_record record = {
		.length = sizeof(record),
		.kind = kind,
		.time_ns = now_ns(),
		.token = job->token,
		.pid = job->pid,
		.status = status,
		.flags = (uint16_t)step,
	};

	if (root != NULL) {
		record.mount_id = root->stx_mnt_id;
		record.dev_major = root->stx_dev_major;
		record.dev_minor = root->stx_dev_minor;
	}
	write_stream(tracer, (const char *)&record, sizeof(record));
}

static int open_of_process(int32_t pid, const char *what, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void run_mark(struct opt_tracer *tracer, const struct mark_job *job, int root_fd)
{
	struct statx root;
	int ns_fd = open_of_process(job->pid, "ns/mnt", O_RDONLY);
	int rc = stat_fd(tracer, root_fd, &root);

	if (rc < 0 || ns_fd < 0) {
		answer(tracer, job, OPT_RECORD_MARKED, rc < 0 ? rc : ns_fd,
		       rc < 0 ? OPT_STEP_STAT_ROOT : OPT_STEP_OPEN_NAMESPACE, NULL);
	} else {
		answer(tracer, job, OPT_RECORD_ARMING, 0, 0, &root);
		/* A mount id of the older kind may have had another file system behind it. */
		atomic_fetch_add(&tracer->generation, 1);
		rc = mark_in_namespace(tracer, job, ns_fd, root.stx_mnt_id);
		if (rc < 0) /* the second way: the root directory as the process has it */
			rc = mark_root(tracer, job, FAN_MARK_ADD, root_fd, NULL);
		answer(tracer, job, OPT_RECORD_MARKED, rc, rc < 0 ? OPT_STEP_MARK : 0, &root);
	}
	if (ns_fd >= 0)
		close(ns_fd);
}

static void run_unmark(struct opt_tracer *tracer, const struct mark_job *job, int root_fd)
{
	struct statx root;
	int rc = root_fd == -ENOENT ? -ESRCH : root_fd < 0 ? root_fd : stat_fd(tracer, root_fd, &root);

	/* The pid may have a new owner by now, with another root. */
	if (rc == 0 && root.stx_mnt_id != job->mount_id)
		rc = -EXDEV;
	if (rc == 0)
		rc = mark_root(tracer, job, FAN_MARK_REMOVE, root_fd, NULL);
	answer(tracer, job, OPT_RECORD_UNMARKED, rc, 0, NULL);
}

static void *job_main(void *argument)
{
	struct mark_job *job = argument;
	struct opt_tracer *tracer = job->tracer;
	int root_fd = open_of_process(job->pid, "root", O_RDONLY | O_DIRECTORY);

	if (job->kind == JOB_UNMARK)
		run_unmark(tracer, job, root_fd);
	else if (root_fd >= 0)
		run_mark(tracer, job, root_fd);
	else
		answer(tracer, job, OPT_RECORD_MARKED, root_fd, OPT_STEP_OPEN_ROOT, NULL);
	if (root_fd >= 0)
		close(root_fd);
	atomic_store(&job->busy, false);
	return NULL;
}

/* Starts a thread that takes no signal: they belong to the program's own. */
static int start_thread(pthread_t *thread, const pthread_attr_t *attributes, void *(*main)(void *), void *argument)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(thread, attributes, main, argument);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -rc;
}

/* `wanted` describes the job; it is copied to a free slot. */
static int start_job(struct opt_tracer *tracer, const struct mark_job *wanted)
{
	struct mark_job *job = NULL;
	pthread_attr_t attributes;
	pthread_t thread;
	int rc;

	for (int i = 0; i < MARK_SLOTS && job == NULL; i++) {
		if (!atomic_exchange(&tracer->jobs[i].busy, true))
			job = &tracer->jobs[i];
	}
	if (job == NULL)
		return -EAGAIN;
	job->tracer = tracer;
	job->kind = wanted->kind;
	job->token = wanted->token;
	job->mount_id = wanted->mount_id;
	job->pid = wanted->pid;
	job->scope = wanted->scope;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, HELPER_STACK);
	rc = start_thread(&thread, &attributes, job_main, job);
	pthread_attr_destroy(&attributes);
	if (rc < 0)
		atomic_store(&job->busy, false);
	return rc;
}

static bool jobs_busy(struct opt_tracer *tracer)
{
	for (int i = 0; i < MARK_SLOTS; i++) {
		if (atomic_load(&tracer->jobs[i].busy))
			return true;
	}
	return false;
}

/* ---- life ---- */

static int open_group(uint32_t options)
{
	unsigned flags = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_MARKS;
	/* NONBLOCK: reading the event of a FIFO opens it, which else waits until somebody writes to it. */
	unsigned event_flags = O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NOATIME | O_NONBLOCK;
	int fd;

	if (!(options & OPT_BOUNDED_QUEUE))
		flags |= FAN_UNLIMITED_QUEUE;
	fd = fanotify_init(flags | FAN_REPORT_FD_ERROR, event_flags);
	if (fd < 0 && errno == EINVAL) /* before Linux 6.13 */
		fd = fanotify_init(flags, event_flags);
	return fd < 0 ? -errno : fd;
}

/* A read() takes a part of the descriptors that are allowed: the rest of the program needs some, too. */
static size_t batch_bytes(void)
{
	struct rlimit limit;
	size_t events = BATCH_EVENTS;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 4 < events)
		events = limit.rlim_cur / 4;
	if (events < BATCH_EVENTS_MIN)
		events = BATCH_EVENTS_MIN;
	return events * sizeof(struct fanotify_event_metadata);
}

/* Which kind of mount id this kernel has: the one that is never used again, if it can be had. */
static int probe_mount_ids(struct opt_tracer *tracer)
{
	const uint32_t masks[] = { STATX_MNT_ID_UNIQUE, STATX_MNT_ID };
	struct statx st;

	for (int i = 0; i < 2; i++) {
		int rc;

		tracer->mount_id_mask = masks[i];
		rc = stat_fd(tracer, tracer->proc_fd, &st);
		if (rc == -EINVAL) /* a mask that a kernel does not take is one that it does not know */
			continue;
		if (rc < 0 || (st.stx_mask & masks[i]))
			return rc;
	}
	return -EOPNOTSUPP;
}

/* EINVAL means an older kernel: there a file costs as often as it is opened. */
static bool probe_evictable(const struct opt_tracer *tracer)
{
	const unsigned flags = FAN_MARK_IGNORED_MASK | FAN_MARK_EVICTABLE;

	if (fanotify_mark(tracer->fan_fd, FAN_MARK_ADD | flags, EVENTS, tracer->proc_fd, NULL) < 0)
		return false;
	fanotify_mark(tracer->fan_fd, FAN_MARK_FLUSH, 0, AT_FDCWD, "/");
	return true;
}

static void close_all(struct opt_tracer *tracer)
{
	const int fds[] = { tracer->fan_fd, tracer->wake_fd, tracer->stream_fd, tracer->proc_fd };

	for (int i = 0; i < 4; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

static int open_all(struct opt_tracer *tracer, uint32_t options, int *reading_end)
{
	int ends[2], bytes = STREAM_BYTES;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	*reading_end = ends[0];
	tracer->stream_fd = ends[1];
	setsockopt(ends[1], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	tracer->proc_fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tracer->proc_fd < 0)
		return -errno;
	tracer->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (tracer->wake_fd < 0)
		return -errno;
	tracer->fan_fd = open_group(options);
	if (tracer->fan_fd < 0)
		return tracer->fan_fd;
	tracer->evictable = probe_evictable(tracer);
	return probe_mount_ids(tracer);
}

/* EAGAIN: the counter is full, and so the thread is awake already. */
static int wake(struct opt_tracer *tracer)
{
	return write(tracer->wake_fd, &(uint64_t){ 1 }, sizeof(uint64_t)) < 0 && errno != EAGAIN ? -errno : 0;
}

int32_t opt_abi_version(void)
{
	return OPT_ABI_VERSION;
}

int32_t opt_raise_nofile(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	return limit.rlim_cur > INT32_MAX ? INT32_MAX : (int32_t)limit.rlim_cur;
}

int32_t opt_set_cloexec(int32_t fd)
{
	return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
}

int32_t opt_lock(int32_t fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

int32_t opt_peer_pid(int32_t fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 ? -errno : peer.pid;
}

int32_t opt_link_file(int32_t fd, const char *path)
{
	char open_file[sizeof("/proc/self/fd/") + 11];

	/* By its descriptor alone (AT_EMPTY_PATH) it would take CAP_DAC_READ_SEARCH. */
	snprintf(open_file, sizeof(open_file), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, open_file, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

int32_t opt_get_xattr(const char *path, const char *name, void *value, uint32_t size)
{
	ssize_t length = lgetxattr(path, name, value, size);

	return length < 0 ? -errno : (int32_t)length;
}

int32_t opt_send_datagram(const char *path, const void *bytes, uint32_t length)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int rc = 0;
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, bytes, length, MSG_NOSIGNAL, (const struct sockaddr *)&address, sizeof(address)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

int32_t opt_start(uint32_t options, struct opt_tracer **tracer_out, int32_t *stream_fd_out)
{
	struct opt_tracer *tracer =
		mmap(NULL, sizeof(*tracer), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int reading_end = -1;
	int rc;

	if (tracer == MAP_FAILED)
		return -errno;
	tracer->fan_fd = tracer->wake_fd = tracer->stream_fd = tracer->proc_fd = -1;
	tracer->own_pid = getpid();
	tracer->batch_bytes = batch_bytes();
	atomic_store(&tracer->ignoring, true);
	atomic_store(&tracer->generation, 1);
	pthread_mutex_init(&tracer->write_lock, NULL);
	rc = open_all(tracer, options, &reading_end);
	if (rc == 0)
		rc = start_thread(&tracer->drain, NULL, drain_main, tracer);
	if (rc < 0) {
		if (reading_end >= 0)
			close(reading_end);
		close_all(tracer);
		munmap(tracer, sizeof(*tracer));
		return rc;
	}
	*tracer_out = tracer;
	*stream_fd_out = reading_end;
	return 0;
}

int32_t opt_mark(struct opt_tracer *tracer, uint64_t token, int32_t pid, uint32_t scope)
{
	return start_job(tracer, &(struct mark_job){ .kind = JOB_MARK, .token = token, .pid = pid, .scope = scope });
}

int32_t opt_unmark(struct opt_tracer *tracer, uint64_t token, uint64_t mount_id, int32_t pid, uint32_t scope)
{
	return start_job(tracer, &(struct mark_job){
					 .kind = JOB_UNMARK,
					 .token = token,
					 .mount_id = mount_id,
					 .pid = pid,
					 .scope = scope,
				 });
}

int32_t opt_barrier(struct opt_tracer *tracer, uint64_t token)
{
	atomic_store(&tracer->barrier_wanted, token);
	return wake(tracer);
}

int32_t opt_forget(struct opt_tracer *tracer, uint32_t ignoring)
{
	atomic_store(&tracer->ignoring, ignoring != 0);
	atomic_fetch_add(&tracer->forget_wanted, 1);
	wake(tracer); /* the barrier asked for afterwards does it else */
	return 0;
}

int32_t opt_queue_peak(struct opt_tracer *tracer, uint32_t reset)
{
	return reset ? atomic_exchange(&tracer->queue_peak, 0) : atomic_load(&tracer->queue_peak);
}

int32_t opt_repeats(struct opt_tracer *tracer)
{
	return (int32_t)(atomic_load(&tracer->repeats) & INT32_MAX);
}

int32_t opt_stop(struct opt_tracer *tracer)
{
	atomic_store(&tracer->stopping, true);
	/* Frees a thread that waits for the reader to take more. */
	shutdown(tracer->stream_fd, SHUT_RDWR);
	wake(tracer);
	/* A thread that hangs in a dead file system still uses the tracer: rather leave it than pull it away. */
	for (int waited_ms = 0; pthread_tryjoin_np(tracer->drain, NULL) == EBUSY; waited_ms++) {
		if (waited_ms == DRAIN_WAIT_MS)
			return -EBUSY;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	for (int waited_ms = 0; jobs_busy(tracer); waited_ms++) {
		if (waited_ms == STOP_WAIT_MS)
			return -EBUSY;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	close_all(tracer);
	pthread_mutex_destroy(&tracer->write_lock);
	munmap(tracer, sizeof(*tracer));
	return 0;
}
