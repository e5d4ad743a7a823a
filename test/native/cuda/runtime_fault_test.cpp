// Each call of the CUDA runtime that may fail fails once, at each place: the submission ends once, with an error or
// right, the queue goes on, and nothing is left over. And the same with an error after which nothing works any more.
#include <driver_types.h>

#include <cstring>

#include "runtime_fixture.h"

namespace switchyard::test {
namespace {

// What fails to give something back leaves it: cudaFree and its kind are not among these.
constexpr const char* kCalls[] = {"cudaDeviceGetAttribute",
                                  "cudaEventCreateWithFlags",
                                  "cudaEventElapsedTime",
                                  "cudaEventQuery",
                                  "cudaEventRecord",
                                  "cudaFuncGetAttributes",
                                  "cudaHostAlloc",
                                  "cudaLaunchKernel",
                                  "cudaMalloc",
                                  "cudaMallocFromPoolAsync",
                                  "cudaMemGetInfo",
                                  "cudaMemPoolCreate",
                                  "cudaMemPoolGetAttribute",
                                  "cudaMemPoolSetAttribute",
                                  "cudaMemcpyAsync",
                                  "cudaMemsetAsync",
                                  "cudaStreamCreateWithFlags",
                                  "cudaStreamQuery",
                                  "cudaStreamSynchronize",
                                  "cudaStreamWaitEvent",
                                  "kernel"};

constexpr size_t kBytes = 300 << 10, kSmall = 4 << 10, kHuge = 17 << 20;

// Everything that a queue can do, with the answer looked at. "" or what went wrong.
std::string useAll(Device& device, std::shared_ptr<Ending>* last) {
  std::unique_ptr<Queue> queue;
  std::vector<std::byte> small(kSmall, std::byte{3}), large(kBytes, std::byte{5}), huge(kHuge, std::byte{7});
  std::vector<std::byte> gotSmall(kSmall), gotLarge(kBytes), gotHuge(kHuge);
  try {
    const auto a = device.allocate(kBytes), b = device.allocate(kBytes), c = device.allocate(kHuge);
    queue = device.createQueue();
    try {
      queue->upload({a.get(), 0, kBytes}, large);
      queue->upload({a.get(), 0, kSmall}, small);
      queue->upload({a.get(), kSmall, kSmall}, small);
      queue->upload({c.get(), 0, kHuge}, huge);  // in parts
      queue->fill({b.get(), 0, kSmall}, 0x01010101);
      queue->fill({b.get(), 0, kBytes}, 0);
      queue->copy({b.get(), 0, kSmall}, {a.get(), 0, kSmall});
      queue->download(gotSmall, {b.get(), 0, kSmall});
      queue->download(gotLarge, {a.get(), 0, kBytes});
      queue->fill({a.get(), 0, kBytes}, 0);
      queue->download(gotHuge, {c.get(), 0, kHuge});
    } catch (...) {
      queue->discard();
      throw;
    }
    auto ending = std::make_shared<Ending>();
    *last = ending;
    queue->submit(ending->callback());
    if (!ending->wait()) return "it does not end";
    queue.reset();
    if (!ending->error().empty()) return ending->error();
  } catch (const Error& e) {
    return codeName(e.code);
  }
  std::memcpy(large.data(), small.data(), kSmall);
  std::memcpy(large.data() + kSmall, small.data(), kSmall);
  return gotSmall == small && gotLarge == large && gotHuge == huge ? "" : "what was read is wrong";
}

class CudaFaults : public OnCudaRuntime {
 protected:
  // Whether there was such a place.
  bool failOnce(const char* call, int nth, cudaError_t error, bool isSticky) {
    SCOPED_TRACE(std::string(call) + ", " + std::to_string(nth));
    ShimRuntime::seed(uint64_t(nth) + 1);
    ShimRuntime::failAt(call, nth, error, isSticky);
    std::shared_ptr<Ending> ending;
    bool lost = false;
    std::string outcome;
    try {
      const auto device = openOnShimRuntime();
      outcome = useAll(*device, &ending);
      lost = device->lost();
      if (lost) {
        EXPECT_EQ(outcome, "ERR_DEVICE_LOST");
      }
      fired_ = ShimRuntime::fired();
      if (!lost && !isSticky) {
        ShimRuntime::failAt("none", 0, 0);
        std::shared_ptr<Ending> second;
        EXPECT_EQ(useAll(*device, &second), "") << "after " << outcome;
      }
    } catch (const Error& e) {  // it could not be opened
      outcome = codeName(e.code);
      fired_ = ShimRuntime::fired();
    }
    EXPECT_TRUE(outcome.empty() || outcome.starts_with("ERR_")) << outcome;
    if (fired_ == 0) {
      EXPECT_EQ(outcome, "");
    } else if (isSticky && !outcome.empty()) {
      EXPECT_EQ(outcome, "ERR_DEVICE_LOST");
    }
    if (ending) {
      EXPECT_EQ(ending->times(), 1);
    }
    ShimRuntime::failAt("none", 0, 0);
    if (std::string(call) == "kernel") ShimRuntime::takeViolations();
    // What was lost is not freed: the driver may never answer.
    if (lost || isSticky) forgetLost();
    return fired_ > 0;
  }
  void atEachPlace(cudaError_t error, bool isSticky, int step) {
    for (const bool pools : {true, false}) {
      ShimRuntime::setPools(pools);
      for (const char* call : kCalls) {
        int places = 0;
        for (int nth = 0; nth < 200 && !HasFailure(); nth += nth < 4 ? 1 : step) {
          if (!failOnce(call, nth, error, isSticky)) break;
          ++places;
          ShimRuntime::setPools(pools);
        }
        places_ += places;
        if (HasFailure()) return;
      }
    }
    EXPECT_GT(places_, 100);
  }

 private:
  int fired_ = 0, places_ = 0;
};

TEST_F(CudaFaults, OutOfMemoryOnce) { atEachPlace(cudaErrorMemoryAllocation, false, 37); }
TEST_F(CudaFaults, AnotherErrorOnce) { atEachPlace(cudaErrorInvalidValue, false, 41); }
TEST_F(CudaFaults, AnErrorForGood) { atEachPlace(cudaErrorIllegalAddress, true, 43); }

}  // namespace
}  // namespace switchyard::test
