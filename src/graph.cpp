// Checked as a whole, run on one context, intermediates reused by liveness.
#include "graph.h"

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

Call callOf(const GraphNode& node) {
  Call call;
  call.params = node.params;
  return call;
}

}  // namespace

Cost checkGraph(const Graph& graph, std::vector<TensorSpec>& values) {
  checkOutputs(graph);
  Cost total;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const GraphNode& node = graph.nodes[n];
    Call call = callOf(node);
    for (size_t i = 0; i < kMaxTensors; ++i) {
      if (node.inputs[i] < 0) continue;
      call.inputs[i].spec = values[node.inputs[i]];
      call.inputs[i].present = true;
    }
    try {
      Cost cost = checkCall(*node.workload, call);
      total.flops += cost.flops;
      total.bytes += cost.bytes;
      total.maybeLong |= cost.maybeLong;
    } catch (const Error& error) {
      throw inNode(graph, n, error);
    }
    for (size_t i = 0; i < kMaxTensors; ++i) {
      if (node.outputs[i] < 0) continue;
      if (i >= call.outputCount)
        throw Error(
            Code::InvalidArgument,
            nodeName(graph, n) + " has no output '" + node.workload->info.outputs[i] + "' with these parameters",
            {.argument = nodePath(graph, n) + ".outputs." + node.workload->info.outputs[i]});
      values[node.outputs[i]] = call.outputs[i].spec;
    }
  }
  return total;
}

Task recordGraph(Recorder& recorder, const Graph& graph, std::vector<Value>& values) {
  // The node after which a value's memory can be used again. Inputs and outputs of the graph are not ours to reuse.
  std::vector<size_t> lastUse(graph.valueCount, 0);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    for (int value : graph.nodes[n].inputs)
      if (value >= 0) lastUse[value] = n;
    for (int value : graph.nodes[n].outputs)
      if (value >= 0) lastUse[value] = std::max(lastUse[value], n);
  }
  std::vector<bool> ours(graph.valueCount, false);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const GraphNode& node = graph.nodes[n];
    Call call = callOf(node);
    for (size_t i = 0; i < kMaxTensors; ++i)
      if (node.inputs[i] >= 0) call.inputs[i] = values[node.inputs[i]];
    checkCall(*node.workload, call);
    std::vector<BufferView> unnamed;
    bool any = false;
    for (size_t i = 0; i < call.outputCount; ++i) {
      Value& output = call.outputs[i];
      int value = node.outputs[i];
      output.present = true;
      uint64_t bytes = output.spec.bytes();
      any |= bytes != 0;
      if (value >= 0 && values[value].view) {
        output.view = values[value].view;  // an output of the graph: its memory is there
      } else if (bytes) {
        output.view = recorder.scratch(bytes);
        if (value >= 0)
          ours[value] = true;
        else
          unnamed.push_back(output.view);
      }
      if (value >= 0) values[value] = output;
    }
    try {
      if (any) co_await node.workload->record(recorder, call);
    } catch (const Error& error) {
      if (error.code != Code::InvalidArgument) throw;  // a lost device is not the node's
      throw inNode(graph, n, error);
    }
    for (BufferView view : unnamed) recorder.release(view);
    for (size_t value = 0; value < graph.valueCount; ++value)
      if (ours[value] && lastUse[value] == n) {
        recorder.release(values[value].view);
        ours[value] = false;
      }
  }
}

}  // namespace switchyard
