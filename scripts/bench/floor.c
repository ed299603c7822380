/*
 * floor.c PID - the least that a recorder can do, for comparison: the root of PID is marked, and for
 * each event there is a statx(), a readlink(), an ignore mark and a close(), and nothing is kept but
 * a count. Prints "ready"; a byte on standard input ends it; then it drains the queue and prints
 * the number of events and its CPU time in microseconds.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/fanotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x00000200
#endif

int main(int argc, char **argv)
{
	static _Alignas(8) char buffer[256 * sizeof(struct fanotify_event_metadata)];
	struct rlimit limit;
	struct rusage usage;
	struct statx st;
	char path[4096];
	long events = 0;
	int group = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS,
				  O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NOATIME);

	if (argc != 2 || group < 0)
		error(1, errno, "usage: floor PID, as root");
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	snprintf(path, sizeof(path), "/proc/%s/root", argv[1]);
	if (fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN | FAN_OPEN_EXEC, AT_FDCWD, path) < 0)
		error(1, errno, "mark %s", path);
	puts("ready");
	fflush(stdout);
	for (;;) {
		ssize_t length = read(group, buffer, sizeof(buffer));
		struct fanotify_event_metadata *event = (void *)buffer;

		if (length < 0) {
			struct pollfd fds[] = { { .fd = group, .events = POLLIN }, { .fd = 0, .events = POLLIN } };

			poll(fds, 2, -1);
			if (!(fds[0].revents & POLLIN) && (fds[1].revents & (POLLIN | POLLHUP)))
				break;
			continue;
		}
		for (; FAN_EVENT_OK(event, length); event = FAN_EVENT_NEXT(event, length)) {
			char link[64];

			snprintf(link, sizeof(link), "/proc/self/fd/%d", event->fd);
			statx(event->fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, &st);
			if (readlink(link, path, sizeof(path)) > 0)
				events++;
			fanotify_mark(group,
				      FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY | FAN_MARK_EVICTABLE,
				      FAN_OPEN | FAN_OPEN_EXEC, event->fd, NULL);
			close(event->fd);
		}
	}
	getrusage(RUSAGE_SELF, &usage);
	printf("%ld %lld\n", events,
	       (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000ll + usage.ru_utime.tv_usec +
		       usage.ru_stime.tv_usec);
	return 0;
}
