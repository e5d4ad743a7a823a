// The emulated runtime: cards, streams, events, launches and graphs.
#include <cuda_runtime_api.h>

#include <cstring>
#include <utility>

#include "../launches.h"
#include "world.h"

using namespace switchyard::cuda_shim;

namespace switchyard::cuda_shim {

StreamState& of(cudaStream_t stream) { return *reinterpret_cast<StreamState*>(stream); }

namespace {

EventState& of(cudaEvent_t event) { return *reinterpret_cast<EventState*>(event); }

struct GraphNode {
  Launch launch;
  std::vector<size_t> after;
};
struct GraphState {
  std::vector<std::unique_ptr<GraphNode>> nodes;
};
struct ExecState {
  std::vector<GraphNode> nodes;
  std::map<const GraphNode*, size_t> places;
  StepPtr last;
};
GraphState& of(cudaGraph_t graph) { return *reinterpret_cast<GraphState*>(graph); }
ExecState& of(cudaGraphExec_t exec) { return *reinterpret_cast<ExecState*>(exec); }

cudaError_t makeLaunch(Launch& launch, const void* function, dim3 grid, dim3 block, void** arguments) {
  const std::vector<size_t>* bytes = argumentsOf(function);
  if (!bytes) return cudaErrorInvalidDeviceFunction;
  if (grid.x == 0 || grid.y == 0 || grid.z != 1 || grid.x > 0x7FFFFFFF || grid.y > 65535 || block.x == 0 ||
      block.x > 1024 || block.y != 1 || block.z != 1)
    return cudaErrorInvalidConfiguration;
  launch.function = function, launch.grid = grid, launch.block = block;
  for (size_t i = 0; i < bytes->size(); ++i) {
    const auto* from = static_cast<const std::byte*>(arguments[i]);
    launch.arguments.emplace_back(from, from + (*bytes)[i]);
  }
  return cudaSuccess;
}

bool isCard(int card) { return card >= kFirstShimCard && card < kFirstShimCard + kShimCards; }

// A kernel is loaded when it is first used on a card, unless it was asked about before.
void load(World& world, const void* function) {
  if (world.loaded.insert({World::currentCard(), function}).second) world.slow("load");
}

void run(World& world, const Launch& launch) {
  if (world.begin("kernel") != cudaSuccess) {
    if (world.sticky == cudaSuccess) world.sticky = cudaErrorLaunchFailure;
    return;
  }
  // Its buffers come before its values; one that it is not given is null.
  for (size_t i = 0; i + 1 < launch.arguments.size(); ++i) {
    const void* buffer = nullptr;
    if (launch.arguments[i].size() != sizeof buffer) continue;
    std::memcpy(&buffer, launch.arguments[i].data(), sizeof buffer);
    if (buffer) world.checkDevice(buffer, 0, "a kernel's buffer");
  }
  launch.run();
}

// What is asked of a stream while another card is current fails, or goes to the wrong one.
void requireCurrent(World& world, const StreamState& stream, const char* call) {
  if (stream.card != World::currentCard()) world.violation(std::string(call) + " while another card is current");
}

}  // namespace
}  // namespace switchyard::cuda_shim

#define BEGIN(name)                        \
  World& world = World::get();             \
  const std::lock_guard lock(world.mutex); \
  if (const cudaError_t fault = world.begin(name); fault != cudaSuccess) return fault

