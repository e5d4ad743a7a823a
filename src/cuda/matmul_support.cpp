// What matrix products ask of a card beside cuBLASLt itself.
#include <chrono>
#include <limits>
#include <thread>

#include "../cache_folder.h"
#include "matmul.h"

namespace switchyard::cuda {
namespace {

constexpr auto kNap = std::chrono::microseconds(50);

class Event {
 public:
  explicit Event(DeviceState& state) { state.check(cudaEventCreateWithFlags(&event_, cudaEventDefault), "an event"); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace

const MatmulSupport& MatmulSupport::ofCards() {
  static const MatmulSupport support;
  return support;
}

const CublasLt* MatmulSupport::library() const { return CublasLt::get(); }

bool MatmulSupport::enter(DeviceState& state) const noexcept {
  return !state.lost() && cudaSetDevice(state.ordinal) == cudaSuccess;
}

void* MatmulSupport::allocate(DeviceState& state, size_t bytes) const {
  void* memory = nullptr;
  state.check(cudaMalloc(&memory, bytes), "cuBLASLt's workspace");
  return memory;
}
void MatmulSupport::free(void* memory) const noexcept { cudaFree(memory); }

// By turns, since a wait inside of the runtime would not end where the card is lost to the watchdog.
double MatmulSupport::milliseconds(DeviceState& state, cudaStream_t stream, Deadline deadline,
                                   const std::function<void()>& run) const {
  const Event begin(state), end(state);
  state.check(cudaEventRecord(begin, stream), "an event");
  run();
  state.check(cudaEventRecord(end, stream), "an event");
  for (;;) {
    const cudaError_t status = cudaEventQuery(end);
    if (status == cudaSuccess) break;
    if (status != cudaErrorNotReady) state.check(status, "a product that was timed");
    cudaGetLastError();
    if (state.lost()) std::rethrow_exception(state.lostError());
    if (std::chrono::steady_clock::now() > deadline) return std::numeric_limits<double>::quiet_NaN();
    std::this_thread::sleep_for(kNap);
  }
  float ms = 0;
  state.check(cudaEventElapsedTime(&ms, begin, end), "the time between two events");
  return double{ms};
}

std::shared_ptr<AlgorithmStore> MatmulSupport::store(const std::string& scope) const {
  return AlgorithmStore::of(scope);
}

}  // namespace switchyard::cuda
