/* overlay.c - a throw-away overlay over a root file system; see overlay.h for the contract. */
#define _GNU_SOURCE
#include "overlay.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "inject.h"

/* A file that is made to see how it is shown. */
#define MARKER "/.made"

enum {
	OPTIONS_BYTES = 3 * PATH_MAX, /* a path, with each character escaped, and the rest */
	ATTRIBUTE_BYTES = 4096,       /* of one attribute, and of the names of all */
	DEPTH_MAX = 32,               /* of the folders in which a file is looked for */
	ENTRIES_MAX = 10000,          /* so many names are looked at */
	COPY_BYTES_MAX = 1 << 20,     /* a larger file is not copied to try something */
};

/* A folder to mount over that does not cover `path`. It is covered in this namespace only. */
static const char *scratch_folder(const char *path)
{
	static const char *const folders[] = { "/mnt", "/tmp", "/run", "/var", "/home" };
	struct stat st;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		size_t length = strlen(folders[i]);

		if (stat(folders[i], &st) < 0 || !S_ISDIR(st.st_mode))
			continue;
		if (strncmp(path, folders[i], length) != 0 || (path[length] != '/' && path[length] != '\0'))
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

/*
 * Mounts at "root". The numbers of files are as without xino: with it they get so
 * large that a program of 32 bits cannot stat() them.
 */
static int mount_layers(const char *lower, const char *changes, const char *index)
{
	char options[OPTIONS_BYTES];

	snprintf(options, sizeof(options), "upperdir=%s/upper,workdir=%s/work,xino=off,index=%s,lowerdir=", changes,
		 changes, index);
	append_escaped(options, lower);
	return mount("overlay", "root", "overlay", 0, options);
}

static int make_folders(const char *changes)
{
	static const char *const names[] = { "", "/upper", "/work" };
	char path[64];

	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", changes, names[i]);
		if (mkdir(path, 0755) < 0)
			return -1;
	}
	return 0;
}

/* ---- the root folder's own attributes ---- */

/* An overlay's own attributes say nothing of the folder, and are hidden in one. */
static bool is_overlays(const char *name)
{
	return strncmp(name, "trusted.overlay.", 16) == 0 || strncmp(name, "user.overlay.", 13) == 0;
}

/* As far as a tmpfs takes them. */
static void copy_attributes(const char *from, const char *to)
{
	char names[ATTRIBUTE_BYTES], value[ATTRIBUTE_BYTES];
	ssize_t length = listxattr(from, names, sizeof(names));

	for (const char *name = names; name < names + length; name += strlen(name) + 1) {
		ssize_t size = is_overlays(name) ? -1 : getxattr(from, name, value, sizeof(value));

		if (size >= 0)
			setxattr(to, name, value, (size_t)size, 0);
	}
}

/* An overlay's root has the owner, mode and attributes of its upper folder. */
static int copy_ownership(const char *from, const char *to)
{
	struct stat st;

	if (stat(from, &st) < 0 || chown(to, st.st_uid, st.st_gid) < 0 || chmod(to, st.st_mode & 07777) < 0)
		return -1;
	copy_attributes(from, to);
	utimensat(AT_FDCWD, to, (const struct timespec[]){ st.st_atim, st.st_mtim }, 0);
	return 0;
}

/* ---- whether files that were made can be told from the image's ---- */

/* The copy of a file with several names is another file. */
static bool can_be_tried(const struct stat *st)
{
	return st->st_nlink == 1 &&
	       (S_ISLNK(st->st_mode) || (S_ISREG(st->st_mode) && st->st_size <= COPY_BYTES_MAX));
}

