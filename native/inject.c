/* inject.c - see inject.h. A part of test builds only. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inject.h"

enum { FAULTS_MAX = 16, NAME_BYTES = 48, ERRNO_MAX = 133 };

struct fault {
	char call[NAME_BYTES];
	char function[NAME_BYTES]; /* "" for any */
	int error;
	int pass; /* calls to let through first */
	int fail; /* calls to fail then; negative: all */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t environment_read = PTHREAD_ONCE_INIT;
static struct fault table[FAULTS_MAX];
static int table_length;

/* 0 for a name that is none. */
static int errno_of(const char *name)
{
	for (int value = 1; value <= ERRNO_MAX; value++) {
		const char *known = strerrorname_np(value);

		if (known != NULL && strcmp(known, name) == 0)
			return value;
	}
	return 0;
}

static bool parse_fault(const char *text, struct fault *fault)
{
	char name[NAME_BYTES];
	int end = 0;

	fault->function[0] = '\0';
	if (sscanf(text, "%47[a-z0-9_]%n", fault->call, &end) != 1)
		return false;
	text += end;
	if (*text == '@') {
		if (sscanf(text, "@%47[a-z0-9_]%n", fault->function, &end) != 1)
			return false;
		text += end;
	}
	end = 0;
	if (sscanf(text, ":%47[A-Z0-9]:%d:%d%n", name, &fault->pass, &fault->fail, &end) != 3 || text[end] != '\0')
		return false;
	fault->error = errno_of(name);
	return fault->error != 0;
}

static int32_t set_table(const char *faults)
{
	char text[1024];
	char *rest = NULL;

	table_length = 0;
	if (faults == NULL)
		return 0;
	if (strlen(faults) >= sizeof(text))
		return -EINVAL;
	strcpy(text, faults);
	for (char *one = strtok_r(text, ",", &rest); one != NULL; one = strtok_r(NULL, ",", &rest)) {
		if (table_length == FAULTS_MAX || !parse_fault(one, &table[table_length])) {
			table_length = 0;
			return -EINVAL;
		}
		table_length++;
	}
	return 0;
}

static void read_environment(void)
{
	if (set_table(getenv("OPT_INJECT")) < 0) {
		fprintf(stderr, "OPT_INJECT is not a list of CALL[@FUNCTION]:ERRNO:PASS:FAIL\n");
		_exit(1); /* a test that injects nothing must not pass */
	}
}

int32_t opt_inject(const char *faults)
{
	int32_t rc;

	pthread_once(&environment_read, read_environment);
	pthread_mutex_lock(&lock);
	rc = set_table(faults);
	pthread_mutex_unlock(&lock);
	return rc;
}

/* Whether this call is the fault's to fail. Counts it. */
static bool is_due(struct fault *fault, const char *call, const char *function)
{
	if (strcmp(fault->call, call) != 0)
		return false;
	if (fault->function[0] != '\0' && strcmp(fault->function, function) != 0)
		return false;
	if (fault->pass > 0) {
		fault->pass--;
		return false;
	}
	if (fault->fail > 0)
		fault->fail--;
	else if (fault->fail == 0)
		return false;
	return true;
}

bool opt_injected(const char *call, const char *function)
{
	int error = 0;

	pthread_once(&environment_read, read_environment);
	pthread_mutex_lock(&lock);
	for (int i = 0; i < table_length && error == 0; i++) {
		if (is_due(&table[i], call, function))
			error = table[i].error;
	}
	pthread_mutex_unlock(&lock);
	if (error != 0)
		errno = error;
	return error != 0;
}
