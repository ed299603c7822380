/* least.c - giving up what a plugin does not need; see shim.h for the contract. */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	/* Lets others go first, and does not starve the thread that reads events. */
	NICE = 1,
	/* Last of the usual ones. The idle class would wait for an idle disk, perhaps for ever. */
	DISK_PRIORITY = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 7),
};

/* Tells the process that has started itself again: execve() keeps a pid, and no child has it. */
#define MARKER "OPTIMIZER_LEAST_PID"

static int failed(const char *step, const char **step_out)
{
	*step_out = step;
	return -errno;
}

/* glibc has no wrappers for these two. Of version 3, each set has two words. */
static struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

static int read_permitted(uint64_t *permitted)
{
	struct __user_cap_data_struct sets[2];

	if (syscall(SYS_capget, &header, sets) < 0)
		return -1;
	*permitted = (uint64_t)sets[1].permitted << 32 | sets[0].permitted;
	return 0;
}

static int write_permitted(uint64_t permitted)
{
	struct __user_cap_data_struct sets[2] = { 0 };

	for (int word = 0; word < 2; word++)
		sets[word].permitted = sets[word].effective = (uint32_t)(permitted >> 32 * word);
	return (int)syscall(SYS_capset, &header, sets);
}

/* Only takes away: what this process does not have it does not get. */
static int keep_capabilities(uint64_t needed)
{
	uint64_t permitted;

	if (read_permitted(&permitted) < 0)
		return -1;
	/* Without CAP_SETPCAP these fail; then no_new_privs alone keeps execve() from giving more. */
	for (unsigned capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
		if ((needed >> capability & 1) == 0)
			prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return write_permitted(permitted & needed);
}

/* Whether this process has been here before it started itself again. */
static bool is_second_start(void)
{
	const char *marker = getenv(MARKER);

	return marker != NULL && atoi(marker) == getpid();
}

/* execve() of /proc/self/exe makes "exe" of it. */
static void name_after(const char *path)
{
	const char *slash = strrchr(path, '/');

	prctl(PR_SET_NAME, slash == NULL ? path : slash + 1, 0, 0, 0);
}

/* Whether whoever has started it, a service manager for example, has done it all. */
static bool was_done(uint64_t needed)
{
	uint64_t permitted;

	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && read_permitted(&permitted) == 0 &&
	       (permitted & ~needed) == 0;
}

static int lower_priority(const char **step_out)
{
	if (getpriority(PRIO_PROCESS, 0) < NICE && setpriority(PRIO_PROCESS, 0, NICE) < 0)
		return failed("lower its priority for the CPU", step_out);
	if (syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, DISK_PRIORITY) < 0)
		return failed("lower its priority for the disk", step_out);
	return 0;
}

/* What a plugin is asked by: to tell its status, and to open its log anew. By default either ends it. */
static const int asking[] = { SIGUSR1, SIGHUP };
enum { ASKING = sizeof(asking) / sizeof(asking[0]) };

static sigset_t asking_set(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (int i = 0; i < ASKING; i++)
		sigaddset(&set, asking[i]);
	return set;
}

/*
 * Both are kept over execve(): that they are blocked, so that what comes stays pending until somebody hears it, and that
 * they are ignored, so that it ends nobody should a thread not have them blocked: epoll_pwait2(), as Bun calls it,
 * unblocks all.
 */
static void hold_signals(uint64_t heard, struct sigaction before[ASKING])
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set = asking_set();

	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < ASKING; i++) {
		sigaction(asking[i], &ignore, &before[i]);
		if (heard >> (asking[i] - 1) & 1)
			raise(asking[i]);
	}
}

static void hear_signals(void)
{
	sigset_t set = asking_set();

	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* Returns only when it fails. */
static int start_again(char *const argv[], uint64_t heard)
{
	struct sigaction before[ASKING];
	int error;

	hold_signals(heard, before);
	execve("/proc/self/exe", argv, environ);
	error = errno;
	for (int i = 0; i < ASKING; i++)
		sigaction(asking[i], &before[i], NULL);
	hear_signals();
	errno = error;
	return -1;
}

int32_t opt_become_least(uint64_t needed, char *const argv[], uint64_t heard, const char **step_out)
{
	char pid[16];
	int rc;

	if (is_second_start()) {
		name_after(argv[0]);
		hear_signals();
		return 0;
	}
	if (was_done(needed))
		return 0;
	rc = lower_priority(step_out);
	if (rc < 0)
		return rc;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return failed("renounce new privileges", step_out);
	if (keep_capabilities(needed) < 0)
		return failed("drop capabilities", step_out);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (setenv(MARKER, pid, 1) < 0)
		return failed("mark its environment", step_out);
	start_again(argv, heard);
	return failed("start itself again", step_out);
}
