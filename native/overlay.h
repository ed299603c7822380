/* overlay.h - a throw-away overlay over a root file system; for held.c alone. */
#ifndef OPTIMIZER_OVERLAY_H
#define OPTIMIZER_OVERLAY_H

#include <errno.h>
#include <sys/types.h>

/* Says which step failed, and why. */
static inline int failed(const char *step, const char **step_out)
{
	*step_out = step;
	return -errno;
}

/*
 * Mounts an overlay over `rootfs` and makes its root the current folder. What is
 * written goes to a tmpfs, and with the mount namespace, which has to be the
 * caller's own. Stores in `image_device` the st_dev that a file of `rootfs` has
 * there as long as it lives, also when it was changed or renamed, and no file that
 * was made there has; 0 where overlay does not keep them apart.
 * Returns 0, or -errno and the step in `step_out`.
 */
int opt_mount_overlay(const char *rootfs, dev_t *image_device, const char **step_out);

#endif
