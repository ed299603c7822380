/*
 * features.c - what the running kernel offers to a tracer, by trying it. The table of
 * kernel.ts is checked with it, so that no expectation rests on a version's number.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

/* Newer than the headers of Debian 12. */
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x00004000U
#endif
#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x00000200
#endif
#ifndef FAN_REPORT_FD_ERROR
#define FAN_REPORT_FD_ERROR 0x00002000
#endif

#define FILE_NAME "features.tmp"

/* Opens the file once; returns the descriptor of its event, or -errno: -EAGAIN when there was none. */
static int open_and_read(int group)
{
	struct fanotify_event_metadata event;
	int fd = open(FILE_NAME, O_RDONLY);

	if (fd < 0)
		return -errno;
	close(fd);
	return read(group, &event, sizeof(event)) < 0 ? -errno : event.fd;
}

/* Whether the kernel drops the opens of a file that has an evictable ignore mark. */
static bool has_ignore_marks(int group)
{
	const unsigned flags =
		FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY | FAN_MARK_EVICTABLE;
	int first = open_and_read(group);

	if (first < 0) {
		fprintf(stderr, "the first open gave no event: %d\n", first);
		return false;
	}
	if (fanotify_mark(group, flags, FAN_OPEN, first, NULL) < 0)
		return false;
	return open_and_read(group) == -EAGAIN;
}

static bool has_unique_mount_ids(void)
{
	struct statx st;

	return statx(AT_FDCWD, ".", 0, STATX_MNT_ID_UNIQUE, &st) == 0 && (st.stx_mask & STATX_MNT_ID_UNIQUE);
}

static const char *word(bool value)
{
	return value ? "true" : "false";
}

int main(void)
{
	int group = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY);
	int made = open(FILE_NAME, O_CREAT | O_WRONLY, 0600);

	if (group < 0 || made < 0 || fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN, AT_FDCWD, ".") < 0) {
		perror("features");
		return 1;
	}
	close(made);
	printf("{\"ignoreMarks\":%s,\"uniqueMountIds\":%s,\"eventErrors\":%s,\"groupLimit\":%s}\n",
	       word(has_ignore_marks(group)), word(has_unique_mount_ids()),
	       word(fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FD_ERROR, O_RDONLY) >= 0),
	       word(access("/proc/sys/fs/fanotify/max_user_groups", F_OK) == 0));
	unlink(FILE_NAME);
	return 0;
}
