// A job: one run of a workload (or an upload, or a read) on a context, from its arguments to its outputs.
#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "graph.h"
#include "memory/arena.h"
#include "memory/host_pool.h"
#include "progress.h"
#include "workload.h"

namespace switchyard {

class Context;
class JoinedJobs;
class ProgramWorkload;

// A tensor that stays on a device, written once. Thread-safe; the memory goes with the last reference (a job that uses
// it holds one). Its arena may move it while no job has a Hold.
class DeviceTensor {
 public:
  // In memory of its own, which `hold` keeps where it is until the tensor is written. Throws OutOfMemory.
  DeviceTensor(std::shared_ptr<Device> device, std::shared_ptr<Arena> arena, TensorSpec spec,
               std::weak_ptr<Context> home, Hold& hold)
      : device(std::move(device)), spec(spec), home(std::move(home)), arena_(std::move(arena)) {
    hold = arena_->allocateMovable(spec.bytes());
    block_ = hold.block();
    isSeenByHost = hold.view().buffer->host != nullptr;
  }
  ~DeviceTensor() { arena_->free(block_); }
  const std::shared_ptr<Device> device;
  const TensorSpec spec;
  const std::weak_ptr<Context> home;  // whose arena it is in; not to be held where the last reference may go
  Hold hold(bool mayWait) const { return {block_, mayWait}; }
  bool isSeenByHost;  // where the CPU sees its memory; it is moved among such memory alone

  struct HostCopy;  // context_gather.cpp
  std::mutex copyMutex;
  std::weak_ptr<HostCopy> hostCopy;  // and what is in it: under copyMutex

 private:
  const std::shared_ptr<Arena> arena_;  // before the device in destruction order: the arena holds the device itself
  std::shared_ptr<Movable> block_;
};

// Host bytes or a tensor on a device, which is brought to the job's where that is another one.
struct TensorArg {
  TensorSpec spec;
  const std::byte* host = nullptr;  // spec.bytes() of them, unchanged until the job is done
  std::shared_ptr<DeviceTensor> device;
  bool present = false;
};

struct JobTimings {  // milliseconds
  double queuedMs = 0, uploadMs = 0, computeMs = 0, readbackMs = 0, totalMs = 0;
};

struct OutputTarget {
  std::byte* data = nullptr;  // null: the job takes memory from the host pool
  size_t bytes = 0;
};

class Job {
 public:
  enum class Kind : uint8_t { Workload, Graph, Upload, Read };
  using Done = std::function<void(Job&)>;

  // What to do. Fill, call prepare() once, then hand to Context::submit.
  Kind kind = Kind::Workload;
  const Workload* workload = nullptr;
  // `workload` where it is a program's (program/run/run.h), else null
  std::shared_ptr<const ProgramWorkload> program;
  std::vector<TensorArg> inputs;            // in the workload's (or graph's) order; Upload and Read: one
  std::array<double, kMaxParams> params{};  // NaN: not given
  std::unique_ptr<Graph> graph;             // goes into the plan
  // Of a graph: made by prepare(), or given, where one was made for inputs of these specs.
  std::shared_ptr<const GraphPlan> plan;
  std::vector<OutputTarget> into;  // empty, or one for each output
  // Called exactly once, on a thread of the core (or inside submit/runInline), when nothing of the job's memory is in
  // use any more.
  Done done;
  // How long whoever asked for it waits, or 0 for nobody knows: a device that is silent for so long is not lost.
  std::chrono::milliseconds longest{0};
  // called when its first command is about to be recorded; may be called again for a second try
  std::function<void()> begun;

  // Checks everything that can be known without a device and fills outputSpecs and cost. Throws InvalidArgument.
  void prepare();

  // Results, valid in done() when !error.
  std::vector<TensorSpec> outputSpecs;
  std::vector<std::shared_ptr<HostBlock>> outputs;  // null where `into` was given (or for an Upload)
  std::shared_ptr<DeviceTensor> uploaded;           // of an Upload
  std::exception_ptr error;
  JobTimings timings;
  Cost cost;

  // Stops the job as early as it can be: at once when queued, at the next tile or launch when running. done() then gets
  // Canceled (or a result, if that came first). Any thread.
  void requestStop() { stop.store(true, std::memory_order_relaxed); }
  std::atomic<bool> stop{false};
  Progress progress;

  struct Running;  // running.h: what it holds while it runs

 private:
  friend class Context;
  std::shared_ptr<Running> running_;
  JoinedJobs* joined_ = nullptr;  // whose parts it does the work of
  uint8_t triesForMemory_ = 0;
  bool elsewhere_ = false;  // asked by another process
  // Of inputs on other devices, which their contexts read first (context_gather.cpp): how many are still to come, and
  // those that have.
  size_t reads_ = 0;
  std::vector<std::shared_ptr<DeviceTensor::HostCopy>> gathered_;
  // For a thread that may wait for the device, and stays with it; what another has recorded of it is to go first.
  bool waits_ = false, restarts_ = false;
  std::chrono::steady_clock::time_point submitted_, started_;
};

}  // namespace switchyard
