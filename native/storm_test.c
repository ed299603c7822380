/* storm_test.c - many threads use the shim while containers open files as fast as they can. */
#define _GNU_SOURCE
#include "test.h"

#include <pthread.h>


enum { CONTAINERS = 4, THREADS = 4, ROUNDS = 15, CALLS = 40, STORM_ROUNDS = 30 };

static struct container containers[CONTAINERS];

static void storm(int files)
{
	for (int i = 0; i < STORM_ROUNDS; i++)
		open_all_files(files);
}

static void begin_storm(void)
{
	for (int i = 0; i < CONTAINERS; i++)
		containers[i] = start_container(storm, FILES / 10);
	for (int i = 0; i < CONTAINERS; i++)
		let_go(&containers[i]);
}

static void end_storm(void)
{
	for (int i = CONTAINERS - 1; i >= 0; i--)
		reap(&containers[i]);
}

static void in_threads(void *(*run)(void *), void *argument)
{
	pthread_t threads[THREADS];

	begin_storm();
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, run, argument) == 0);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	end_storm();
}

/* Marks of all containers, with and without an end, and a stop with the events of a storm in the queue. */
static void *start_and_stop(void *argument)
{
	(void)argument;
	for (int round = 0; round < ROUNDS; round++) {
		struct seen_records seen = { 0 };
		struct opt_tracer *tracer;
		int32_t stream;

		CHECK(opt_start(0, &tracer, &stream) == 0);
		for (int i = 0; i < CONTAINERS; i++) {
			CHECK(opt_mark(tracer, 1, containers[i].pid, OPT_SCOPE_FILESYSTEM) == 0);
			CHECK(read_until_marked(stream, &seen) && seen.status == 0);
		}
		CHECK(opt_forget(tracer, (uint32_t)round & 1) == 0);
		if (round % 3 == 0) {
			CHECK(read_until_barrier(tracer, stream, &seen, 1));
			CHECK(seen.lost == 0 && seen.overflows == 0);
		}
		CHECK(opt_stop(tracer) == 0);
		close(stream);
	}
	return NULL;
}

void survives_threads_that_start_and_stop_while_events_storm(void)
{
	int before = open_descriptors();

	in_threads(start_and_stop, NULL);
	CHECK(open_descriptors() == before);
}

/* One tracer, and a lock as its contract asks for: one call at a time. */
struct shared {
	pthread_mutex_t lock;
	struct opt_tracer *tracer;
	int stream;
	uint64_t last_token;
	int marks;    /* asked for */
	int unmarks;
	bool finished; /* the thread that reads may stop when all are answered */
};

static void mark_and_unmark(struct shared *shared, const struct container *container, uint64_t mount_id)
{
	pthread_mutex_lock(&shared->lock);
	CHECK(opt_mark(shared->tracer, ++shared->last_token, container->pid, OPT_SCOPE_FILESYSTEM) == 0);
	shared->marks++;
	CHECK(opt_forget(shared->tracer, (uint32_t)shared->last_token & 1) == 0);
	CHECK(opt_unmark(shared->tracer, ++shared->last_token, mount_id, container->pid, OPT_SCOPE_FILESYSTEM) == 0);
	shared->unmarks++;
	CHECK(opt_barrier(shared->tracer, ++shared->last_token) == 0);
	CHECK(opt_repeats(shared->tracer) >= 0 && opt_queue_peak(shared->tracer, 0) >= 0);
	pthread_mutex_unlock(&shared->lock);
}

static void *mark_all(void *argument)
{
	for (int i = 0; i < CALLS; i++)
		mark_and_unmark(argument, &containers[i % CONTAINERS], 0);
	return NULL;
}

static void *read_answers(void *argument)
{
	struct shared *shared = argument;
	struct seen_records seen = { 0 };

	for (bool more = true; more;) {
		if (!read_record(shared->stream, &seen))
			break;
		pthread_mutex_lock(&shared->lock);
		more = !shared->finished || seen.marked < shared->marks || seen.unmarked < shared->unmarks ||
		       seen.barrier < shared->last_token;
		pthread_mutex_unlock(&shared->lock);
	}
	CHECK(seen.marked == THREADS * CALLS && seen.unmarked == THREADS * CALLS);
	CHECK(seen.lost == 0 && seen.overflows == 0);
	return NULL;
}

void survives_threads_that_share_a_tracer_while_events_storm(void)
{
	int before = open_descriptors();
	struct shared shared = { .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t reader;
	int32_t stream;

	CHECK(opt_start(0, &shared.tracer, &stream) == 0);
	shared.stream = stream;
	CHECK(pthread_create(&reader, NULL, read_answers, &shared) == 0);
	in_threads(mark_all, &shared);
	pthread_mutex_lock(&shared.lock);
	shared.finished = true;
	/* One more answer, should the reader have them all and wait. */
	CHECK(opt_barrier(shared.tracer, ++shared.last_token) == 0);
	pthread_mutex_unlock(&shared.lock);
	CHECK(pthread_join(reader, NULL) == 0);
	CHECK(opt_stop(shared.tracer) == 0);
	close(stream);
	CHECK(open_descriptors() == before);
}
