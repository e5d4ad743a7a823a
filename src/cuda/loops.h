// Loops of small launches as CUDA graphs: one call in place of hundreds. A queue has one; used by one thread at a time.
#pragma once
#include <array>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "../../kernels/registry.h"
#include "state.h"

namespace switchyard::cuda {

// A launch with its arguments, which are copied.
struct PlannedLaunch {
  const void* function;
  const char* name;
  Grid grid;
  uint32_t threads;
  uint32_t buffers;       // pointers, at the beginning of the arguments
  size_t at, paramBytes;  // where in LaunchList::arguments they begin; what follows the pointers
};

// What is to be launched one after the other.
class LaunchList {
 public:
  static constexpr size_t kMost = 1024;  // then they are played, so that the card has something to do meanwhile
  void add(const void* function, const char* name, Grid grid, uint32_t threads, std::span<std::byte* const> buffers,
           const void* params, size_t paramBytes);
  void clear() { launches_.clear(), arguments_.clear(); }
  bool empty() const { return launches_.empty(); }
  size_t size() const { return launches_.size(); }
  const PlannedLaunch& operator[](size_t i) const { return launches_[i]; }
  // Pointers to the arguments of one, as the runtime takes them; valid until the next call.
  void** argumentsOf(size_t i);
  bool sameShape(const LaunchList& other) const;  // all but the arguments
  bool sameArguments(const LaunchList& other, size_t i) const;

 private:
  static constexpr size_t kMostArguments = 17;
  std::vector<PlannedLaunch> launches_;
  std::vector<std::byte> arguments_;
  std::array<void*, kMostArguments> pointers_{};
};

// The graphs of the shapes that came back. A shape is launched as it comes at first; the second time it becomes a
// graph, and after that only what differs in its arguments is told to it.
class LaunchGraphs {
 public:
  explicit LaunchGraphs(std::shared_ptr<DeviceState> state) : state_(std::move(state)) {}
  ~LaunchGraphs();
  LaunchGraphs(const LaunchGraphs&) = delete;
  LaunchGraphs& operator=(const LaunchGraphs&) = delete;

  // All of `list` behind what `stream` was asked for. Making a graph takes up to a millisecond: not where that may not
  // be.
  void play(LaunchList& list, cudaStream_t stream, bool mayTakeLong);

 private:
  struct Known {
    LaunchList list;
    cudaGraph_t graph = nullptr;  // null: seen once
    cudaGraphExec_t exec = nullptr;
    std::vector<cudaGraphNode_t> nodes;
  };
  void launchEach(LaunchList& list, cudaStream_t stream);
  cudaError_t make(Known& known);
  cudaError_t update(Known& known, LaunchList& list);
  void drop(Known& known) noexcept;

  const std::shared_ptr<DeviceState> state_;
  std::list<Known> known_;  // the latest used first
  bool works_ = true;
};

}  // namespace switchyard::cuda
