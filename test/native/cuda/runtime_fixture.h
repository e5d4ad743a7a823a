// The CUDA backend's own host code over the emulated runtime: what is left over, and what no card would have forgiven.
#pragma once
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "cuda_shim/runtime/control.h"
#include "harness.h"

namespace switchyard::test {

using cuda_shim::openOnShimRuntime;
using cuda_shim::ShimRuntime;

class OnCudaRuntime : public ::testing::Test {
 protected:
  void SetUp() override {
    ShimRuntime::reset();
    before_ = ShimRuntime::counts();
  }
  void TearDown() override {
    ShimRuntime::release();
    EXPECT_EQ(cuda_shim::text(ShimRuntime::counts()), cuda_shim::text(before_)) << "something was not given back";
    expectNoViolations();
    ShimRuntime::reset();
  }
  // What a lost card had is not given back: its driver may never answer.
  void forgetLost() {
    ShimRuntime::forget();
    before_ = ShimRuntime::counts();
  }
  static void expectNoViolations() {
    for (const std::string& violation : ShimRuntime::takeViolations()) ADD_FAILURE() << violation;
  }

 private:
  cuda_shim::ShimCounts before_;
};

// The end of one submission.
class Ending {
 public:
  Completion callback() {
    return [state = state_](std::exception_ptr error, const QueueTimings&) {
      const std::lock_guard lock(state->mutex);
      state->error = error, ++state->times;
      state->changed.notify_all();
    };
  }
  // Whether it came within that time.
  bool wait(std::chrono::milliseconds limit = std::chrono::seconds(20)) const {
    std::unique_lock lock(state_->mutex);
    return state_->changed.wait_for(lock, limit, [&] { return state_->times > 0; });
  }
  // After wait(): "" or its code.
  std::string error() const {
    const std::lock_guard lock(state_->mutex);
    if (!state_->error) return "";
    try {
      std::rethrow_exception(state_->error);
    } catch (const Error& e) {
      return codeName(e.code);
    }
  }
  int times() const {
    const std::lock_guard lock(state_->mutex);
    return state_->times;
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::exception_ptr error;
    int times = 0;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace switchyard::test