extern "C" {

// ---- cards

cudaError_t cudaSetDevice(int card) {
  BEGIN("cudaSetDevice");
  if (!isCard(card)) return world.end(cudaErrorInvalidDevice);
  World::currentCard() = card;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int card) {
  BEGIN("cudaDeviceGetAttribute");
  if (!isCard(card)) return world.end(cudaErrorInvalidDevice);
  switch (attribute) {
    case cudaDevAttrComputeCapabilityMajor: *value = 9; break;
    case cudaDevAttrComputeCapabilityMinor: *value = 0; break;
    case cudaDevAttrMemoryPoolsSupported: *value = world.hasPools; break;
    case cudaDevAttrUnifiedAddressing:
    case cudaDevAttrCanMapHostMemory: *value = 1; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = 227 << 10; break;
    default: return world.end(cudaErrorInvalidValue);
  }
  return cudaSuccess;
}

cudaError_t cudaDeviceCanAccessPeer(int* can, int card, int peer) {
  BEGIN("cudaDeviceCanAccessPeer");
  *can = card != peer && isCard(card) && isCard(peer);
  return cudaSuccess;
}

cudaError_t cudaDeviceEnablePeerAccess(int, unsigned) {
  BEGIN("cudaDeviceEnablePeerAccess");
  return cudaSuccess;
}

// ---- streams and events

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  BEGIN("cudaStreamCreateWithFlags");
  if (flags != cudaStreamNonBlocking) world.violation("a stream that waits for the null stream");
  auto* made = new StreamState{World::currentCard(), nullptr};
  world.streams.insert(made);
  *stream = reinterpret_cast<cudaStream_t>(made);
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  BEGIN("cudaStreamDestroy");
  if (!world.streams.erase(&of(stream))) return world.end(cudaErrorInvalidResourceHandle);
  delete &of(stream);
  return cudaSuccess;
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  BEGIN("cudaStreamQuery");
  world.runSome();
  if (world.sticky != cudaSuccess) return world.end(world.sticky);
  const StepPtr& last = of(stream).last;
  return !last || last->isDone ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  BEGIN("cudaStreamSynchronize");
  const StepPtr last = of(stream).last;
  if (last && !last->isDone) {
    if (World::hasWork(*last)) world.slow("cudaStreamSynchronize");
    if (!world.runUntil(last)) {
      world.violation("a wait for a stream that does not end");
      return world.end(cudaErrorLaunchTimeout);
    }
  }
  return world.end(world.sticky);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  BEGIN("cudaStreamWaitEvent");
  if (!world.events.count(&of(event))) return world.end(cudaErrorInvalidResourceHandle);
  world.ask(of(stream), nullptr, {of(event).record});
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  BEGIN("cudaEventCreateWithFlags");
  auto* made = new EventState{World::currentCard(), !(flags & cudaEventDisableTiming), nullptr};
  world.events.insert(made);
  *event = reinterpret_cast<cudaEvent_t>(made);
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  BEGIN("cudaEventDestroy");
  if (!world.events.erase(&of(event))) return world.end(cudaErrorInvalidResourceHandle);
  delete &of(event);
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  BEGIN("cudaEventRecord");
  if (!world.events.count(&of(event))) return world.end(cudaErrorInvalidResourceHandle);
  if (of(event).card != of(stream).card) world.violation("an event of another card");
  requireCurrent(world, of(stream), "cudaEventRecord()");
  of(event).record = world.ask(of(stream), nullptr);
  return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  BEGIN("cudaEventQuery");
  if (!world.events.count(&of(event))) return world.end(cudaErrorInvalidResourceHandle);
  world.runSome();
  if (world.sticky != cudaSuccess) return world.end(world.sticky);
  const StepPtr& record = of(event).record;
  return !record || record->isDone ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t begin, cudaEvent_t end) {
  BEGIN("cudaEventElapsedTime");
  const StepPtr &first = of(begin).record, &second = of(end).record;
  if (!first || !second || !of(begin).hasTime || !of(end).hasTime) return world.end(cudaErrorInvalidResourceHandle);
  if (!first->isDone || !second->isDone) return cudaErrorNotReady;
  *ms = (float(second->time) - float(first->time)) * 0.001f;
  return cudaSuccess;
}

// ---- kernels

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* function) {
  BEGIN("cudaFuncGetAttributes");
  if (!argumentsOf(function)) return world.end(cudaErrorInvalidDeviceFunction);
  load(world, function);
  *attributes = {};
  attributes->maxThreadsPerBlock = 1024;
  attributes->ptxVersion = world.builtFor;
  return cudaSuccess;
}

cudaError_t cudaLaunchKernel(const void* function, dim3 grid, dim3 block, void** arguments, size_t shared,
                             cudaStream_t stream) {
  BEGIN("cudaLaunchKernel");
  Launch launch;
  if (shared) return world.end(cudaErrorNotSupported);
  if (const cudaError_t wrong = makeLaunch(launch, function, grid, block, arguments); wrong != cudaSuccess)
    return world.end(wrong);
  requireCurrent(world, of(stream), "cudaLaunchKernel()");
  load(world, function);
  const StepPtr step = world.ask(of(stream), [&world, launch] { run(world, launch); });
  step->isHeld = std::exchange(world.holdsNext, false);
  if (world.nextDelay.count()) step->notBefore = std::chrono::steady_clock::now() + std::exchange(world.nextDelay, {});
  return cudaSuccess;
}