/* An overlay shows what is below a mount, not what is in it. A device does not tell: a bind mount may have the same. */
static bool is_mounted_over(int folder, const char *name)
{
	struct statx st;

	return statx(folder, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

/*
 * Finds a file to try the overlay with, in `folder` or below, whose path so far is in
 * `path`; its own comes to be there. Closes `folder`. `entries_left` counts names down.
 */
static bool find_file(int folder, char path[PATH_MAX], int depth, int *entries_left)
{
	size_t length = strlen(path);
	DIR *entries = fdopendir(folder);
	struct dirent *entry;
	bool found = false;

	if (entries == NULL) {
		close(folder);
		return false;
	}
	while (!found && (*entries_left)-- > 0 && (entry = readdir(entries)) != NULL) {
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (strcmp(entry->d_name, MARKER + 1) == 0)
			continue;
		if (length + 1 + strlen(entry->d_name) >= PATH_MAX)
			continue;
		if (is_mounted_over(folder, entry->d_name))
			continue;
		if (fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		sprintf(path + length, "/%s", entry->d_name);
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
			int below = openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			found = below >= 0 && find_file(below, path, depth + 1, entries_left);
		} else {
			found = can_be_tried(&st);
		}
	}
	closedir(entries);
	return found;
}

static int stat_below(const char *folder, const char *path, struct stat *st)
{
	char whole[2 * PATH_MAX];

	snprintf(whole, sizeof(whole), "%s%s", folder, path);
	return lstat(whole, st);
}

/* Changes what makes overlay copy a file to the upper folder, and nothing else. */
static int copy_up(const char *path)
{
	char whole[2 * PATH_MAX];

	snprintf(whole, sizeof(whole), "root%s", path);
	return lchown(whole, (uid_t)-1, (gid_t)-1);
}

/*
 * Whether overlay still knows that the copy of a file is the image's when it has
 * forgotten the file itself, as the kernel may at any time. It does where the image's
 * file system has lasting file handles and an identity; which way of mounting helps,
 * and how, differs between kernels: so it is tried, in an overlay of its own.
 */
static bool knows_copies(const char *lower, const char *path, const char *index)
{
	struct stat image, copy, made;
	char changes[16], marker[32];
	bool copied, knows;

	snprintf(changes, sizeof(changes), "probe-%s", index);
	snprintf(marker, sizeof(marker), "%s/upper" MARKER, changes);
	if (make_folders(changes) < 0 || mknod(marker, S_IFREG | 0600, 0) < 0 || stat_below(lower, path, &image) < 0)
		return false;
	if (mount_layers(lower, changes, index) < 0)
		return false;
	copied = copy_up(path) == 0;
	if (umount2("root", 0) < 0 || !copied || mount_layers(lower, changes, index) < 0)
		return false;
	knows = stat_below("root", path, &copy) == 0 && stat_below("root", MARKER, &made) == 0 &&
		copy.st_ino == image.st_ino && copy.st_dev != made.st_dev;
	return umount2("root", 0) == 0 && knows;
}

/* The way of mounting with which `path` can be told from a file that replaced it: runtimes' own first. Or NULL. */
static const char *index_that_tells(const char *lower, const char *path)
{
	static const char *const ways[] = { "off", "on" };

	for (int i = 0; i < 2; i++) {
		if (knows_copies(lower, path, ways[i]))
			return ways[i];
	}
	return NULL;
}

int opt_mount_overlay(const char *rootfs, dev_t *image_device, const char **step_out)
{
	char lower[PATH_MAX], path[PATH_MAX] = "";
	const char *scratch, *index = NULL;
	int entries_left = ENTRIES_MAX;
	struct stat st;
	int folder;

	if (realpath(rootfs, lower) == NULL)
		return failed("find the root file system", step_out);
	scratch = scratch_folder(lower);
	if (scratch == NULL || mount("tmpfs", scratch, "tmpfs", 0, "mode=755") < 0 || chdir(scratch) < 0)
		return failed("mount a tmpfs for what the command writes", step_out);
	if (make_folders("changes") < 0 || mkdir("root", 0755) < 0 || copy_ownership(lower, "changes/upper") < 0)
		return failed("make folders for an overlay", step_out);
	folder = open(lower, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder >= 0 && find_file(folder, path, 0, &entries_left))
		index = index_that_tells(lower, path);
	if (mount_layers(lower, "changes", index == NULL ? "off" : index) < 0 || chdir("root") < 0)
		return failed("mount an overlay over the root file system", step_out);
	*image_device = index != NULL && stat_below(".", path, &st) == 0 ? st.st_dev : 0;
	return 0;
}
