/* test.h - what the tests of the shim share: containers to trace, and a reader of the stream. */
#ifndef OPTIMIZER_TEST_H
#define OPTIMIZER_TEST_H

#include "shim.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#define CHECK(condition)                                                                          \
	do {                                                                                      \
		if (!(condition)) {                                                               \
			fprintf(stderr, "%s:%d: not so: %s (errno %d) %s\n", __FILE__, __LINE__,  \
				#condition, errno, under_test);                                   \
			_exit(1);                                                                 \
		}                                                                                 \
	} while (0)

/* Of inject.h, whose macros the tests must not have. */
int32_t opt_inject(const char *faults);

/* What a failed CHECK names besides. */
extern const char *under_test;

enum { FILES = 3000 };

/* What a container's process does once it may; it has files /f00000, /f00001 and so on. */
typedef void workload(int files);

/* A child in a mount namespace of its own whose root is a fresh tmpfs. */
struct container {
	pid_t pid;
	int told; /* reading end: a byte when the root is there, one more when the workload is done */
	int go;   /* writing end: 'g' lets the workload run, 'e' lets the child end */
};

struct container start_container(workload *run, int files);
void let_go(const struct container *container);
void wait_until_done(const struct container *container);
/* Waits until the child ends, which has to succeed. */
void reap(const struct container *container);

/* Workloads. */
void open_all_files(int files);
void open_all_twice(int files);
void open_and_close(const char *path);

/* What came through a stream. */
struct seen_records {
	int opens, overflows, lost, marked, armed, unmarked, in_order;
	int32_t status; /* of the last mark */
	int32_t unmark_status;
	int32_t lost_status; /* of the last loss */
	int step;
	uint64_t barrier;
	uint64_t mount_id, armed_mount_id;
};

/* Reads and counts one record. Returns false when the stream has ended; no record within 5 s fails the test. */
bool read_record(int fd, struct seen_records *seen);

/* These read until what they wait for is there; false when the stream ended before. */
bool read_until_marked(int fd, struct seen_records *seen);
bool read_until_unmarked(int fd, struct seen_records *seen);
bool read_until_barrier(struct opt_tracer *tracer, int fd, struct seen_records *seen, uint64_t token);

/* The descriptors that are open in this process. */
int open_descriptors(void);

/* fault_test.c; the first one prints a table of what is told when. */
void fails_loudly_whatever_fails(void);
void tells_of_a_file_at_its_next_open_when_its_path_was_lost(void);
void reports_each_event_without_a_descriptor(void);

/* storm_test.c */
void survives_threads_that_start_and_stop_while_events_storm(void);
void survives_threads_that_share_a_tracer_while_events_storm(void);

#endif