// Compiled code does not run here.
cudaError_t cudaLibraryLoadData(cudaLibrary_t*, const void*, cudaJitOption*, void**, unsigned, cudaLibraryOption*,
                                void**, unsigned) {
  BEGIN("cudaLibraryLoadData");
  return world.end(cudaErrorNotSupported);
}
cudaError_t cudaLibraryGetKernel(cudaKernel_t*, cudaLibrary_t, const char*) {
  BEGIN("cudaLibraryGetKernel");
  return world.end(cudaErrorNotSupported);
}
cudaError_t cudaLibraryUnload(cudaLibrary_t) {
  BEGIN("cudaLibraryUnload");
  return world.end(cudaErrorNotSupported);
}

// ---- graphs of launches

cudaError_t cudaGraphCreate(cudaGraph_t* graph, unsigned) {
  BEGIN("cudaGraphCreate");
  ++world.graphs;
  *graph = reinterpret_cast<cudaGraph_t>(new GraphState);
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  BEGIN("cudaGraphDestroy");
  --world.graphs;
  delete &of(graph);
  return cudaSuccess;
}

cudaError_t cudaGraphAddKernelNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* after, size_t count,
                                   const cudaKernelNodeParams* params) {
  BEGIN("cudaGraphAddKernelNode");
  auto made = std::make_unique<GraphNode>();
  if (const cudaError_t wrong =
          makeLaunch(made->launch, params->func, params->gridDim, params->blockDim, params->kernelParams);
      wrong != cudaSuccess)
    return world.end(wrong);
  auto& nodes = of(graph).nodes;
  for (size_t i = 0; i < count; ++i)
    for (size_t at = 0; at < nodes.size(); ++at)
      if (nodes[at].get() == reinterpret_cast<const GraphNode*>(after[i])) made->after.push_back(at);
  if (made->after.size() != count) return world.end(cudaErrorInvalidValue);
  *node = reinterpret_cast<cudaGraphNode_t>(made.get());
  nodes.push_back(std::move(made));
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  BEGIN("cudaGraphInstantiate");
  world.slow("cudaGraphInstantiate");
  auto* made = new ExecState;
  for (const auto& node : of(graph).nodes) {
    made->places[node.get()] = made->nodes.size();
    made->nodes.push_back(*node);
    load(world, node->launch.function);
  }
  ++world.execs;
  *exec = reinterpret_cast<cudaGraphExec_t>(made);
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  BEGIN("cudaGraphExecDestroy");
  --world.execs;
  delete &of(exec);
  return cudaSuccess;
}

cudaError_t cudaGraphExecKernelNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                             const cudaKernelNodeParams* params) {
  BEGIN("cudaGraphExecKernelNodeSetParams");
  const auto place = of(exec).places.find(reinterpret_cast<const GraphNode*>(node));
  if (place == of(exec).places.end()) return world.end(cudaErrorInvalidValue);
  Launch launch;
  if (const cudaError_t wrong =
          makeLaunch(launch, params->func, params->gridDim, params->blockDim, params->kernelParams);
      wrong != cudaSuccess)
    return world.end(wrong);
  of(exec).nodes[place->second].launch = std::move(launch);
  return cudaSuccess;
}

// Behind what the stream was asked for and behind the launch before of the same graph; its nodes in any order that
// their edges allow. Launches keep the parameters that the nodes have now.
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  BEGIN("cudaGraphLaunch");
  ExecState& state = of(exec);
  StreamState& on = of(stream);
  requireCurrent(world, on, "cudaGraphLaunch()");
  std::vector<StepPtr> steps;
  for (const GraphNode& node : state.nodes) {
    std::vector<StepPtr> after{on.last, state.last};
    for (const size_t before : node.after) after.push_back(steps[before]);
    steps.push_back(world.add(
        &state, [&world, launch = node.launch] { run(world, launch); }, std::move(after)));
  }
  state.last = world.ask(on, nullptr, std::move(steps));
  return cudaSuccess;
}

}  // extern "C"
