/*
 * A disk that can be slow, hang and die: a FUSE file system that passes everything on to a folder.
 *
 * disk FOLDER MOUNTPOINT DELAY_MS   waits DELAY_MS before each change, and says "mounted" on stdout
 *
 * SIGSTOP makes it hang, for readers and writers alike; SIGCONT lets it go on. When it is killed, everything that
 * waits for it fails with ENOTCONN, so that a test that ends leaves nobody hanging.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { REQUEST_BYTES = 1 << 20, PATH_BYTES = 4096 };

/* A name that the kernel knows; its address is the number of its inode there. */
struct node {
	struct node *next;
	char path[PATH_BYTES];
};

static struct node root;
static int device;
static useconds_t delay_us;

static struct node *node_of(uint64_t id)
{
	return id == FUSE_ROOT_ID ? &root : (struct node *)(uintptr_t)id;
}

static struct node *find(const char *path)
{
	struct node *node;

	for (node = &root; node != NULL; node = node->next) {
		if (strcmp(node->path, path) == 0)
			return node;
	}
	node = calloc(1, sizeof(*node));
	if (node == NULL)
		abort();
	strcpy(node->path, path);
	node->next = root.next;
	root.next = node;
	return node;
}

static const char *below(uint64_t parent, const char *name, char path[PATH_BYTES])
{
	snprintf(path, PATH_BYTES, "%.3000s/%.1000s", node_of(parent)->path, name);
	return path;
}

static void reply(uint64_t unique, int error, const void *data, size_t length)
{
	struct fuse_out_header header = { .len = (uint32_t)(sizeof(header) + length), .error = -error, .unique = unique };
	struct iovec parts[] = { { &header, sizeof(header) }, { (void *)data, length } };

	/* The kernel refuses an answer that nobody waits for any more. */
	if (writev(device, parts, length > 0 ? 2 : 1) < 0)
		return;
}

static void reply_errno(uint64_t unique, int rc)
{
	reply(unique, rc < 0 ? errno : 0, NULL, 0);
}

static void fill(struct fuse_attr *attr, const struct stat *stat)
{
	*attr = (struct fuse_attr){
		.ino = stat->st_ino, .size = (uint64_t)stat->st_size, .blocks = (uint64_t)stat->st_blocks,
		.mtime = (uint64_t)stat->st_mtim.tv_sec, .mode = stat->st_mode, .nlink = (uint32_t)stat->st_nlink,
		.uid = stat->st_uid, .gid = stat->st_gid, .blksize = 4096,
	};
}

/* An entry, and of a new file the open descriptor, too. */
static void reply_entry(uint64_t unique, const char *path, int fd)
{
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} out = { .open = { .fh = (uint64_t)fd } };
	struct stat stat;

	if (lstat(path, &stat) < 0) {
		reply(unique, errno, NULL, 0);
		return;
	}
	out.entry.nodeid = (uint64_t)(uintptr_t)find(path);
	fill(&out.entry.attr, &stat);
	reply(unique, 0, &out, fd < 0 ? sizeof(out.entry) : sizeof(out));
}

static void reply_attributes(uint64_t unique, const char *path)
{
	struct fuse_attr_out out = { 0 };
	struct stat stat;

	if (lstat(path, &stat) < 0) {
		reply(unique, errno, NULL, 0);
		return;
	}
	fill(&out.attr, &stat);
	reply(unique, 0, &out, sizeof(out));
}

static void reply_open(uint64_t unique, int fd)
{
	struct fuse_open_out out = { .fh = (uint64_t)fd };

	reply(unique, fd < 0 ? errno : 0, &out, fd < 0 ? 0 : sizeof(out));
}

/* All names at once: the folders of a test are small. */
static void read_folder(uint64_t unique, const char *path, const struct fuse_read_in *in)
{
	static char buffer[1 << 16];
	size_t used = 0;
	struct dirent *entry;
	DIR *folder = in->offset > 0 ? NULL : opendir(path);

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		struct fuse_dirent out = { .ino = entry->d_ino, .off = 1, .type = entry->d_type };
		size_t length = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + strlen(entry->d_name));

		out.namelen = (uint32_t)strlen(entry->d_name);
		if (used + length > in->size || used + length > sizeof(buffer))
			break;
		memset(buffer + used, 0, length);
		memcpy(buffer + used, &out, FUSE_NAME_OFFSET);
		memcpy(buffer + used + FUSE_NAME_OFFSET, entry->d_name, out.namelen);
		used += length;
	}
	if (folder != NULL)
		closedir(folder);
	reply(unique, 0, buffer, used);
}

static int set_attributes(const char *path, const struct fuse_setattr_in *in)
{
	if ((in->valid & FATTR_SIZE) != 0 && truncate(path, (off_t)in->size) < 0)
		return -1;
	return (in->valid & FATTR_MODE) != 0 ? chmod(path, in->mode & 07777) : 0;
}

static int move(const char *from, const char *to)
{
	struct node *moved = find(from);

	if (rename(from, to) < 0)
		return -1;
	find(to)->path[0] = '\0'; /* what was replaced has no name any more */
	strcpy(moved->path, to);
	return 0;
}

