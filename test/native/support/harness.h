// Runs problems on contexts: the devices to test on, jobs made from problems, and one blocking call around the
// asynchronous core.
#pragma once
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "conformance.h"

namespace switchyard::test {

// A device as the tests see it: a real one, a real one made stricter, or the emulated one.
struct TestDevice {
  std::string name;  // "cpu:0", "vulkan:0 short-views", "cuda-shim (emulated)"
  std::string id;    // the device behind it
  std::function<std::shared_ptr<Device>()> open;
  bool smallOnly = false, splitOnly = false, guarded = false;
  int64_t cpuTargets = 0;  // Highway targets the CPU kernels are held to; 0: the best
};
inline void PrintTo(const TestDevice& device, std::ostream* out) { *out << device.name; }  // for GoogleTest
std::string deviceTestName(const ::testing::TestParamInfo<TestDevice>& info);  // its name's letters and digits
const std::vector<TestDevice>& testDevices();
std::vector<TestDevice> plainDevices();  // one for each device found, and the emulated one
const Enumeration& foundDevices();       // enumerated once

// Opened once and kept until releaseDevices(): shaders compile at first use.
std::shared_ptr<Device> deviceOf(const TestDevice& which);
Context& contextOf(const TestDevice& which);
void releaseDevices();
void holdCpuTo(int64_t targets);

std::array<double, kMaxParams> resolveParams(const Workload& workload, const std::vector<Param>& params);

// A job over host tensors, which it keeps.
std::shared_ptr<Job> makeJob(const std::string& workload, std::vector<HostTensor> inputs,
                             const std::vector<Param>& params = {});

// What became of a job.
struct Outcome {
  bool settled = false;
  int timesSettled = 0;
  std::shared_ptr<Error> error;  // null: it succeeded
  bool ok() const { return settled && !error; }
  std::string text() const;  // "ok", "ERR_CANCELED: ..." or "never settled"
};

// Submitted, to be awaited: wait() returns after the done callback, or not settled after a minute.
class Pending {
 public:
  explicit Pending(std::shared_ptr<Job> job);  // sets job->done
  Outcome wait(std::chrono::milliseconds limit = std::chrono::minutes(1));
  bool settled() const;
  const std::shared_ptr<Job> job;

 private:
  struct State;
  std::shared_ptr<State> state_;
};
Pending submit(Context& context, std::shared_ptr<Job> job);  // prepare() and submit(); both may throw
Outcome runJob(Context& context, std::shared_ptr<Job> job);  // errors of prepare() and submit() become the outcome's
std::vector<HostTensor> outputsOf(const Job& job);           // those in the host pool
std::shared_ptr<DeviceTensor> upload(Context& context, const HostTensor& tensor);
HostTensor readBack(Context& context, const std::shared_ptr<DeviceTensor>& tensor);

struct RunOptions {
  bool resident = false;  // inputs are uploaded first
  bool into = false;      // outputs go into the caller's memory, with guards on both sides
  size_t inputShift = 0;  // elements by which host inputs lie off a 64-byte boundary
};
// Runs one problem. Throws Error as the job did, std::runtime_error when guards or inputs were written.
std::vector<HostTensor> runProblem(Context& context, const std::string& workload, const Problem& problem,
                                   const RunOptions& options);

// "" or the first thing that is wrong; `share` gets the largest error as a share of what is allowed.
std::string judge(const Problem& problem, const std::vector<HostTensor>& outputs, double& share);

// Waits (up to 2 s) until the context holds no scratch memory: a job's memory goes just before or after its callback.
uint64_t usedBytesAtRest(Context& context);

}  // namespace switchyard::test
