#include "program/compile/big_stack.h"

#include <pthread.h>

#include <exception>
#include <system_error>

#include "error.h"

namespace switchyard {
namespace {

constexpr size_t kStackBytes = size_t{256} << 20;

struct Call {
  const std::function<void()>& work;
  std::exception_ptr failure;
};

void* run(void* argument) {
  Call& call = *static_cast<Call*>(argument);
  try {
    call.work();
  } catch (...) {
    call.failure = std::current_exception();
  }
  return nullptr;
}

}  // namespace

void onBigStack(const std::function<void()>& work) {
  Call call{work, nullptr};
  pthread_attr_t attributes;
  pthread_t thread{};
  int failed = pthread_attr_init(&attributes);
  if (failed == 0) {
    failed = pthread_attr_setstacksize(&attributes, kStackBytes);
    if (failed == 0) failed = pthread_create(&thread, &attributes, run, &call);
    pthread_attr_destroy(&attributes);
  }
  if (failed != 0)
    throw Error(Code::OutOfMemory,
                "a thread to compile on could not be started: " + std::generic_category().message(failed));
  pthread_join(thread, nullptr);
  if (call.failure) std::rethrow_exception(call.failure);
}

}  // namespace switchyard
