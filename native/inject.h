/*
 * inject.h - makes system calls fail on demand, in test builds only. To be included last.
 *
 * With -DOPT_INJECT each call below asks first whether it is to fail; without, this
 * file is empty. Calls whose result nobody looks at (close, shutdown, munmap, …) and
 * those that cannot fail are left alone.
 */
#ifndef OPTIMIZER_INJECT_H
#define OPTIMIZER_INJECT_H
#ifdef OPT_INJECT

#include <stdbool.h>
#include <stdint.h>

/*
 * Sets which calls fail from now on, in place of what was set before. `faults` is a
 * comma list of CALL[@FUNCTION]:ERRNO:PASS:FAIL: let PASS of them through, then fail
 * FAIL of them (-1: all) with ERRNO, a name. FUNCTION limits it to the calls made in
 * one function: "statx:EIO:3:2,fanotify_mark@mark_root:ENOMEM:0:1". NULL: none fails.
 * Without this call the environment variable OPT_INJECT counts. Returns 0, or -EINVAL
 * and then nothing fails. Callable at any time from any thread.
 */
int32_t opt_inject(const char *faults);

/* Whether a call is to fail; then errno is set. */
bool opt_injected(const char *call, const char *function);

#define OPT_MAY_FAIL(result, call, ...) (opt_injected(#call, __func__) ? (result) : call(__VA_ARGS__))

/* shim.c */
#define eventfd(...) OPT_MAY_FAIL(-1, eventfd, __VA_ARGS__)
#define fanotify_init(...) OPT_MAY_FAIL(-1, fanotify_init, __VA_ARGS__)
#define fanotify_mark(...) OPT_MAY_FAIL(-1, fanotify_mark, __VA_ARGS__)
#define fcntl(...) OPT_MAY_FAIL(-1, fcntl, __VA_ARGS__)
#define getsockopt(...) OPT_MAY_FAIL(-1, getsockopt, __VA_ARGS__)
#define getrlimit(...) OPT_MAY_FAIL(-1, getrlimit, __VA_ARGS__)
#define ioctl(...) OPT_MAY_FAIL(-1, ioctl, __VA_ARGS__)
#define lgetxattr(...) OPT_MAY_FAIL(-1, lgetxattr, __VA_ARGS__)
#define linkat(...) OPT_MAY_FAIL(-1, linkat, __VA_ARGS__)
#define mmap(...) OPT_MAY_FAIL(MAP_FAILED, mmap, __VA_ARGS__)
#define open(...) OPT_MAY_FAIL(-1, open, __VA_ARGS__)
#define poll(...) OPT_MAY_FAIL(-1, poll, __VA_ARGS__)
#define pthread_create(...) OPT_MAY_FAIL(errno, pthread_create, __VA_ARGS__)
#define read(...) OPT_MAY_FAIL(-1, read, __VA_ARGS__)
#define readlinkat(...) OPT_MAY_FAIL(-1, readlinkat, __VA_ARGS__)
#define send(...) OPT_MAY_FAIL(-1, send, __VA_ARGS__)
#define sendto(...) OPT_MAY_FAIL(-1, sendto, __VA_ARGS__)
#define setns(...) OPT_MAY_FAIL(-1, setns, __VA_ARGS__)
#define setrlimit(...) OPT_MAY_FAIL(-1, setrlimit, __VA_ARGS__)
#define setsockopt(...) OPT_MAY_FAIL(-1, setsockopt, __VA_ARGS__)
#define socket(...) OPT_MAY_FAIL(-1, socket, __VA_ARGS__)
#define socketpair(...) OPT_MAY_FAIL(-1, socketpair, __VA_ARGS__)
#define statx(...) OPT_MAY_FAIL(-1, statx, __VA_ARGS__)
#define unshare(...) OPT_MAY_FAIL(-1, unshare, __VA_ARGS__)
#define write(...) OPT_MAY_FAIL(-1, write, __VA_ARGS__)

/* held.c and overlay.c */
#define chdir(...) OPT_MAY_FAIL(-1, chdir, __VA_ARGS__)
#define chmod(...) OPT_MAY_FAIL(-1, chmod, __VA_ARGS__)
#define chown(...) OPT_MAY_FAIL(-1, chown, __VA_ARGS__)
#define execvp(...) OPT_MAY_FAIL(-1, execvp, __VA_ARGS__)
#define fdopendir(...) OPT_MAY_FAIL(NULL, fdopendir, __VA_ARGS__)
#define fstatat(...) OPT_MAY_FAIL(-1, fstatat, __VA_ARGS__)
#define getxattr(...) OPT_MAY_FAIL(-1, getxattr, __VA_ARGS__)
#define lchown(...) OPT_MAY_FAIL(-1, lchown, __VA_ARGS__)
#define listxattr(...) OPT_MAY_FAIL(-1, listxattr, __VA_ARGS__)
#define lstat(...) OPT_MAY_FAIL(-1, lstat, __VA_ARGS__)
#define mkdir(...) OPT_MAY_FAIL(-1, mkdir, __VA_ARGS__)
#define mknod(...) OPT_MAY_FAIL(-1, mknod, __VA_ARGS__)
#define mount(...) OPT_MAY_FAIL(-1, mount, __VA_ARGS__)
#define openat(...) OPT_MAY_FAIL(-1, openat, __VA_ARGS__)
#define putenv(...) OPT_MAY_FAIL(-1, putenv, __VA_ARGS__)
#define realpath(...) OPT_MAY_FAIL(NULL, realpath, __VA_ARGS__)
#define stat(...) OPT_MAY_FAIL(-1, stat, __VA_ARGS__)
#define syscall(...) OPT_MAY_FAIL(-1, syscall, __VA_ARGS__)
#define umount2(...) OPT_MAY_FAIL(-1, umount2, __VA_ARGS__)

#endif
#endif
