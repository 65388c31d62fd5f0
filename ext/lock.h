/* lock.h: a mutex and a condition, the two things the C library of every platform has under another name. */
#ifndef CHATSEAL_LOCK_H
#define CHATSEAL_LOCK_H

#include <stdint.h>

#ifdef _WIN32
#include <windows.h>
typedef SRWLOCK lock_t;
typedef CONDITION_VARIABLE signal_t;
static inline int lock_init(lock_t *lock) { InitializeSRWLock(lock); return 0; }
static inline void lock_free(lock_t *lock) { (void)lock; }
static inline void lock_take(lock_t *lock) { AcquireSRWLockExclusive(lock); }
static inline void lock_give(lock_t *lock) { ReleaseSRWLockExclusive(lock); }
static inline int signal_init(signal_t *signal) { InitializeConditionVariable(signal); return 0; }
static inline void signal_free(signal_t *signal) { (void)signal; }
static inline void signal_wait(signal_t *signal, lock_t *lock) { SleepConditionVariableSRW(signal, lock, INFINITE, 0); }
static inline void signal_wait_ms(signal_t *signal, lock_t *lock, unsigned ms) { SleepConditionVariableSRW(signal, lock, ms, 0); }
static inline void signal_one(signal_t *signal) { WakeConditionVariable(signal); }
static inline void signal_all(signal_t *signal) { WakeAllConditionVariable(signal); }
static inline uint64_t clock_ns(void)
{
    LARGE_INTEGER now, rate;
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&rate);
    return (uint64_t)((double)now.QuadPart * 1e9 / (double)rate.QuadPart);
}
#else
#include <pthread.h>
#include <time.h>
typedef pthread_mutex_t lock_t;
typedef pthread_cond_t signal_t;
static inline int lock_init(lock_t *lock) { return pthread_mutex_init(lock, NULL); }
static inline void lock_free(lock_t *lock) { pthread_mutex_destroy(lock); }
static inline void lock_take(lock_t *lock) { pthread_mutex_lock(lock); }
static inline void lock_give(lock_t *lock) { pthread_mutex_unlock(lock); }
static inline int signal_init(signal_t *signal) { return pthread_cond_init(signal, NULL); }
static inline void signal_free(signal_t *signal) { pthread_cond_destroy(signal); }
static inline void signal_wait(signal_t *signal, lock_t *lock) { pthread_cond_wait(signal, lock); }
static inline void signal_wait_ms(signal_t *signal, lock_t *lock, unsigned ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec += 1;
        until.tv_nsec -= 1000000000L;
    }
    pthread_cond_timedwait(signal, lock, &until);
}
static inline void signal_one(signal_t *signal) { pthread_cond_signal(signal); }
static inline void signal_all(signal_t *signal) { pthread_cond_broadcast(signal); }
static inline uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
#endif

#endif
