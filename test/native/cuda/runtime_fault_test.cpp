// Each call of the CUDA runtime that may fail fails once, at each place: the submission ends once, with an error or
// right, the queue goes on, and nothing is left over. And the same with an error after which nothing works any more.
#include <driver_types.h>

#include <cstring>

#include "options.h"
#include "runtime_fixture.h"

namespace switchyard::test {
namespace {

// What fails to give something back leaves it: cudaFree and its kind are not among these.
constexpr const char* kCalls[] = {"cudaDeviceGetAttribute",
                                  "cudaDeviceEnablePeerAccess",
                                  "cudaEventCreateWithFlags",
                                  "cudaEventElapsedTime",
                                  "cudaEventQuery",
                                  "cudaEventRecord",
                                  "cudaFuncGetAttributes",
                                  "cudaGraphAddKernelNode",
                                  "cudaGraphCreate",
                                  "cudaGraphExecKernelNodeSetParams",
                                  "cudaGraphInstantiate",
                                  "cudaGraphLaunch",
                                  "cudaHostAlloc",
                                  "cudaHostRegister",
                                  "cudaLaunchKernel",
                                  "cudaMalloc",
                                  "cudaMallocFromPoolAsync",
                                  "cudaMemGetInfo",
                                  "cudaMemPoolCreate",
                                  "cudaMemPoolGetAttribute",
                                  "cudaMemPoolSetAttribute",
                                  "cudaMemcpyAsync",
                                  "cudaMemcpyPeerAsync",
                                  "cudaMemsetAsync",
                                  "cudaStreamCreateWithFlags",
                                  "cudaStreamQuery",
                                  "cudaStreamSynchronize",
                                  "cudaStreamWaitEvent",
                                  "kernel"};

constexpr size_t kBytes = 300 << 10, kSmall = 4 << 10, kHuge = 17 << 20;

void clear(Device& device, const Buffer& buffer) {
  const auto queue = device.createQueue();
  Ending ending;
  queue->fill({const_cast<Buffer*>(&buffer), 0, buffer.size}, 0);
  queue->submit(ending.callback());
  if (!ending.wait()) throw Error(Code::Internal, "it does not end");
  if (!ending.error().empty()) throw Error(Code::DeviceLost, ending.error());
}

// The same loop three times: as it comes, as a new graph, and as one that is told what differs.
void addInLoops(Queue& queue, Buffer& buffer) {
  for (int round = 0; round < 3; ++round) {
    const ScaleParams params{1, 1, float(round), 0};
    const BufferView view{&buffer, 0, 4}, views[] = {view, view};
    for (int i = 0; i < 12; ++i) queue.launch(Kernel::scale, 1, views, std::as_bytes(std::span(&params, 1)));
    queue.copy({&buffer, 8, 4}, view);
  }
}

// Everything that a queue can do, with the answer looked at. "" or what went wrong.
std::string useAll(Device& device, std::shared_ptr<Ending>* last) {
  std::unique_ptr<Queue> queue;
  std::vector<std::byte> small(kSmall, std::byte{3}), large(kBytes, std::byte{5}), huge(kHuge, std::byte{7});
  std::vector<std::byte> gotSmall(kSmall), gotLarge(kBytes), gotHuge(kHuge), gotFar(kSmall, std::byte{1});
  float sum = 0;
  try {
    const auto pinned = device.pin(small);
    const auto far = openOnShimRuntime(1);
    const auto farBuffer = far->allocate(kSmall), near = device.allocate(kSmall), counted = device.allocate(kSmall);
    clear(*far, *farBuffer);
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
      queue->copyFrom({near.get(), 0, kSmall}, {farBuffer.get(), 0, kSmall});
      queue->download(gotFar, {near.get(), 0, kSmall});
      queue->fill({counted.get(), 0, kSmall}, 0);
      addInLoops(*queue, *counted);
      queue->download(std::as_writable_bytes(std::span(&sum, 1)), {counted.get(), 8, 4});
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
  const bool isRight = gotSmall == small && gotLarge == large && gotHuge == huge && sum == 36 &&
                       gotFar == std::vector<std::byte>(kSmall);
  return isRight ? "" : "what was read is wrong";
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
  // The first few, of the full list a third of the next ones, each `turn` another third, and some of the rest.
  static int next(int nth, int turn) {
    if (nth < 3) return nth + 1;
    if (options().full && turn >= 0 && nth < 40) return nth == 3 ? 4 + turn : nth + 3;
    return nth + 37;
  }
  void atEachPlace(cudaError_t error, bool isSticky, int turn) {
    for (const bool pools : {true, false}) {
      ShimRuntime::setPools(pools);
      for (const char* call : kCalls) {
        int places = 0;
        for (int nth = 0; nth < 200 && !HasFailure(); nth = next(nth, pools ? turn : -1)) {
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

TEST_F(CudaFaults, OutOfMemoryOnce) { atEachPlace(cudaErrorMemoryAllocation, false, 0); }
TEST_F(CudaFaults, AnotherErrorOnce) { atEachPlace(cudaErrorInvalidValue, false, 1); }
TEST_F(CudaFaults, AnErrorForGood) { atEachPlace(cudaErrorIllegalAddress, true, 2); }

}  // namespace
}  // namespace switchyard::test
