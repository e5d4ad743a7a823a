// Checked as a whole, run on one context, intermediates reused by liveness.
#include "graph.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "recorder.h"

namespace switchyard {
namespace {

std::string nodeNumber(const Graph& graph, size_t index) {
  const int label = graph.nodes[index].label;
  return label < 0 ? std::to_string(index) : std::to_string(label);
}

std::string nodeName(const Graph& graph, size_t index) {
  return "graph: node " + nodeNumber(graph, index) + " ('" + graph.nodes[index].workload->info.name + "')";
}

std::string nodePath(const Graph& graph, size_t index) { return "nodes[" + nodeNumber(graph, index) + "]"; }

// The error of a node as one of the graph.
Error inNode(const Graph& graph, size_t index, const Error& error) {
  ErrorDetails details = error.details;
  if (!details.argument.empty()) details.argument = nodePath(graph, index) + "." + details.argument;
  return {error.code, nodeName(graph, index) + ": " + error.what(), std::move(details)};
}

void checkOutputs(const Graph& graph) {
  std::vector<bool> seen(graph.valueCount, false);
  for (int output : graph.outputs) {
    if (output < static_cast<int>(graph.inputCount))
      throw Error(Code::InvalidArgument, "a graph's output must be the output of one of its nodes, not an input",
                  {.argument = "outputs"});
    if (seen[output])
      throw Error(Code::InvalidArgument, "a graph's outputs must differ from each other", {.argument = "outputs"});
    seen[output] = true;
  }
}

[[noreturn]] void refusePacking(const std::string& why) {
  throw Error(Code::InvalidArgument, "graph: packed: " + why, {.argument = "packed"});
}

void checkPacking(const Graph& graph, std::span<const TensorSpec> inputs) {
  const Packing& packing = graph.packing;
  if (packing.offsets < 0) return;
  const auto isInput = [&](int number) { return number < static_cast<int>(graph.inputCount); };
  if (!isInput(packing.offsets)) throw Error(Code::Internal, "a graph's offsets are not one of its inputs");
  const TensorSpec& offsets = inputs[packing.offsets];
  if (offsets.dtype != DType::Int32 || offsets.shape.rank() != 1 || offsets.shape[0] == 0)
    refusePacking("offsets must be int32 [n+1], not " + std::string(dtypeName(offsets.dtype)) + " " +
                  offsets.shape.text());
  const Shape* first = nullptr;
  for (const int row : packing.rows) {
    if (row < 0) continue;
    if (!isInput(row) || row == packing.offsets) throw Error(Code::Internal, "a graph's rows are not its inputs");
    const Shape& shape = inputs[row].shape;
    if (shape.rank() == 0) refusePacking("an input with a row for each token is a single number");
    if (first && (*first)[0] != shape[0])
      refusePacking("its inputs have " + std::to_string((*first)[0]) + " and " + std::to_string(shape[0]) +
                    " rows, but must have one for each token");
    first = &shape;
  }
}

// The call of a node as it is checked: specs and parameters.
void fillCall(const GraphNode& node, std::span<const TensorSpec> values, Call& call) {
  call.params = node.params;
  for (size_t i = 0; i < kMaxTensors; ++i) {
    call.inputs[i] = {};
    if (node.inputs[i] < 0) continue;
    call.inputs[i].spec = values[node.inputs[i]];
    call.inputs[i].present = true;
  }
}

void checkNode(GraphPlan& plan, size_t n, Call& call) {
  const GraphNode& node = plan.graph.nodes[n];
  fillCall(node, plan.values, call);
  try {
    const Cost cost = checkCall(*node.workload, call);
    plan.cost.flops += cost.flops;
    plan.cost.bytes += cost.bytes;
    plan.cost.maybeLong |= cost.maybeLong;
  } catch (const Error& error) {
    throw inNode(plan.graph, n, error);
  }
  for (size_t i = call.outputCount; i < kMaxTensors; ++i)
    if (node.outputs[i] >= 0)
      throw Error(
          Code::InvalidArgument,
          nodeName(plan.graph, n) + " has no output '" + node.workload->info.outputs[i] + "' with these parameters",
          {.argument = nodePath(plan.graph, n) + ".outputs." + node.workload->info.outputs[i]});
}

GraphPlan::Node planNode(GraphPlan& plan, const GraphNode& node, const Call& call) {
  GraphPlan::Node planned;
  planned.outputs = node.outputs;
  planned.outputCount = call.outputCount;
  planned.params = call.params;
  for (size_t i = 0; i < call.outputCount; ++i) {
    const TensorSpec& spec = call.outputs[i].spec;
    planned.isEmpty = planned.isEmpty && spec.bytes() == 0;
    if (node.outputs[i] >= 0) {
      plan.values[node.outputs[i]] = spec;
      continue;
    }
    planned.outputs[i] = static_cast<int>(plan.values.size());
    plan.values.push_back(spec);
  }
  return planned;
}

// Whose memory each value has: its own, or that of the value which it is another view of. A graph's output has its own,
// which is the caller's.
std::vector<int> findOwners(GraphPlan& plan) {
  std::vector<int> owners(plan.values.size());
  std::iota(owners.begin(), owners.end(), 0);
  std::vector<bool> isOutput(plan.values.size(), false);
  for (int output : plan.graph.outputs) isOutput[output] = true;
  for (size_t n = 0; n < plan.nodes.size(); ++n) {
    GraphPlan::Node& node = plan.nodes[n];
    const int output = node.outputs[0];
    node.isView = plan.graph.nodes[n].workload->info.isView && !isOutput[output];
    if (node.isView) owners[output] = owners[plan.graph.nodes[n].inputs[0]];
  }
  return owners;
}

// After which node a value's memory can be used again. Inputs and outputs of the graph are not ours to reuse.
void findEnds(GraphPlan& plan, const std::vector<int>& owners) {
  const Graph& graph = plan.graph;
  std::vector<size_t> lastUse(plan.values.size(), 0);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    for (int value : graph.nodes[n].inputs)
      if (value >= 0) lastUse[owners[value]] = n;
    for (int value : plan.nodes[n].outputs)
      if (value >= 0) lastUse[owners[value]] = std::max(lastUse[owners[value]], n);
  }
  std::vector<bool> isMade(plan.values.size(), false), isOutput(plan.values.size(), false);
  std::fill_n(isMade.begin(), graph.inputCount, true);
  for (int output : graph.outputs) isOutput[output] = true;
  for (const GraphPlan::Node& node : plan.nodes)
    for (int value : node.outputs) {
      if (value < 0) continue;
      if (isMade[value]) throw Error(Code::Internal, "a graph makes a value twice");
      isMade[value] = true;
      const bool isOurs = owners[value] == value && !isOutput[value];
      if (isOurs && plan.values[value].bytes()) plan.nodes[lastUse[value]].ended.push_back(value);
    }
}

constexpr uint64_t kSmallTogether = 64 << 10, kApart = 256;

void layTogether(GraphPlan& plan) {
  uint64_t bytes = 0;
  std::vector<uint64_t> offsets(plan.values.size(), 0);
  for (const GraphPlan::Node& node : plan.nodes)
    for (int value : node.ended) {
      const uint64_t size = plan.values[value].bytes();
      if (size > kSmallTogether) return;
      offsets[value] = bytes;
      bytes += (size + kApart - 1) / kApart * kApart;
    }
  if (bytes <= kSmallTogether) plan.together = {bytes, std::move(offsets)};
}

// Puts a node into the call: its outputs that are not the graph's get their memory, in `block` where that is there.
void beginNode(Recorder& recorder, const GraphPlan& plan, size_t n, BufferView block, std::vector<Value>& values,
               Call& call) {
  const GraphNode& node = plan.graph.nodes[n];
  const GraphPlan::Node& planned = plan.nodes[n];
  call.params = planned.params;
  for (size_t i = 0; i < node.workload->info.inputs.size(); ++i)
    call.inputs[i] = node.inputs[i] < 0 ? Value{} : values[node.inputs[i]];
  call.outputCount = planned.outputCount;
  for (size_t i = 0; i < planned.outputCount; ++i) {
    const int number = planned.outputs[i];
    Value& value = values[number];
    if (planned.isView) {
      value.spec = plan.values[number];
      value.view = call.inputs[i].view;
      value.host = call.inputs[i].host;
    } else if (!value.view) {
      value.spec = plan.values[number];
      if (const uint64_t bytes = value.spec.bytes())
        value.view = block ? block.slice(plan.together.offsets[number], bytes) : recorder.scratch(bytes);
    }
    value.present = true;
    call.outputs[i] = value;
  }
}

}  // namespace