static void change(const struct fuse_in_header *header, const void *in)
{
	uint64_t unique = header->unique;
	const char *own = node_of(header->nodeid)->path;
	char path[PATH_BYTES], other[PATH_BYTES];
	int fd;

	usleep(delay_us);
	switch (header->opcode) {
	case FUSE_MKDIR:
		below(header->nodeid, (const char *)in + sizeof(struct fuse_mkdir_in), path);
		if (mkdir(path, ((const struct fuse_mkdir_in *)in)->mode) < 0)
			reply(unique, errno, NULL, 0);
		else
			reply_entry(unique, path, -1);
		return;
	case FUSE_CREATE:
		below(header->nodeid, (const char *)in + sizeof(struct fuse_create_in), path);
		fd = open(path, (int)((const struct fuse_create_in *)in)->flags | O_CREAT,
			((const struct fuse_create_in *)in)->mode);
		if (fd < 0)
			reply(unique, errno, NULL, 0);
		else
			reply_entry(unique, path, fd);
		return;
	case FUSE_WRITE: {
		const struct fuse_write_in *write_in = in;
		ssize_t got = pwrite((int)write_in->fh, write_in + 1, write_in->size, (off_t)write_in->offset);
		struct fuse_write_out out = { .size = (uint32_t)got };

		reply(unique, got < 0 ? errno : 0, &out, got < 0 ? 0 : sizeof(out));
		return;
	}
	case FUSE_LINK:
		below(header->nodeid, (const char *)in + sizeof(struct fuse_link_in), path);
		if (link(node_of(((const struct fuse_link_in *)in)->oldnodeid)->path, path) < 0)
			reply(unique, errno, NULL, 0);
		else
			reply_entry(unique, path, -1);
		return;
	case FUSE_UNLINK:
		reply_errno(unique, unlink(below(header->nodeid, in, path)));
		return;
	case FUSE_RENAME:
	case FUSE_RENAME2: {
		const char *name = (const char *)in
			+ (header->opcode == FUSE_RENAME ? sizeof(struct fuse_rename_in) : sizeof(struct fuse_rename2_in));

		below(header->nodeid, name, path);
		below(((const struct fuse_rename_in *)in)->newdir, name + strlen(name) + 1, other);
		reply_errno(unique, move(path, other));
		return;
	}
	case FUSE_SETATTR:
		if (set_attributes(own, in) < 0)
			reply(unique, errno, NULL, 0);
		else
			reply_attributes(unique, own);
		return;
	case FUSE_FSYNC:
		reply_errno(unique, fsync((int)((const struct fuse_fsync_in *)in)->fh));
		return;
	default:
		reply(unique, ENOSYS, NULL, 0);
	}
}

static void serve(const struct fuse_in_header *header, const void *in)
{
	static char buffer[REQUEST_BYTES];
	uint64_t unique = header->unique;
	const char *own = node_of(header->nodeid)->path;
	char path[PATH_BYTES];

	switch (header->opcode) {
	case FUSE_INIT: {
		struct fuse_init_out out = { .major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = REQUEST_BYTES / 2 };

		reply(unique, 0, &out, sizeof(out));
		return;
	}
	case FUSE_LOOKUP:
		reply_entry(unique, below(header->nodeid, in, path), -1);
		return;
	case FUSE_GETATTR:
		reply_attributes(unique, own);
		return;
	case FUSE_OPEN:
		reply_open(unique, open(own, (int)((const struct fuse_open_in *)in)->flags & ~(O_CREAT | O_EXCL)));
		return;
	case FUSE_OPENDIR:
		reply_open(unique, 0);
		return;
	case FUSE_READ: {
		const struct fuse_read_in *read_in = in;
		size_t size = read_in->size < sizeof(buffer) ? read_in->size : sizeof(buffer);
		ssize_t got = pread((int)read_in->fh, buffer, size, (off_t)read_in->offset);

		reply(unique, got < 0 ? errno : 0, buffer, got < 0 ? 0 : (size_t)got);
		return;
	}
	case FUSE_READDIR:
		read_folder(unique, own, in);
		return;
	case FUSE_RELEASE:
		close((int)((const struct fuse_release_in *)in)->fh);
		reply(unique, 0, NULL, 0);
		return;
	case FUSE_RELEASEDIR:
	case FUSE_FLUSH:
		reply(unique, 0, NULL, 0);
		return;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return; /* no answer is expected */
	default:
		change(header, in);
	}
}

int main(int argc, char **argv)
{
	static char request[REQUEST_BYTES];
	char options[128];

	if (argc != 4)
		return 2;
	snprintf(root.path, sizeof(root.path), "%s", argv[1]);
	delay_us = (useconds_t)atoi(argv[3]) * 1000;
	device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", device);
	if (device < 0 || mount("disk", argv[2], "fuse", 0, options) < 0) {
		perror("disk");
		return 1;
	}
	umask(0);
	puts("mounted");
	fflush(stdout);
	for (;;) {
		ssize_t length = read(device, request, sizeof(request));

		if (length < 0 && (errno == EINTR || errno == ENOENT))
			continue;
		if (length < 0)
			return 0; /* unmounted */
		serve((const struct fuse_in_header *)request, request + sizeof(struct fuse_in_header));
	}
}
