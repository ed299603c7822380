/* held.c - becoming a command that waits until it is traced; see shim.h for the contract. */
#define _GNU_SOURCE
#include "overlay.h"
#include "shim.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "inject.h"

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

static int enter_rootfs(const char *rootfs, dev_t *image_device, const char **step_out)
{
	int rc = opt_mount_overlay(rootfs, image_device, step_out);

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

/* `NAME=VALUE` of an environment, or NULL. */
static char *find_variable(char *const environment[], const char *name)
{
	size_t length = strlen(name);

	for (; environment != NULL && *environment != NULL; environment++) {
		if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
			return *environment;
	}
	return NULL;
}

/* `variables` are as opt_exec_held() takes them. Those that are taken over are looked up before any is set. */
static int set_environment(bool is_clean, char *variables[], const char **step_out)
{
	for (char **variable = variables; *variable != NULL; variable++) {
		char *own = strchr(*variable, '=') == NULL ? find_variable(environ, *variable) : NULL;

		if (own != NULL)
			*variable = own;
	}
	if (is_clean)
		clearenv();
	for (; *variables != NULL; variables++) {
		if (strchr(*variables, '=') != NULL && putenv(*variables) != 0)
			return failed("set its environment", step_out);
	}
	return 0;
}

/* Tells that the command is ready, and waits for the word to go on. */
static int wait_for_word(int fd, dev_t image_device, const char **step_out)
{
	struct opt_held_ready ready = { .dev_major = major(image_device), .dev_minor = minor(image_device) };
	ssize_t got;
	char byte;

	if (write(fd, &ready, sizeof(ready)) != sizeof(ready))
		return failed("tell that it is ready", step_out);
	do
		got = read(fd, &byte, 1);
	while (got < 0 && errno == EINTR);
	if (got == 1)
		return 0;
	errno = got == 0 ? ECANCELED : errno;
	return failed("wait for the word to go on", step_out);
}

int32_t opt_exec_held(const char *rootfs, char *const argv[], uint32_t is_clean, char *variables[], int32_t word_fd,
		      const char **step_out)
{
	dev_t image_device = 0;
	int rc = 0;

	if (unshare(CLONE_NEWNS) < 0)
		return failed("make a mount namespace", step_out);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return failed("make the mounts private", step_out);
	if (rootfs != NULL)
		rc = enter_rootfs(rootfs, &image_device, step_out);
	if (rc == 0)
		rc = set_environment(is_clean != 0, variables, step_out);
	if (rc == 0)
		rc = wait_for_word(word_fd, image_device, step_out);
	if (rc < 0)
		return rc;
	close(word_fd);
	reset_signals();
	execvp(argv[0], argv); /* by the command's own PATH */
	return failed("run the command", step_out);
}
