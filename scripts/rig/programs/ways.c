/*
 * Opens files of its image in every way there is.
 *
 * ways WAY …        does these, one after the other, and exits with the errno of the first that failed
 * ways stay WAY …   does these, and then waits for a signal
 * ways nothing      is a program to execute
 *
 * Each WAY has the folder /ways/WAY with the files that it opens, and works in there. That it is done shows in a folder
 * /report/WAY=ERRNO: making and finding folders opens nothing. After the last one comes /report/done.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HANDLE_BYTES = 128, STACK_BYTES = 64 * 1024 };

/* ---- parts ---- */

static int touch(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : close(fd);
}

/* What a child exits with is 0 or an errno. */
static int wait_for(pid_t child)
{
	int status;

	if (child < 0 || waitpid(child, &status, 0) < 0)
		return -1;
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
	return errno == 0 ? 0 : -1;
}

static int in_child(int (*act)(void))
{
	pid_t child = fork();

	if (child == 0)
		_exit(act() < 0 ? errno : 0);
	return wait_for(child);
}

static int execute(const char *path)
{
	char *words[] = { (char *)path, "nothing", NULL };
	pid_t child = fork();

	if (child == 0) {
		execv(path, words);
		_exit(errno);
	}
	return wait_for(child);
}

/* ---- programs ---- */

static int way_execve(void)
{
	return execute("/ways/execve/program");
}

static int execveat_program(void)
{
	char *words[] = { "program", "nothing", NULL };
	int fd = open("program", O_PATH | O_CLOEXEC);

	return fd < 0 ? -1 : (int)syscall(SYS_execveat, fd, "", words, environ, AT_EMPTY_PATH);
}

static int way_execveat(void)
{
	return in_child(execveat_program);
}

static int way_script(void)
{
	return execute("/ways/script/script");
}

static int way_nested(void)
{
	return execute("/ways/nested/outer");
}

static int way_dynamic(void)
{
	return execute("/ways/dynamic/program");
}

static int way_mmap(void)
{
	int fd = open("library", O_RDONLY | O_CLOEXEC);
	char *at = fd < 0 ? MAP_FAILED : mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

	return at == MAP_FAILED ? -1 : *(volatile char *)at == 'x' ? 0 : -1;
}

/* ---- calls ---- */

static int way_open(void)
{
	return touch("/ways/open/file");
}

