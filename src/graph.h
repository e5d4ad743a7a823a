// Graphs of workloads: several steps that are one job, with intermediates that never leave the device.
#pragma once
#include <array>
#include <vector>

#include "task.h"
#include "workload.h"

namespace switchyard {

// Values are numbered: the graph's inputs first, then every named output of a node.
inline std::array<int, kMaxTensors> noValues() {
  std::array<int, kMaxTensors> values;
  values.fill(-1);
  return values;
}
struct GraphNode {
  const Workload* workload = nullptr;
  std::array<int, kMaxTensors> inputs = noValues();   // value numbers, -1 absent
  std::array<int, kMaxTensors> outputs = noValues();  // value numbers, -1 not named
  std::array<double, kMaxParams> params{};            // NaN: not given
  int label = -1;                                     // what messages call it; -1: its place in the graph
};
struct Graph {
  std::vector<GraphNode> nodes;  // in an order in which every input is made before it is used
  size_t inputCount = 0, valueCount = 0;
  std::vector<int> outputs;  // value numbers
};

// Fills in the specs of every value, those of the inputs given, checked node by node; returns what all nodes cost
// together. Throws InvalidArgument naming the node, or where outputs are inputs or the same.
Cost checkGraph(const Graph& graph, std::vector<TensorSpec>& values);
// Runs the nodes one after the other; intermediates get memory when they are made and give it back after their last
// use. `graph` and `values`, those of inputs and outputs given, outlive the task.
Task recordGraph(Recorder& recorder, const Graph& graph, std::vector<Value>& values);

}  // namespace switchyard