std::shared_ptr<const GraphPlan> planGraph(Graph graph, std::vector<TensorSpec> inputs) {
  auto plan = std::make_shared<GraphPlan>();
  plan->graph = std::move(graph);
  plan->values = std::move(inputs);
  plan->values.resize(plan->graph.valueCount);
  checkOutputs(plan->graph);
  checkPacking(plan->graph, plan->values);
  plan->nodes.reserve(plan->graph.nodes.size());
  Call call;
  for (size_t n = 0; n < plan->graph.nodes.size(); ++n) {
    checkNode(*plan, n, call);
    plan->nodes.push_back(planNode(*plan, plan->graph.nodes[n], call));
  }
  findEnds(*plan, findOwners(*plan));
  layTogether(*plan);
  return plan;
}

Task recordGraph(Recorder& recorder, const GraphPlan& plan, std::vector<Value>& values, Call& call) {
  const BufferView block = plan.together.bytes ? recorder.fresh(plan.together.bytes) : BufferView{};
  for (size_t n = 0; n < plan.nodes.size(); ++n) {
    recorder.node(n, plan.nodes.size());
    beginNode(recorder, plan, n, block, values, call);
    try {
      if (!plan.nodes[n].isEmpty && !plan.nodes[n].isView)
        co_await plan.graph.nodes[n].workload->record(recorder, call);
    } catch (const Error& error) {
      if (error.code != Code::InvalidArgument) throw;  // a lost device is not the node's
      throw inNode(plan.graph, n, error);
    }
    if (block) continue;
    for (int value : plan.nodes[n].ended) recorder.release(values[value].view);
  }
}

}  // namespace switchyard
