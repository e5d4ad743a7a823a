// Chains of kernel nodes, and which of them are known.
#include "loops.h"

#include <algorithm>
#include <cstring>

namespace switchyard::cuda {
namespace {

constexpr size_t kWorthAGraph = 8;  // launches; that of a graph costs as much as a few
constexpr size_t kMostKnown = 8;

cudaKernelNodeParams nodeParams(LaunchList& list, size_t i) {
  cudaKernelNodeParams params{};
  params.func = const_cast<void*>(list[i].function);
  params.gridDim = dim3(list[i].grid.x, list[i].grid.y), params.blockDim = dim3(list[i].threads);
  params.kernelParams = list.argumentsOf(i);  // copied into the node
  return params;
}

}  // namespace

void LaunchList::add(const void* function, const char* name, Grid grid, uint32_t threads,
                     std::span<std::byte* const> buffers, const void* params, size_t paramBytes) {
  // Each at a multiple of 16 bytes, as the params structs may hold 8-byte numbers.
  const size_t at = (arguments_.size() + 15) / 16 * 16, pointerBytes = buffers.size() * sizeof(void*);
  const size_t paramsAt = (at + pointerBytes + 15) / 16 * 16;
  arguments_.resize(paramsAt + paramBytes);
  if (!buffers.empty()) std::memcpy(arguments_.data() + at, buffers.data(), pointerBytes);
  std::memcpy(arguments_.data() + paramsAt, params, paramBytes);
  launches_.push_back({function, name, grid, threads, uint32_t(buffers.size()), at, paramBytes});
}

void** LaunchList::argumentsOf(size_t i) {
  const PlannedLaunch& launch = launches_[i];
  for (size_t b = 0; b < launch.buffers; ++b) pointers_[b] = arguments_.data() + launch.at + b * sizeof(void*);
  pointers_[launch.buffers] = arguments_.data() + (launch.at + launch.buffers * sizeof(void*) + 15) / 16 * 16;
  return pointers_.data();
}

bool LaunchList::sameShape(const LaunchList& other) const {
  return std::equal(launches_.begin(), launches_.end(), other.launches_.begin(), other.launches_.end(),
                    [](const PlannedLaunch& a, const PlannedLaunch& b) {
                      return a.function == b.function && a.grid.x == b.grid.x && a.grid.y == b.grid.y &&
                             a.threads == b.threads && a.at == b.at && a.paramBytes == b.paramBytes;
                    });
}

bool LaunchList::sameArguments(const LaunchList& other, size_t i) const {
  const size_t end = i + 1 < launches_.size() ? launches_[i + 1].at : arguments_.size();
  return std::memcmp(arguments_.data() + launches_[i].at, other.arguments_.data() + launches_[i].at,
                     end - launches_[i].at) == 0;
}

LaunchGraphs::~LaunchGraphs() {
  for (Known& known : known_) drop(known);
}

void LaunchGraphs::drop(Known& known) noexcept {
  if (!known.graph || state_->lost() || cudaSetDevice(state_->ordinal) != cudaSuccess) return;
  if (known.exec) cudaGraphExecDestroy(known.exec);
  cudaGraphDestroy(known.graph);
}

void LaunchGraphs::launchEach(LaunchList& list, cudaStream_t stream) {
  for (size_t i = 0; i < list.size(); ++i)
    state_->check(cudaLaunchKernel(list[i].function, dim3(list[i].grid.x, list[i].grid.y), dim3(list[i].threads),
                                   list.argumentsOf(i), 0, stream),
                  list[i].name);
}

// A chain, as the stream would be.
cudaError_t LaunchGraphs::make(Known& known) {
  cudaError_t status = cudaGraphCreate(&known.graph, 0);
  if (status != cudaSuccess) known.graph = nullptr;
  known.nodes.assign(known.list.size(), nullptr);
  for (size_t i = 0; i < known.list.size() && status == cudaSuccess; ++i) {
    const cudaKernelNodeParams params = nodeParams(known.list, i);
    status =
        cudaGraphAddKernelNode(&known.nodes[i], known.graph, i ? &known.nodes[i - 1] : nullptr, i ? 1 : 0, &params);
  }
  if (status == cudaSuccess) status = cudaGraphInstantiate(&known.exec, known.graph, 0);
  if (status != cudaSuccess) known.exec = nullptr;
  return status;
}

// Launches that are under way keep the arguments that they had.
cudaError_t LaunchGraphs::update(Known& known, LaunchList& list) {
  for (size_t i = 0; i < list.size(); ++i) {
    if (list.sameArguments(known.list, i)) continue;
    const cudaKernelNodeParams params = nodeParams(list, i);
    const cudaError_t status = cudaGraphExecKernelNodeSetParams(known.exec, known.nodes[i], &params);
    if (status != cudaSuccess) return status;
  }
  known.list = list;
  return cudaSuccess;
}

void LaunchGraphs::play(LaunchList& list, cudaStream_t stream, bool mayTakeLong) {
  if (!works_ || list.size() < kWorthAGraph || list.size() > LaunchList::kMost) return launchEach(list, stream);
  auto known = std::find_if(known_.begin(), known_.end(), [&](const Known& k) { return k.list.sameShape(list); });
  if (known == known_.end()) {
    if (known_.size() == kMostKnown) {
      drop(known_.back());
      known_.pop_back();
    }
    known_.emplace_front().list = list;
    return launchEach(list, stream);
  }
  known_.splice(known_.begin(), known_, known);
  if (!known->exec && !mayTakeLong) return launchEach(list, stream);
  cudaError_t status = cudaSuccess;
  if (known->exec) {
    status = update(*known, list);
  } else {
    known->list = list;
    status = make(*known);
  }
  // Behind its own launch before, too: a graph is never beside itself.
  if (status == cudaSuccess) status = cudaGraphLaunch(known->exec, stream);
  if (status == cudaSuccess) return;
  // Nothing was launched yet. What a driver can't do once it is not asked for again.
  drop(*known);
  known_.erase(known);
  cudaGetLastError();
  if (isSticky(status)) state_->check(status, "a graph of launches");
  works_ = status == cudaErrorMemoryAllocation;
  launchEach(list, stream);
}

}  // namespace switchyard::cuda
