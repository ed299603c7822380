/* probe.c - what the running kernel can do, asked without a tracer; see shim.h for the contract. */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inject.h"

/* Newer than the headers of Debian 12. */
#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x00000200
#endif

enum { EVENTS_AT_ONCE = 64 };

/* A file that is there whatever the host has, and may be open by any other process as well. */
#define FILE_NAME "/proc/self/exe"

/* Whether an event is one of this process, and of the file `wanted`. Closes the event's descriptor. */
static bool is_own(const struct fanotify_event_metadata *event, const struct stat *wanted)
{
	struct stat found;
	bool is_same;

	if (event->fd < 0)
		return false;
	is_same = event->pid == getpid() && fstat(event->fd, &found) == 0 && found.st_ino == wanted->st_ino &&
		  found.st_dev == wanted->st_dev;
	close(event->fd);
	return is_same;
}

/* Reads all events that wait; returns whether one of them is our own, or -errno. */
static int find_own_event(int group, const struct stat *wanted)
{
	struct fanotify_event_metadata events[EVENTS_AT_ONCE];
	bool is_found = false;

	for (;;) {
		const struct fanotify_event_metadata *event = events;
		ssize_t length = read(group, events, sizeof(events));

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return errno == EAGAIN ? is_found : -errno;
		for (; FAN_EVENT_OK(event, length); event = FAN_EVENT_NEXT(event, length))
			is_found |= is_own(event, wanted);
	}
}

/* Opens the file once more; returns whether the kernel tells of it, or -errno. */
static int is_open_told(int group, const struct stat *wanted)
{
	int fd = open(FILE_NAME, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return find_own_event(group, wanted);
}

static int probe(int group, int fd)
{
	struct stat wanted;
	int rc;

	if (fstat(fd, &wanted) < 0 || fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN, fd, NULL) < 0)
		return -errno;
	rc = is_open_told(group, &wanted);
	if (rc <= 0)
		return rc < 0 ? rc : -ENODATA;
	if (fanotify_mark(group,
			  FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY | FAN_MARK_EVICTABLE,
			  FAN_OPEN, fd, NULL) < 0)
		return errno == EINVAL ? 0 : -errno;
	rc = is_open_told(group, &wanted);
	return rc < 0 ? rc : !rc;
}

int32_t opt_probe_ignore_marks(void)
{
	int group = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int fd, rc;

	if (group < 0)
		return -errno;
	fd = open(FILE_NAME, O_RDONLY | O_CLOEXEC);
	rc = fd < 0 ? -errno : probe(group, fd);
	if (fd >= 0)
		close(fd);
	close(group);
	return rc;
}
