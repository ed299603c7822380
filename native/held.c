/* held.c - becoming a command that waits until it is traced; see shim.h for the contract. */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "inject.h"

/* Room for the overlay's options: a path, with each character escaped. */
#define OPTIONS_BYTES (3 * PATH_MAX)

static int failed(const char *step, const char **step_out)
{
	*step_out = step;
	return -errno;
}

/* A folder to mount over that does not cover `path`. It is covered in this namespace only. */
static const char *scratch_folder(const char *path)
{
	static const char *const folders[] = { "/mnt", "/tmp", "/run", "/var", "/home" };
	struct stat st;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		size_t length = strlen(folders[i]);

		if (stat(folders[i], &st) < 0 || !S_ISDIR(st.st_mode))
			continue;
		if (strncmp(path, folders[i], length) != 0 || path[length] != '/')
			return folders[i];
	}
	errno = ENOENT;
	return NULL;
}

/* Colons, commas and backslashes mean something in overlay's options. */
static void append_escaped(char *options, const char *path)
{
	char *out = options + strlen(options);

	for (; *path != '\0'; path++) {
		if (strchr(":,\\", *path) != NULL)
			*out++ = '\\';
		*out++ = *path;
	}
	*out = '\0';
}

/* Mounts an overlay over `rootfs` and makes its root the current folder. */
static int mount_overlay(const char *rootfs, const char **step_out)
{
	char options[OPTIONS_BYTES] = "upperdir=upper,workdir=work,lowerdir=";
	char lower[PATH_MAX];
	const char *scratch;

	if (realpath(rootfs, lower) == NULL)
		return failed("find the root file system", step_out);
	scratch = scratch_folder(lower);
	if (scratch == NULL || mount("tmpfs", scratch, "tmpfs", 0, "mode=755") < 0 || chdir(scratch) < 0)
		return failed("mount a tmpfs for what the command writes", step_out);
	if (mkdir("upper", 0755) < 0 || mkdir("work", 0755) < 0 || mkdir("root", 0755) < 0)
		return failed("make folders for an overlay", step_out);
	append_escaped(options, lower);
	if (mount("overlay", "root", "overlay", 0, options) < 0 || chdir("root") < 0)
		return failed("mount an overlay over the root file system", step_out);
	return 0;
}

/* The host's /proc, /sys and /dev below the current folder. A missing folder comes to be in the overlay. */
static int mount_system(const char **step_out)
{
	static const char *const folders[][2] = { { "/proc", "proc" }, { "/sys", "sys" }, { "/dev", "dev" } };

	for (int i = 0; i < 3; i++) {
		if (mkdir(folders[i][1], 0755) < 0 && errno != EEXIST)
			return failed("make a folder for /proc, /sys or /dev", step_out);
		if (mount(folders[i][0], folders[i][1], NULL, MS_BIND | MS_REC, NULL) < 0)
			return failed("mount /proc, /sys or /dev", step_out);
	}
	return 0;
}

static int enter_rootfs(const char *rootfs, const char **step_out)
{
	int rc = mount_overlay(rootfs, step_out);

	if (rc == 0)
		rc = mount_system(step_out);
	if (rc < 0)
		return rc;
	/* The old root comes to lie on top of the new one, and is taken away. */
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return failed("enter the overlay", step_out);
	return 0;
}

/* What a program inherits: no ignored and no blocked signals, whatever the host program has. */
static void reset_signals(void)
{
	sigset_t none;

	for (int signal_number = 1; signal_number < NSIG; signal_number++)
		signal(signal_number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int wait_for_word(int fd, const char **step_out)
{
	char byte = '.';
	ssize_t got;

	if (write(fd, &byte, 1) != 1)
		return failed("tell that it is ready", step_out);
	do
		got = read(fd, &byte, 1);
	while (got < 0 && errno == EINTR);
	if (got == 1)
		return 0;
	errno = got == 0 ? ECANCELED : errno;
	return failed("wait for the word to go on", step_out);
}

int32_t opt_exec_held(const char *rootfs, char *const argv[], int32_t word_fd, const char **step_out)
{
	int rc = 0;

	if (unshare(CLONE_NEWNS) < 0)
		return failed("make a mount namespace", step_out);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return failed("make the mounts private", step_out);
	if (rootfs != NULL)
		rc = enter_rootfs(rootfs, step_out);
	if (rc == 0)
		rc = wait_for_word(word_fd, step_out);
	if (rc < 0)
		return rc;
	close(word_fd);
	reset_signals();
	execvp(argv[0], argv);
	return failed("run the command", step_out);
}
