/*
 * shim.h - what the kernel side of `optimizer` does for the TypeScript side.
 *
 * The shim does the work that has to be near the kernel: one fanotify group,
 * one thread that drains it, short-lived threads that join a container's mount
 * namespace to place a mark. It knows nothing of containers, images or lists.
 *
 * Rules that hold for every function:
 *  - returns >= 0, or -errno of the call that failed;
 *  - callable from one thread at a time, and never blocks, unless it says so;
 *  - copies what it is given, keeps no pointer of the caller;
 *  - allocates nothing after opt_start(), calls nothing back, logs nothing.
 *
 * Everything that happens later (events, answers to opt_mark() and
 * opt_barrier()) comes as records through the stream that opt_start() makes.
 */
#ifndef OPTIMIZER_SHIM_H
#define OPTIMIZER_SHIM_H

#include <stdint.h>

/* Changes whenever a record or a signature does; checked when the shim is loaded. */
#define OPT_ABI_VERSION 9

/* Kinds of records. */
enum {
	OPT_RECORD_OPEN = 1,     /* a file was opened */
	OPT_RECORD_OVERFLOW = 2, /* the kernel's queue was full: opens were lost here */
	OPT_RECORD_LOST = 3,     /* one event could not be delivered; `status` says why */
	OPT_RECORD_ARMING = 4,   /* `token` is about to be marked: its mount and device */
	OPT_RECORD_MARKED = 5,   /* `token` is marked (`status` 0), or not (-errno, `flags` = step) */
	OPT_RECORD_UNMARKED = 7, /* `token` of opt_unmark() is done with; `status` says how */
	OPT_RECORD_BARRIER = 6,  /* all events queued before opt_barrier(token) are in the stream */
};

/* `flags` of OPT_RECORD_OPEN. */
enum {
	OPT_OPEN_EXEC = 1,    /* opened to be executed, as program or interpreter */
	OPT_OPEN_DELETED = 2, /* unlinked by now; the path still ends in " (deleted)" */
};

/* `flags` of OPT_RECORD_MARKED: the step that failed. */
enum {
	OPT_STEP_OPEN_NAMESPACE = 1, /* open /proc/PID/ns/mnt */
	OPT_STEP_OPEN_ROOT = 2,      /* open /proc/PID/root */
	OPT_STEP_STAT_ROOT = 3,      /* statx of that root */
	OPT_STEP_MARK = 4,           /* fanotify_mark */
};

/* Scope of a mark. */
enum {
	OPT_SCOPE_MOUNT = 0,      /* opens through the root mount only */
	OPT_SCOPE_FILESYSTEM = 1, /* opens through any mount of the root's super block */
};

/* `options` of opt_start(). */
enum {
	OPT_BOUNDED_QUEUE = 1, /* for tests: the kernel's own queue limit applies, to force overflows */
};

/*
 * One record, in host byte order, followed by `path_length` bytes of path (no
 * NUL) and zeros up to `length`, which is a multiple of 8.
 */
struct opt_record {
	uint32_t length;      /*  0: of the whole record, this header included */
	uint32_t kind;        /*  4: OPT_RECORD_* */
	uint64_t time_ns;     /*  8: CLOCK_MONOTONIC when the record was made */
	uint64_t mount_id;    /* 16: the mount the file was opened through, or that is being armed */
	uint64_t token;       /* 24: of opt_mark() or opt_barrier(); of OPT_RECORD_OPEN st_ino */
	uint64_t size;        /* 32: of the file, bytes */
	uint32_t dev_major;   /* 40: st_dev of the file, or of the root directory that is armed */
	uint32_t dev_minor;   /* 44 */
	int32_t pid;          /* 48: process that opened */
	int32_t status;       /* 52: 0 or -errno */
	uint32_t mode;        /* 56: st_mode */
	uint16_t flags;       /* 60: by kind, above */
	uint16_t path_length; /* 62 */
	uint64_t born_ns;     /* 64: when the file was made, CLOCK_REALTIME; 0 where that is not known */
};

struct opt_tracer;

/* Returns OPT_ABI_VERSION. */
int32_t opt_abi_version(void);

/*
 * Raises the soft limit of open files to the hard one: every event that is read
 * installs a descriptor. Returns the new limit, INT32_MAX at most.
 */
int32_t opt_raise_nofile(void);

/* Sets FD_CLOEXEC, so that no child keeps the descriptor. */
int32_t opt_set_cloexec(int32_t fd);

/*
 * Locks the open file against other processes until it is closed, without waiting.
 * -EWOULDBLOCK while another one has it.
 */
int32_t opt_lock(int32_t fd);

/*
 * The process at the other end of a connected unix socket, in this process's numbering: the one that connected, listened
 * or made the pair. 0 when it lies outside of this pid namespace.
 */
int32_t opt_peer_pid(int32_t fd);

/*
 * Gives the open file `fd` the name `path`: one that O_TMPFILE has made without a name,
 * too. -EEXIST where something has that name. Needs /proc. May wait for the disk.
 */
int32_t opt_link_file(int32_t fd, const char *path);

/*
 * Reads an extended attribute of the file itself at `path`, links not followed.
 * Returns its length and stores at most `size` bytes; -ENODATA if there is none.
 * May wait for the disk.
 */
int32_t opt_get_xattr(const char *path, const char *name, void *value, uint32_t size);

/*
 * Sends one datagram to the unix socket at `path` (syslog's), or drops it: it
 * never waits. Returns 0, or -errno when it was dropped.
 */
