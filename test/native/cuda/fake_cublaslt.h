// A cuBLASLt of the tests' own, over the host's memory: it computes what it was asked for, column-major as NVIDIA's,
// and refuses what that one refuses. Its algorithms are numbers; all compute the same.
#pragma once
#ifdef SWITCHYARD_HAVE_CUDA
#include <map>
#include <set>
#include <vector>

#include "src/cuda/cublaslt.h"

namespace switchyard::test {

struct FakeCublasLt {
  static const cuda::CublasLt* table();

  // What it proposes, the best first, as it thinks; and what it no longer takes, or refuses to run.
  std::vector<uint64_t> proposals{1};
  std::set<uint64_t> unknown, failing;
  size_t workspace = 1024;  // that each wants
  // What it was asked.
  std::vector<uint64_t> runs;  // the algorithms of the products, in order
  int heuristics = 0, checks = 0;
  int handles = 0, descriptors = 0;  // that are not given back
  uint32_t compute = 0;              // of the last product

  static FakeCublasLt& state();
  static void reset() { state() = {}; }
};

}  // namespace switchyard::test
#endif
