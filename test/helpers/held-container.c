/*
 * held-container.c - a process in a mount namespace of its own, with a root of its own, that does what it is told.
 *
 *   held-container HOST CHDIR MOUNTPOINT FSTYPE [KEY=VALUE …]
 *
 * Mounts FSTYPE (or, for "bind", the folder SOURCE of source=SOURCE) at MOUNTPOINT, makes that the root of a child,
 * and serves commands there. HOST is 1 where the host is to see the mount too, as with containerd, else 0. CHDIR is
 * the folder that relative layers start from.
 *
 * A command is a row of NUL-terminated words with an empty one behind. The answer is "+TEXT" or "-ERRNO" with a NUL.
 * The first answer is "+PID". At the end of stdin everything is gone: the namespace, and with it the mounts.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 64, CROWD_MAX = 16 };

static pid_t storm;

static void die(const char *act)
{
	fprintf(stderr, "held-container: %s: %s\n", act, strerror(errno));
	exit(1);
}

/* By the newer calls: the options of mount(2) cannot have commas in their values. */
static void mount_new(const char *type, char **options, const char *at)
{
	int fs = fsopen(type, FSOPEN_CLOEXEC);
	int mount_fd;

	if (fs < 0)
		die("fsopen");
	for (; *options != NULL; options++) {
		char *value = strchr(*options, '=');

		*value++ = 0;
		if (fsconfig(fs, FSCONFIG_SET_STRING, *options, value, 0) < 0)
			die(*options);
	}
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		die("create the file system");
	mount_fd = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (mount_fd < 0 || move_mount(mount_fd, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		die("mount");
	close(mount_fd);
	close(fs);
}

static void mount_root(const char *type, char **options, const char *at)
{
	if (strcmp(type, "bind") != 0)
		mount_new(type, options, at);
	else if (mount(options[0] + strlen("source="), at, NULL, MS_BIND, NULL) < 0)
		die("bind");
}

static void private_namespace(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("unshare");
}

static int switch_root(const char *root)
{
	if (chdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
		return -1;
	return chdir("/");
}

static void enter(const char *root)
{
	if (switch_root(root) < 0)
		die("pivot_root");
	mkdir("/proc", 0755);
	mount("proc", "/proc", "proc", 0, NULL); /* not where the root is read-only */
}

static void answer(long rc, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (rc < 0) {
		printf("-%d", errno);
	} else {
		putchar('+');
		vprintf(format, arguments);
	}
	va_end(arguments);
	putchar(0);
	fflush(stdout);
}

static int touch(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -1 : close(fd);
}

static int touch_all(char **paths)
{
	int rc = 0;

	for (; *paths != NULL && rc == 0; paths++)
		rc = touch(*paths);
	return rc;
}

/* Opens PREFIX0, PREFIX1 and so on, beginning with the one of number `first`. */
static int touch_round(const char *prefix, int count, int first)
{
	char path[4096];
	int rc = 0;

	for (int i = 0; i < count && rc == 0; i++) {
		snprintf(path, sizeof(path), "%s%d", prefix, (first + i) % count);
		rc = touch(path);
	}
	return rc;
}

static int touch_many(const char *prefix, int count)
{
	return touch_round(prefix, count, 0);
}

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -1;
	return close(fd);
}

/* What a regular file has in it. No link is followed. */
static void answer_content(const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS };
	char text[256] = "";
	long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	ssize_t length = fd < 0 ? -1 : read((int)fd, text, sizeof(text) - 1);

	answer(length, "%s", text);
	if (fd >= 0)
		close((int)fd);
}

/* Waits for a child that does one thing. Its exit code is an errno, or a program's own. */
static int wait_for(pid_t child)
{
	int status;

	if (child < 0 || waitpid(child, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run(char **command)
{
	pid_t child = fork();

	if (child == 0) {
		execv(command[0], command);
		_exit(errno);
	}
	return wait_for(child);
}

/* The same by some processes at once, each of which begins at a place of its own. */
static int touch_crowd(const char *prefix, int count, int processes)
{
	pid_t children[CROWD_MAX];
	int failed = 0;

	for (int i = 0; i < processes && i < CROWD_MAX; i++) {
		children[i] = fork();
		if (children[i] == 0)
			_exit(touch_round(prefix, count, count / processes * i) < 0 ? errno : 0);
	}
	for (int i = 0; i < processes && i < CROWD_MAX; i++) {
		int rc = wait_for(children[i]);

		if (rc != 0)
			failed = rc < 0 ? errno : rc;
	}
	errno = failed;
	return failed == 0 ? 0 : -1;
}

/* Makes a folder the root, through a mount of its own; nothing of the old root's mount is left. */
static int pivot(const char *folder)
{
	return mount(folder, folder, NULL, MS_BIND, NULL) < 0 ? -1 : switch_root(folder);
}

/* Starts a program that ends with us, if not before. It says nothing on stdout, which is ours. */
static int spawn(char **command)
{
	pid_t child = fork();

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execv(command[0], command);
		_exit(errno);
	}
	return child;
}

/* Opens files through the mounts of another namespace: copies of ours. */
static int touch_unshared(char **paths)
{
	pid_t child = fork();

	if (child == 0)
		_exit(unshare(CLONE_NEWNS) < 0 || touch_all(paths) < 0 ? errno : 0);
	return wait_for(child);
}

/* Begins to make files, open them and take them away, without end. */
static int begin_storm(const char *folder)
{
	char path[4096];

	storm = fork();
	if (storm != 0)
		return storm;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0;; i++) {
		snprintf(path, sizeof(path), "%s/%u", folder, i);
		if (put(path, "") < 0 || touch(path) < 0 || unlink(path) < 0)
			_exit(errno);
	}
}

static void serve(char **words)
{
	const char *name = words[0], *path = words[1];
	int rc;

	if (strcmp(name, "open") == 0)
		answer(touch_all(words + 1), "");
	else if (strcmp(name, "many") == 0)
		answer(touch_many(path, atoi(words[2])), "");
	else if (strcmp(name, "crowd") == 0)
		answer(touch_crowd(path, atoi(words[2]), atoi(words[3])), "");
	else if (strcmp(name, "read") == 0)
		answer_content(path);
	else if (strcmp(name, "write") == 0)
		answer(put(path, words[2]), "");
	else if (strcmp(name, "mkdir") == 0)
		answer(mkdir(path, 0755), "");
	else if (strcmp(name, "rmdir") == 0)
		answer(rmdir(path), "");
	else if (strcmp(name, "unlink") == 0)
		answer(unlink(path), "");
	else if (strcmp(name, "rename") == 0)
		answer(rename(path, words[2]), "");
	else if (strcmp(name, "link") == 0)
		answer(link(path, words[2]), "");
	else if (strcmp(name, "symlink") == 0)
		answer(symlink(path, words[2]), "");
	else if (strcmp(name, "pivot") == 0)
		answer(pivot(path), "");
	else if (strcmp(name, "bind") == 0)
		answer(mount(path, words[2], NULL, MS_BIND, NULL), "");
	else if (strcmp(name, "detach") == 0)
		answer(umount2(path, MNT_DETACH), "");
	else if (strcmp(name, "fifo") == 0)
		answer(mkfifo(path, 0644), "");
	else if (strcmp(name, "hold") == 0) {
		rc = open(path, O_RDONLY | O_CLOEXEC);
		answer(rc, "%d", rc);
	} else if (strcmp(name, "run") == 0) {
		rc = run(words + 1);
		answer(rc, "%d", rc);
	} else if (strcmp(name, "spawn") == 0) {
		rc = spawn(words + 1);
		answer(rc, "%d", rc);
	} else if (strcmp(name, "unshared") == 0) {
		rc = touch_unshared(words + 1);
		answer(rc, "%d", rc);
	} else if (strcmp(name, "storm") == 0) {
		answer(begin_storm(path), "");
	} else if (strcmp(name, "calm") == 0) {
		rc = kill(storm, SIGKILL);
		wait_for(storm);
		answer(rc, "");
	} else {
		errno = ENOSYS;
		answer(-1, "");
	}
}

static void serve_all(void)
{
	char *words[WORDS_MAX + 1] = { NULL };
	size_t sizes[WORDS_MAX] = { 0 };
	int count = 0;

	while (count < WORDS_MAX && getdelim(&words[count], &sizes[count], 0, stdin) > 0) {
		if (words[count][0] != 0 || count == 0) {
			count++;
			continue;
		}
		char *end = words[count];

		words[count] = NULL;
		serve(words);
		words[count] = end;
		count = 0;
	}
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "open") == 0)
		return touch_all(argv + 2) < 0 ? errno : 0;
	if (argc < 5)
		return 2;

	int host = atoi(argv[1]);
	const char *at = argv[3];

	signal(SIGPIPE, SIG_IGN);
	if (chdir(argv[2]) < 0)
		die("chdir");
	if (host)
		mount_root(argv[4], argv + 5, at);
	/* Somebody has to stay outside only where there is something to unmount. */
	pid_t child = host ? fork() : 0;
	if (child == 0) {
		private_namespace();
		if (!host)
			mount_root(argv[4], argv + 5, at);
		enter(at);
		answer(0, "%d", getpid());
		serve_all();
		return 0;
	}
	fclose(stdin);
	fclose(stdout);
	wait_for(child);
	umount2(at, MNT_DETACH);
	return 0;
}
