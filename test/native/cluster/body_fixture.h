// Bodies of jobs over shared memory, as a coordinator would send them.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "cluster/body.h"
#include "harness.h"

namespace switchyard::test {

struct Shared {
  std::shared_ptr<SharedBlock> block;
  double region() const { return static_cast<double>(block->region->id); }
  double offset() const { return static_cast<double>(block->offset); }
  float* floats() const { return reinterpret_cast<float*>(block->data()); }
};
inline Shared share(size_t floats) { return {SharedHeap::shared().allocate(floats * sizeof(float))}; }

inline double workloadNumber(const char* name) {
  auto table = allWorkloads();
  for (size_t i = 0; i < table.size(); ++i)
    if (table[i]->info.name == std::string_view(name)) return static_cast<double>(i);
  return -1;
}

// scale: [rows, 4] -> output
inline std::vector<double> scaleBody(const Shared& input, const Shared& output, double rows, double factor,
                                     double sealed = 0) {
  std::vector<double> body{cluster::kWorkloadBody, workloadNumber("scale"), factor};
  body.resize(2 + kMaxParams, kNaN);
  for (double number : {1.0, 1.0, 0.0, 2.0, rows, 4.0, input.region(), input.offset(), sealed, 1.0, output.region(),
                        output.offset(), rows * 16})
    body.push_back(number);
  return body;
}

}  // namespace switchyard::test