int32_t opt_send_datagram(const char *path, const void *bytes, uint32_t length);

/*
 * Makes the group, the stream and the drain thread. Stores the tracer and the
 * reading end of the stream, which the caller owns and closes after opt_stop().
 * -EPERM without CAP_SYS_ADMIN, -EOPNOTSUPP where statx() has no mount ids.
 */
int32_t opt_start(uint32_t options, struct opt_tracer **tracer_out, int32_t *stream_fd_out);

/*
 * Marks the root of process `pid`, on a thread of its own that joins the
 * process's mount namespace. Answers with OPT_RECORD_ARMING, which precedes
 * every event of the mark, then OPT_RECORD_MARKED; with the latter alone when it
 * fails before. The workload may run once the second one is there.
 * -EAGAIN when as many marks are under way as the shim can hold.
 */
int32_t opt_mark(struct opt_tracer *tracer, uint64_t token, int32_t pid, uint32_t scope);

/*
 * Takes back a mark. Answers with OPT_RECORD_UNMARKED, whose status is 0,
 * -ENOENT when the mark had vanished (it does with its mount), -EXDEV when the
 * process has another root than the mount `mount_id` by now, -ESRCH when it is
 * gone. -EAGAIN as above.
 */
int32_t opt_unmark(struct opt_tracer *tracer, uint64_t token, uint64_t mount_id, int32_t pid, uint32_t scope);

/*
 * Asks for OPT_RECORD_BARRIER once everything that is in the kernel's queue now
 * has been written to the stream. Tokens must grow; one record answers for all
 * tokens up to its own. An error means that the record may not come before another
 * barrier is asked for.
 */
int32_t opt_barrier(struct opt_tracer *tracer, uint64_t token);

/*
 * Forgets which files were seen, so that each is reported once more, and says
 * whether files are to be ignored by the kernel after their first event from
 * now on (`ignoring` 0 or 1). In effect before a barrier asked for afterwards.
 */
int32_t opt_forget(struct opt_tracer *tracer, uint32_t ignoring);

/*
 * The largest number of events seen waiting in the kernel's queue (each holds
 * some 200 bytes there) since the last call with `reset` 1. Sampled so seldom
 * that it costs nothing: counting makes openers wait.
 */
int32_t opt_queue_peak(struct opt_tracer *tracer, uint32_t reset);

/* Number of repeated events that the shim dropped itself, modulo 2^31. */
int32_t opt_repeats(struct opt_tracer *tracer);

/*
 * Ends the thread and closes the group and the writing end of the stream. Events
 * still in the queue are dropped: ask for a barrier first. Blocks until the
 * threads have ended, some milliseconds. The tracer is gone afterwards. -EBUSY
 * when one hangs in a dead file system: its memory is left to it.
 */
int32_t opt_stop(struct opt_tracer *tracer);

/* ---- held.c ---- */

/* What opt_exec_held() says when it is ready. */
struct opt_held_ready {
	/*
	 * The st_dev that a file of `rootfs` has in its overlay as long as it lives, also
	 * when it was changed or renamed, and no file that was made there has. 0 and 0
	 * without `rootfs`, and where overlay does not keep them apart.
	 */
	uint32_t dev_major; /* 0 */
	uint32_t dev_minor; /* 4 */
};

/*
 * Becomes the command `argv` (ended by NULL), in a mount namespace of its own. With
 * `rootfs`, inside that folder's root file system, under an overlay that takes what
 * is written and goes with the namespace; /proc, /sys and /dev are the host's.
 * The command is found by its own PATH. Of `variables` (ended by NULL) `NAME=VALUE`
 * sets one of its environment, `NAME` takes over the caller's; of several for one
 * name the last counts. The caller's others are there unless `is_clean`. The texts
 * have to last; the array is written to.
 * Before its first instruction it writes a struct opt_held_ready to `word_fd`, which
 * has to be a socket, and waits for one byte; it closes it then.
 * Returns only when it fails: -errno, and `step_out` tells the step; "run the
 * command" is the last one. The calling thread is changed for good: exit.
 */
int32_t opt_exec_held(const char *rootfs, char *const argv[], uint32_t is_clean, char *variables[], int32_t word_fd,
		      const char **step_out);

/* ---- probe.c ---- */

/*
 * Asks the kernel whether it drops the opens of a file that has an evictable ignore
 * mark: opens this program's file before and after the mark, and looks at the events,
 * in a group of its own. Returns 1 or 0; -ENODATA where the first open is not told
 * of either. Blocks for less than a millisecond.
 */
int32_t opt_probe_ignore_marks(void);

/* ---- least.c ---- */

/*
 * Lowers the priorities of this process, renounces new privileges, and keeps of
 * its capabilities those in `needed`, a set of bits as in /proc/PID/status. They
 * are each thread's own, and a thread that is there already keeps what it has: so
 * this process starts itself again, with the command line `argv` (ended by NULL),
 * its environment, and each descriptor that is not close-on-exec.
 * To be called on the main thread, with handlers for SIGUSR1 and SIGHUP in place:
 * neither ends the process meanwhile. Those that come before the second start has
 * its handlers, and those in `heard` (bit N - 1 for signal N), are delivered to
 * these, in its own call of this function.
 * Returns 0 when that was done already, by this process or for it. Returns -errno
 * when it fails, and `step_out` tells the step: what came before it stays done.
 */
int32_t opt_become_least(uint64_t needed, char *const argv[], uint64_t heard, const char **step_out);

#endif
