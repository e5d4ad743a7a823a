// A graph is known by its numbers, bit by bit: parameters that are not given are NaN.
#include "graph_plans.h"

#include <algorithm>
#include <cstring>

#include "call_layout.h"

namespace switchyard::node {
namespace {

// As many, and of as many nodes, as lib/call/graph-plans.js keeps.
constexpr size_t kMostPlans = 8, kMostNodes = 64;

bool isSame(const std::vector<double>& known, std::span<const double> given) {
  return known.size() == given.size() && std::memcmp(known.data(), given.data(), given.size_bytes()) == 0;
}

bool isFor(const GraphPlan& plan, std::span<const TensorArg> inputs) {
  for (size_t i = 0; i < inputs.size(); ++i)
    if (plan.values[i] != inputs[i].spec) return false;
  return true;
}

}  // namespace

std::shared_ptr<const GraphPlan> GraphPlans::find(const GraphNumbers& graph, std::span<const TensorArg> inputs) {
  for (auto known = known_.begin(); known != known_.end(); ++known) {
    const GraphPlan& plan = *known->plan;
    if (plan.graph.inputCount != graph.inputCount || plan.graph.valueCount != graph.valueCount ||
        !isSame(known->nodes, graph.nodes) || !isSame(known->outputs, graph.outputs) || !isFor(plan, inputs))
      continue;
    std::rotate(known_.begin(), known, known + 1);
    return known_.front().plan;
  }
  return nullptr;
}

void GraphPlans::add(const GraphNumbers& graph, std::shared_ptr<const GraphPlan> plan) {
  if (graph.nodes.size() > kMostNodes * kGraphNodeNumbers) return;
  if (known_.size() == kMostPlans) known_.pop_back();
  Known known{{graph.outputs.begin(), graph.outputs.end()}, {graph.nodes.begin(), graph.nodes.end()}, std::move(plan)};
  known_.insert(known_.begin(), std::move(known));
}

}  // namespace switchyard::node
