// Graphs of workloads: several steps that are one job, with intermediates that never leave the device.
#pragma once
#include <array>
#include <memory>
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
// Of a graph over packed sequences: `rows` are its inputs with a row for each token, which `offsets` ([n+1], from 0)
// cuts into sequences. Each output has a row for each sequence or each token that depends on no other sequence. So jobs
// of one such graph may be joined (join_packed.h).
constexpr size_t kMaxPackedInputs = 8;
struct Packing {
  int offsets = -1;       // the number of an input; -1: it is not packed
  uint32_t mostRows = 0;  // of a joined job
  std::array<int, kMaxPackedInputs> rows = [] {
    std::array<int, kMaxPackedInputs> none;
    none.fill(-1);
    return none;
  }();
  bool operator==(const Packing&) const = default;
};
struct Graph {
  std::vector<GraphNode> nodes;  // in an order in which every input is made before it is used
  size_t inputCount = 0, valueCount = 0;
  std::vector<int> outputs;  // value numbers
  Packing packing;
};

// A graph that was checked for inputs of certain specs, with all that its jobs have in common: made once for as many as
// come, which share it.
struct GraphPlan {
  struct Node {
    std::array<int, kMaxTensors> outputs = noValues();  // value numbers, of those without a name, too
    size_t outputCount = 0;
    bool isEmpty = true;                      // no output has elements
    bool isView = false;                      // its output is its input's memory: nothing is recorded for it
    std::array<double, kMaxParams> params{};  // defaults filled in
    std::vector<int> ended;                   // intermediates that nothing uses after it
  };
  // Where small intermediates lie in one block, taken at once; else each gets memory of its own, and gives it back to
  // the job when its last use is over.
  struct Together {
    uint64_t bytes = 0;             // 0: they are not small
    std::vector<uint64_t> offsets;  // by value
  };
  Graph graph;
  std::vector<TensorSpec> values;  // the graph's, then the outputs without a name
  std::vector<Node> nodes;         // in the graph's order
  Cost cost;                       // of all nodes together
  Together together;
};
// Throws InvalidArgument naming the node, or where outputs are inputs or the same. `inputs`: their specs.
std::shared_ptr<const GraphPlan> planGraph(Graph graph, std::vector<TensorSpec> inputs);
// Runs the nodes one after the other; intermediates get memory when they are made and give it back after their last
// use. All that is referred to outlives the task: the plan, its `values`, those of inputs and outputs given, and the
// `call` that each node is put into.
Task recordGraph(Recorder& recorder, const GraphPlan& plan, std::vector<Value>& values, Call& call);

}  // namespace switchyard
