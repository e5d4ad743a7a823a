#include "blas/buffers.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <utility>
#include <vector>

#include "error.h"

extern "C" {
void* __real_blas_memory_alloc(int kind);
void __real_blas_memory_free(void* buffer);
void* __wrap_blas_memory_alloc(int kind);
void __wrap_blas_memory_free(void* buffer);
}

namespace switchyard {
namespace {

// One is 128 MB of addresses at most, of which few are touched. With half as much again, so that what other threads
// take between the question and the library's own request does no harm.
constexpr size_t kAskedBytes = size_t{192} << 20;

constinit std::mutex mutex;
constinit std::vector<void*> spare;

struct Leased {
  void* buffer = nullptr;
  bool isUsed = false;
};
constinit thread_local std::array<Leased, BlasBuffers::kMost> leased{};

void* take() {
  const std::lock_guard lock(mutex);
  if (!spare.empty()) {
    void* buffer = spare.back();
    spare.pop_back();
    return buffer;
  }
  void* asked = mmap(nullptr, kAskedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (asked == MAP_FAILED)
    throw Error(Code::OutOfMemory,
                "the system has no memory left for the matrix library, which needs 128 MB of addresses"
                " for each thread that computes");
  munmap(asked, kAskedBytes);
  spare.reserve(spare.capacity() + 1);  // so that giving back never allocates
  return __real_blas_memory_alloc(0);
}

void giveBack() noexcept {
  const std::lock_guard lock(mutex);
  for (Leased& one : leased)
    if (one.buffer) spare.push_back(std::exchange(one.buffer, nullptr));
}

}  // namespace

BlasBuffers::BlasBuffers(size_t count) {
  try {
    for (size_t i = 0; i < count; ++i) leased[i] = {.buffer = take()};
  } catch (...) {
    giveBack();
    throw;
  }
}

BlasBuffers::~BlasBuffers() { giveBack(); }

}  // namespace switchyard

void* __wrap_blas_memory_alloc(int kind) {
  using namespace switchyard;
  for (Leased& one : leased) {
    if (!one.buffer || one.isUsed) continue;
    one.isUsed = true;
    return one.buffer;
  }
  const std::lock_guard lock(mutex);
  return __real_blas_memory_alloc(kind);
}

void __wrap_blas_memory_free(void* buffer) {
  using namespace switchyard;
  for (Leased& one : leased) {
    if (one.buffer != buffer) continue;
    one.isUsed = false;
    return;
  }
  const std::lock_guard lock(mutex);
  __real_blas_memory_free(buffer);
}
