// The graphs that an environment has run last, checked: one that is run again, with tensors of the same dtypes and
// shapes, is neither read nor checked again.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "job.h"

namespace switchyard::node {

// All of a call that its graph is made of, in its numbers (call.def).
struct GraphNumbers {
  size_t inputCount = 0, valueCount = 0;
  std::span<const double> outputs;  // value numbers
  std::span<const double> nodes;
};

class GraphPlans {
 public:
  // Null: it is not known.
  std::shared_ptr<const GraphPlan> find(const GraphNumbers& graph, std::span<const TensorArg> inputs);
  void add(const GraphNumbers& graph, std::shared_ptr<const GraphPlan> plan);

 private:
  struct Known {
    std::vector<double> outputs, nodes;  // as the call has them
    std::shared_ptr<const GraphPlan> plan;
  };
  std::vector<Known> known_;  // the one that was used last comes first
};

}  // namespace switchyard::node
