// Preloaded: what befalls threads on a machine that is busy, or has no more of them, while a variable says so.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { kRestMs = 100 };

// Not for processes that this one starts.
__attribute__((constructor)) static void begin(void) { unsetenv("LD_PRELOAD"); }

// SLOW_WAKES: a thread that has woken an event loop rests before it goes on. What it still holds then, the loop meets.
// libuv wakes a loop by 8 bytes for an eventfd.
ssize_t write(int fd, const void* bytes, size_t count) {
  static ssize_t (*real)(int, const void*, size_t);
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "write");
  const ssize_t written = real(fd, bytes, count);
  if (count == sizeof(uint64_t) && getenv("SLOW_WAKES") && getpid() != syscall(SYS_gettid))
    nanosleep(&(struct timespec){0, kRestMs * 1000000L}, NULL);
  return written;
}

// NO_THREADS: the system gives none.
int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument) {
  static int (*real)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "pthread_create");
  return getenv("NO_THREADS") ? EAGAIN : real(thread, attributes, run, argument);
}
