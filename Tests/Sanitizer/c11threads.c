// Debian's librdkafka starts its threads with C11's thrd_create, which Thread Sanitizer does not know: it would not survive
// the first callback on such a thread. Preloaded, this turns C11 threads into POSIX ones, whose types glibc shares.

#include <pthread.h>
#include <stdlib.h>
#include <threads.h>
#include <errno.h>
struct start { thrd_start_t run; void *argument; };
static void *tramp(void *p) { struct start s = *(struct start *)p; free(p); return (void *)(long)s.run(s.argument); }
int thrd_create(thrd_t *t, thrd_start_t run, void *argument) {
    struct start *s = malloc(sizeof *s); s->run = run; s->argument = argument;
    return pthread_create((pthread_t *)t, 0, tramp, s) == 0 ? thrd_success : thrd_error;
}
int thrd_join(thrd_t t, int *result) { void *r; int e = pthread_join((pthread_t)t, &r); if (result) *result = (int)(long)r; return e ? thrd_error : thrd_success; }
int thrd_detach(thrd_t t) { return pthread_detach((pthread_t)t) ? thrd_error : thrd_success; }
int mtx_lock(mtx_t *m) { return pthread_mutex_lock((pthread_mutex_t *)m) ? thrd_error : thrd_success; }
int mtx_trylock(mtx_t *m) { int e = pthread_mutex_trylock((pthread_mutex_t *)m); return e == EBUSY ? thrd_busy : e ? thrd_error : thrd_success; }
int mtx_unlock(mtx_t *m) { return pthread_mutex_unlock((pthread_mutex_t *)m) ? thrd_error : thrd_success; }
int cnd_signal(cnd_t *c) { return pthread_cond_signal((pthread_cond_t *)c) ? thrd_error : thrd_success; }
int cnd_broadcast(cnd_t *c) { return pthread_cond_broadcast((pthread_cond_t *)c) ? thrd_error : thrd_success; }
int cnd_wait(cnd_t *c, mtx_t *m) { return pthread_cond_wait((pthread_cond_t *)c, (pthread_mutex_t *)m) ? thrd_error : thrd_success; }
int cnd_timedwait(cnd_t *c, mtx_t *m, const struct timespec *ts) { int e = pthread_cond_timedwait((pthread_cond_t *)c, (pthread_mutex_t *)m, ts); return e == ETIMEDOUT ? thrd_timedout : e ? thrd_error : thrd_success; }
