/*
 * unit-filter.c - runs a command under the system call rules of a systemd unit, as systemd makes them:
 *
 *   unit-filter NUMBER,NUMBER,... COMMAND ...
 *
 * The calls with these numbers are allowed, and of them setns, unshare and clone for mount namespaces only, socket for
 * unix sockets only, and chmod without set-id bits (RestrictNamespaces=mnt, RestrictAddressFamilies=AF_UNIX,
 * RestrictSUIDSGID=yes). Anything else answers EPERM, or ends the process if it is of another architecture. x86-64.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARGUMENT(index) offsetof(struct seccomp_data, args[index])
#define OTHER_NAMESPACES                                                                                  \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP | CLONE_NEWTIME)

static struct sock_filter rules[2048];
static unsigned short length;

static void add(unsigned short code, unsigned operand, unsigned char if_true, unsigned char if_false)
{
	rules[length++] = (struct sock_filter)BPF_JUMP(code, operand, if_true, if_false);
}

static void load(unsigned offset)
{
	add(BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

static void answer(unsigned action)
{
	add(BPF_RET | BPF_K, action, 0, 0);
}

/* Refuses the call when the argument has one of these bits. Leaves the number of the call loaded. */
static void refuse_bits(unsigned number, int argument, unsigned bits)
{
	add(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4);
	load(ARGUMENT(argument));
	add(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
	answer(SECCOMP_RET_ERRNO | EPERM);
	load(offsetof(struct seccomp_data, nr));
}

static void refuse_other(unsigned number, unsigned wanted, int error)
{
	add(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4);
	load(ARGUMENT(0));
	add(BPF_JMP | BPF_JEQ | BPF_K, wanted, 1, 0);
	answer(SECCOMP_RET_ERRNO | (unsigned)error);
	load(offsetof(struct seccomp_data, nr));
}

int main(int argc, char *argv[])
{
	struct sock_fprog program = { .filter = rules };
	char *at = argc > 2 ? argv[1] : "";

	load(offsetof(struct seccomp_data, arch));
	add(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	answer(SECCOMP_RET_KILL_PROCESS);
	load(offsetof(struct seccomp_data, nr));
	/* Its flags lie in memory, where no filter can look: systemd sends the C library back to clone(). */
	add(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1);
	answer(SECCOMP_RET_ERRNO | ENOSYS);
	refuse_bits(SYS_setns, 1, OTHER_NAMESPACES);
	refuse_bits(SYS_unshare, 0, OTHER_NAMESPACES);
	/* The lowest bit of CLONE_NEWTIME belongs to the signal there. */
	refuse_bits(SYS_clone, 0, OTHER_NAMESPACES & ~(unsigned)CLONE_NEWTIME);
	refuse_bits(SYS_chmod, 1, S_ISUID | S_ISGID);
	refuse_bits(SYS_fchmod, 1, S_ISUID | S_ISGID);
	refuse_bits(SYS_fchmodat, 2, S_ISUID | S_ISGID);
	refuse_other(SYS_socket, AF_UNIX, EAFNOSUPPORT);
	while (*at >= '0' && *at <= '9' && length < 2040) {
		add(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)strtoul(at, &at, 10), 0, 1);
		answer(SECCOMP_RET_ALLOW);
		at += *at == ',';
	}
	answer(SECCOMP_RET_ERRNO | EPERM);
	program.len = length;
	if (argc < 3 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		perror("unit-filter");
		return 125;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
