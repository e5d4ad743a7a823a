// The graphs that were run last, checked: one that comes again is not read again, and with tensors of the same dtypes
// and shapes it is not checked again either.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "job.h"

namespace switchyard {

// For one thread.
class GraphPlans {
 public:
  // `numbers`: all that the graph is made of, in any parts; equal graphs have equal ones, bit by bit. `make` reads it
  // from them. Throws what that and planGraph() throw.
  std::shared_ptr<const GraphPlan> plan(std::span<const std::span<const double>> numbers,
                                        std::span<const TensorArg> inputs, const std::function<Graph()>& make);

 private:
  struct Known {
    std::vector<double> numbers;
    // for other inputs each; like the graphs, the one that was used last comes first
    std::vector<std::shared_ptr<const GraphPlan>> plans;
  };
  std::vector<Known> known_;
};

}  // namespace switchyard
