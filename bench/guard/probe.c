// What the guard needs inside of the process it counts: marks for callgrind, and a clock that the counted thread sees
// stand almost still, so that no decision depends on how busy the machine is. It is preloaded, and required as an
// addon.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <node_api.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <valgrind/callgrind.h>

enum { kTickNs = 100, kSlower = 16 };
static const int64_t kNsPerSecond = 1000000000;
static int (*realClock)(clockid_t, struct timespec*);
// The counted thread's clocks: 0 for CLOCK_REALTIME, 1 for CLOCK_MONOTONIC.
static __thread int counted, frozen;
static __thread int64_t startNs[2], frozenNs[2];

static int64_t realNs(clockid_t clock) {
  struct timespec at;
  if (!realClock) *(void**)&realClock = dlsym(RTLD_NEXT, "clock_gettime");
  realClock(clock, &at);
  return at.tv_sec * kNsPerSecond + at.tv_nsec;
}

static int64_t slowNs(int which) {
  return startNs[which] + (realNs(which ? CLOCK_MONOTONIC : CLOCK_REALTIME) - startNs[which]) / kSlower;
}

// In place of the C library's. While nothing is counted, the thread's clock is only slow, as all is under callgrind, so
// that nothing takes too long. Other threads keep the real time: they wait by it.
int clock_gettime(clockid_t clock, struct timespec* at) {
  int which = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ? 0 : 1;
  if (!counted || (which && clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE)) {
    if (!realClock) *(void**)&realClock = dlsym(RTLD_NEXT, "clock_gettime");
    return realClock(clock, at);
  }
  int64_t ns = frozen ? (frozenNs[which] += kTickNs) : slowNs(which);
  at->tv_sec = ns / kNsPerSecond;
  at->tv_nsec = ns % kNsPerSecond;
  return 0;
}

static napi_value begin(napi_env env, napi_callback_info info) {
  (void)env, (void)info;
  for (int which = 0; which < 2; ++which) frozenNs[which] = slowNs(which);
  frozen = 1;
  CALLGRIND_START_INSTRUMENTATION;
  CALLGRIND_ZERO_STATS;
  return NULL;
}

// end(name): what was counted since begin() goes into a file with that name in its head.
static napi_value end(napi_env env, napi_callback_info info) {
  char name[64] = "";
  size_t count = 1;
  napi_value argument;
  if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) == napi_ok && count == 1)
    napi_get_value_string_utf8(env, argument, name, sizeof name, NULL);
  CALLGRIND_DUMP_STATS_AT(name);
  CALLGRIND_STOP_INSTRUMENTATION;
  frozen = 0;
  return NULL;
}

// Sleeps for a millisecond, so that the other threads come to rest.
static napi_value rest(napi_env env, napi_callback_info info) {
  (void)env, (void)info;
  nanosleep(&(struct timespec){0, kNsPerSecond / 1000}, NULL);
  return NULL;
}

NAPI_MODULE_INIT() {
  napi_value function;
  startNs[0] = realNs(CLOCK_REALTIME);
  startNs[1] = realNs(CLOCK_MONOTONIC);
  counted = 1;
  unsetenv("LD_PRELOAD");  // not for processes that this one starts
  if (napi_create_function(env, "begin", NAPI_AUTO_LENGTH, begin, NULL, &function) == napi_ok)
    napi_set_named_property(env, exports, "begin", function);
  if (napi_create_function(env, "end", NAPI_AUTO_LENGTH, end, NULL, &function) == napi_ok)
    napi_set_named_property(env, exports, "end", function);
  if (napi_create_function(env, "pause", NAPI_AUTO_LENGTH, rest, NULL, &function) == napi_ok)
    napi_set_named_property(env, exports, "pause", function);
  return exports;
}
