// What a test sees and says of the emulated CUDA runtime, and the device whose host code is src/cuda's own.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "../../../../src/device.h"

namespace switchyard::cuda_shim {

// Which reach each other. Their numbers are such as no machine has cards for: what is lost here is lost for good in
// this whole process (lost_devices.h), and is to be no real card.
constexpr int kShimCards = 2, kFirstShimCard = 950;

// id "cuda-runtime:0" and so on: src/cuda over the emulated runtime and the emulated kernels.
std::shared_ptr<Device> openOnShimRuntime(uint32_t index = 0);

// What is there and has not been given back.
struct ShimCounts {
  int64_t events = 0, streams = 0, deviceBlocks = 0, hostBlocks = 0, registered = 0, pools = 0, graphs = 0, execs = 0;
  int64_t steps = 0;  // that were asked for and not done
  bool operator==(const ShimCounts&) const = default;
};
std::string text(const ShimCounts& counts);

// A call of the runtime that takes milliseconds, or waits for the card.
struct SlowCall {
  std::string name;
  std::string threadName;
  std::thread::id thread;
};

class ShimRuntime {
 public:
  // From here on the card takes what it may do in another order.
  static void seed(uint64_t seed);
  // All cards anew: no error, no fault, no hold. What was allocated stays.
  static void reset();
  // And what was allocated goes, as when the process of a lost card ends. Nobody may use it any more.
  static void forget();

  // The `nth` (from 0) call of that name from now on fails with `error` and does nothing; "kernel": a kernel fails as
  // it runs, and "*": any call that can fail. `isSticky`: so does everything after it.
  static void failAt(const std::string& call, int nth, int error, bool isSticky = false);
  static int fired();
  static uint64_t calls(const std::string& name);

  // The next kernel that is launched does not end before release().
  static void holdNextKernel();
  static void release();
  // The next kernel that is launched does not begin before that.
  static void delayNextKernel(std::chrono::milliseconds by);
  // From here on the calls of that name do not return before release().
  static void hangAt(const std::string& call);
  static int hanging();                                      // threads
  static void setPools(bool supported);                      // cudaDevAttrMemoryPoolsSupported
  static void setDeviceBytes(uint64_t bytes);                // of a card
  static void setBuiltFor(int architecture);                 // kernels: 80 for compute capability 8.0
  static void setWatchdog(std::chrono::milliseconds limit);  // of the backend, for all its devices

  static ShimCounts counts();
  static std::vector<SlowCall> takeSlowCalls();
  // What no card would have forgiven: host memory that is not page-locked, memory that was freed, ...
  static std::vector<std::string> takeViolations();
};

}  // namespace switchyard::cuda_shim
