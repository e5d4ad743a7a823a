// The graphs that an environment has run last, checked: one that is run again, with tensors of the same dtypes and
// shapes, is neither read nor checked again.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "job.h"

namespace switchyard::node {

struct GraphCall;

class GraphPlans {
 public:
  // Null: it is not known.
  std::shared_ptr<const GraphPlan> find(const GraphCall& call, std::span<const TensorArg> inputs);
  void add(const GraphCall& call, std::shared_ptr<const GraphPlan> plan);

 private:
  struct Known {
    std::vector<double> outputs, nodes;  // as the call has them
    std::shared_ptr<const GraphPlan> plan;
  };
  std::vector<Known> known_;  // the one that was used last comes first
};

}  // namespace switchyard::node
