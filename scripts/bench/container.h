/* container.h - what the programs of the benchmark need to be the first process of a container. */
#pragma once

#include <errno.h>
#include <error.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void must(int result, const char *what)
{
	if (result < 0)
		error(1, errno, "%s", what);
}

/*
 * Makes an overlay of `lower` (layers, the topmost first, with colons) the root of this process, in
 * a mount namespace that ends with it. What is written goes to SCRATCH/upper. The process ends with
 * the one that has started it.
 */
static void enter_container(const char *lower, const char *scratch)
{
	char options[8192], merged[4096], path[4200];
	const char *names[] = { "upper", "work", "merged" };
	const char *places[] = { "proc", "dev", "old" };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", scratch, names[i]);
		must(mkdir(path, 0755), path);
	}
	snprintf(merged, sizeof(merged), "%s/merged", scratch);
	snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower, scratch, scratch);
	must(unshare(CLONE_NEWNS), "unshare");
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make mounts private");
	must(mount("overlay", merged, "overlay", 0, options), "mount overlay");
	must(chdir(merged), merged);
	for (int i = 0; i < 3; i++) {
		if (mkdir(places[i], 0755) < 0 && errno != EEXIST)
			error(1, errno, "mkdir %s", places[i]);
	}
	must(mount("proc", "proc", "proc", 0, NULL), "mount proc");
	must(mount("/dev", "dev", NULL, MS_BIND | MS_REC, NULL), "bind /dev");
	must((int)syscall(SYS_pivot_root, ".", "old"), "pivot_root");
	must(chdir("/"), "chdir");
	must(umount2("/old", MNT_DETACH), "umount old root");
}

/* Says that everything is prepared, and waits for a byte on standard input. */
static void wait_for_go(void)
{
	char byte;

	puts("ready");
	fflush(stdout);
	if (read(0, &byte, 1) != 1)
		exit(1);
}

struct clocks {
	int64_t wall_ns, cpu_us;
};

/* `who` as getrusage() takes it. */
static struct clocks read_clocks(int who)
{
	struct timespec now;
	struct rusage usage;

	clock_gettime(CLOCK_MONOTONIC, &now);
	getrusage(who, &usage);
	return (struct clocks){
		.wall_ns = now.tv_sec * 1000000000ll + now.tv_nsec,
		.cpu_us = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000ll + usage.ru_utime.tv_usec +
			  usage.ru_stime.tv_usec,
	};
}

/* A line with the microseconds that have gone by since `start`, and those of CPU time. */
static void print_since(const struct clocks *start, int who)
{
	struct clocks now = read_clocks(who);

	printf("%lld %lld\n", (long long)(now.wall_ns - start->wall_ns) / 1000, (long long)(now.cpu_us - start->cpu_us));
	fflush(stdout);
}

/* Stays until standard input ends: else whoever reads the last event would have to take the mount down. */
static void wait_for_end(void)
{
	char byte;

	while (read(0, &byte, 1) > 0)
		;
}