static int way_openat(void)
{
	int folder = open("folder", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = openat(folder, "../folder/./file", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : close(fd);
}

static int way_openat2(void)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	long fd = syscall(SYS_openat2, AT_FDCWD, "file", &how, sizeof(how));

	return fd < 0 ? -1 : close((int)fd);
}

/* Overlay copies the file up. */
static int way_creat(void)
{
	int fd = creat("file", 0644);

	return fd < 0 ? -1 : close(fd);
}

static int way_append(void)
{
	int fd = open("file", O_WRONLY | O_APPEND | O_CLOEXEC);

	return fd < 0 || write(fd, "x", 1) < 0 ? -1 : close(fd);
}

static int way_handle(void)
{
	union {
		struct file_handle handle;
		char bytes[sizeof(struct file_handle) + HANDLE_BYTES];
	} its = { .handle.handle_bytes = HANDLE_BYTES };
	int mount_id, fd;
	int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (name_to_handle_at(AT_FDCWD, "file", &its.handle, &mount_id, 0) < 0)
		return -1;
	fd = open_by_handle_at(folder, &its.handle, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -1 : close(fd);
}

/* A descriptor that stands for the name: nothing can be read by it. */
static int way_opath(void)
{
	struct stat st;
	int fd = open("file", O_PATH | O_CLOEXEC);

	return fd < 0 || fstat(fd, &st) < 0 ? -1 : close(fd);
}

static int way_reopen(void)
{
	char path[64];
	int fd = open("file", O_PATH | O_CLOEXEC);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fd < 0 ? -1 : touch(path);
}

static int way_magic(void)
{
	return touch("/proc/self/cwd/one") < 0 || touch("/proc/self/root/ways/magic/two") < 0 ? -1 : 0;
}

static int way_sendfile(void)
{
	int from = open("file", O_RDONLY | O_CLOEXEC);
	int to = memfd_create("to", MFD_CLOEXEC);

	return from < 0 || to < 0 || sendfile(to, from, NULL, 1) != 1 ? -1 : close(from);
}

static int way_splice(void)
{
	int ends[2];
	int from = open("file", O_RDONLY | O_CLOEXEC);

	if (from < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	return splice(from, NULL, ends[1], NULL, 1, 0) != 1 ? -1 : close(from);
}

/* ---- io_uring, by its bare calls ---- */

struct ring {
	int fd;
	char *queues;
	struct io_uring_sqe *entries;
	struct io_uring_params params;
};

static int open_ring(struct ring *ring)
{
	const struct io_sqring_offsets *sq;

	ring->fd = (int)syscall(SYS_io_uring_setup, 4, &ring->params);
	if (ring->fd < 0)
		return -1;
	sq = &ring->params.sq_off;
	ring->queues = mmap(NULL, 4096 + sq->array, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd,
			    IORING_OFF_SQ_RING);
	ring->entries = mmap(NULL, 4 * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			     ring->fd, IORING_OFF_SQES);
	return ring->queues == MAP_FAILED || ring->entries == MAP_FAILED ? -1 : 0;
}

static unsigned *ring_field(const struct ring *ring, unsigned offset)
{
	return (unsigned *)(ring->queues + offset);
}

/* Has one entry done, and returns what came of it. */
static int ring_do(struct ring *ring, const struct io_uring_sqe *entry)
{
	unsigned *tail = ring_field(ring, ring->params.sq_off.tail);
	unsigned index = *tail & *ring_field(ring, ring->params.sq_off.ring_mask);
	unsigned *head = ring_field(ring, ring->params.cq_off.head);
	const struct io_uring_cqe *done = (void *)(ring->queues + ring->params.cq_off.cqes);
	int rc;

	ring->entries[index] = *entry;
	ring_field(ring, ring->params.sq_off.array)[index] = index;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -1;
	rc = done[*head & *ring_field(ring, ring->params.cq_off.ring_mask)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	if (rc < 0)
		errno = -rc;
	return rc < 0 ? -1 : rc;
}

/* Three times: at once, by a worker of the kernel's, and into a table without a descriptor. */
static int way_uring(void)
{
	const struct {
		const char *path;
		unsigned char flags;
		unsigned slot;
	} opens[] = { { "inline", 0, 0 }, { "worker", IOSQE_ASYNC, 0 }, { "direct", 0, 1 } };
	struct ring ring = { 0 };
	int table[] = { -1, -1 };

	if (open_ring(&ring) < 0 || syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_FILES, table, 2) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(opens) / sizeof(opens[0]); i++) {
		struct io_uring_sqe entry = {
			.opcode = IORING_OP_OPENAT,
			.fd = AT_FDCWD,
			.addr = (uintptr_t)opens[i].path,
			.open_flags = opens[i].slot == 0 ? O_RDONLY | O_CLOEXEC : O_RDONLY,
			.flags = opens[i].flags,
			.file_index = opens[i].slot,
		};

		if (ring_do(&ring, &entry) < 0)
			return -1;
	}
	return close(ring.fd);
}

/* ---- names ---- */

static int way_links(void)
{
	return touch("chain") < 0 || touch("/ways/links/merged/file") < 0 ? -1 : 0;
}

static int way_hardlink(void)
{
	return touch("used");
}

static int way_hardlinks(void)
{
	return touch("two") < 0 || touch("one") < 0 || touch("two") < 0 ? -1 : 0;
}

/* ---- processes ---- */

static int touch_file(void)
{
	return touch("file");
}

static int way_gone(void)
{
	return in_child(touch_file);
}

static void *touch_in_thread(void *result)
{
	*(int *)result = touch("file") < 0 ? errno : 0;
	return NULL;
}

static int way_thread(void)
{
	pthread_t thread;
	int result = 0;

	if (pthread_create(&thread, NULL, touch_in_thread, &result) != 0 || pthread_join(thread, NULL) != 0)
		return -1;
	errno = result;
	return result == 0 ? 0 : -1;
}

/* Opens in the memory of its parent, which waits meanwhile. */
static int way_vfork(void)
{
	pid_t child = vfork();

	if (child == 0) {
		int fd = open("file", O_RDONLY | O_CLOEXEC);

		_exit(fd < 0 ? errno : 0);
	}
	return wait_for(child);
}

static int touch_in_clone(void *unused)
{
	(void)unused;
	return touch("file") < 0 ? errno : 0;
}

/* Shares memory, descriptors and folder with its parent, as threads of some runtimes do. */
static int way_clone(void)
{
	char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (stack == MAP_FAILED)
		return -1;
	return wait_for(clone(touch_in_clone, stack + STACK_BYTES, CLONE_VM | CLONE_FS | CLONE_FILES | SIGCHLD, NULL));
}

static int touch_in_chroot(void)
{
	return chroot("root") < 0 || chdir("/") < 0 ? -1 : touch("/file");
}

static int way_chroot(void)
{
	return in_child(touch_in_chroot);
}

static int way_exec(void)
{
	return touch("file");
}

/* ---- mounts ---- */

static int own_mounts(void)
{
	return unshare(CLONE_NEWNS) < 0 ? -1 : mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static int touch_elsewhere(void)
{
	if (own_mounts() < 0 || mount("folder/deep", "elsewhere", NULL, MS_BIND, NULL) < 0)
		return -1;
	return touch("elsewhere/file");
}

/* Stays, since its mount table is what tells where the folder is from. */
static int way_namespace(void)
{
	int ends[2];
	char result = 0;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		result = (char)(touch_elsewhere() < 0 ? errno : 0);
		while (write(ends[1], &result, 1) == 1)
			pause();
		_exit(0);
	}
	if (child < 0 || read(ends[0], &result, 1) != 1)
		return -1;
	close(ends[0]);
	close(ends[1]);
	errno = result;
	return result == 0 ? 0 : -1;
}

static int touch_unshared(void)
{
	return own_mounts() < 0 ? -1 : touch("file");
}

static int way_unshared(void)
{
	return in_child(touch_unshared);
}

static int touch_bound(void)
{
	return touch("elsewhere/file");
}

/* In the container's own namespace: whoever opens is gone, the mount stays. */
static int way_bind(void)
{
	return mount("folder/deep", "elsewhere", NULL, MS_BIND, NULL) < 0 ? -1 : in_child(touch_bound);
}

/* Nobody is left who could tell where the folder is from. */
static int way_bound(void)
{
	return in_child(touch_elsewhere);
}

static int touch_detached(void)
{
	int folder = (int)syscall(SYS_open_tree, AT_FDCWD, "folder", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	int fd = folder < 0 ? -1 : openat(folder, "file", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : close(fd);
}

/* A mount that has no place: only the descriptor leads to it. */
static int way_detached(void)
{
	return in_child(touch_detached);
}

/* ---- what is no file of the image ---- */

static int way_memory(void)
{
	char path[64];
	int fd = memfd_create("memory", MFD_CLOEXEC);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || touch(path) < 0)
		return -1;
	fd = open("/dev/shm/file", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	return fd < 0 ? -1 : touch("/dev/shm/file");
}

static int way_proc(void)
{
	return touch("/proc/self/status") < 0 || touch("/proc/version") < 0 ? -1 : 0;
}

static int way_volume(void)
{
	return touch("/volume/file");
}

static int way_made(void)
{
	int fd = open("made", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	return fd < 0 ? -1 : touch("made");
}

static int way_unnamed(void)
{
	int fd = open(".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0644);

	return fd < 0 ? -1 : close(fd);
}

static int way_folder(void)
{
	DIR *folder = opendir("folder");

	return folder == NULL || readdir(folder) == NULL ? -1 : closedir(folder);
}

static int way_fifo(void)
{
	int fd = mkfifo("fifo", 0644) < 0 ? -1 : open("fifo", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -1 : close(fd);
}

static int way_device(void)
{
	return mknod("null", S_IFCHR | 0666, makedev(1, 3)) < 0 ? -1 : touch("null");
}

/* A socket cannot be opened: it is connected to, and its path can be held. */
static int way_socket(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket" };
	int one = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(one, (void *)&address, sizeof(address)) < 0 || listen(one, 1) < 0 ||
	    connect(other, (void *)&address, sizeof(address)) < 0)
		return -1;
	return touch("socket") < 0 && errno == ENXIO ? close(open("socket", O_PATH | O_CLOEXEC)) : -1;
}

static const struct {
	const char *name;
	int (*act)(void);
} ways[] = {
#define WAY(name) { #name, way_##name }
	WAY(execve),   WAY(execveat), WAY(script),    WAY(nested),    WAY(dynamic), WAY(mmap),	 WAY(open),
	WAY(openat),   WAY(openat2),  WAY(creat),     WAY(append),    WAY(handle),  WAY(opath),	 WAY(reopen),
	WAY(magic),    WAY(sendfile), WAY(splice),    WAY(uring),     WAY(links),   WAY(hardlink), WAY(hardlinks),
	WAY(gone),     WAY(thread),   WAY(vfork),     WAY(clone),     WAY(chroot),  WAY(exec),	 WAY(namespace),
	WAY(unshared), WAY(bind),     WAY(bound),     WAY(detached),  WAY(memory),  WAY(proc),	 WAY(volume),
	WAY(made),     WAY(unnamed),  WAY(folder),    WAY(fifo),      WAY(device),  WAY(socket),
};

static int go(const char *name)
{
	char path[256];
	int rc = ENOSYS;

	snprintf(path, sizeof(path), "/ways/%s", name);
	mkdir(path, 0755);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(ways[i].name, name) == 0)
			rc = chdir(path) < 0 || ways[i].act() < 0 ? errno : 0;
	}
	snprintf(path, sizeof(path), "/report/%s=%d", name, rc);
	mkdir(path, 0755);
	return rc;
}

static void end(int signal)
{
	(void)signal;
	_exit(0);
}

int main(int argc, char **argv)
{
	int stay = argc > 1 && strcmp(argv[1], "stay") == 0;
	int first = 0;

	/* The interpreter of a script gets the script's name before the words. */
	if (argc > 1 && strcmp(argv[argc - 1], "nothing") == 0)
		return 0;
	signal(SIGTERM, end);
	mkdir("/report", 0755);
	for (int i = 1 + stay; i < argc; i++) {
		int rc = go(argv[i]);

		if (first == 0)
			first = rc;
	}
	mkdir("/report/done", 0755);
	while (stay)
		pause();
	return first;
}
