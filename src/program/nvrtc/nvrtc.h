// CUDA C++ to code, by NVRTC, which is looked for at run time and stays loaded.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "program/module.h"

namespace switchyard {

// "13.0", or empty where NVRTC is not found.
std::string nvrtcVersion();

enum class CudaType : uint8_t { Pointer, Float, Int };  // 32 bits, but the pointer
// What NVRTC made of a source, and what its PTX says of the entry that was chosen.
struct CudaKernel {
  std::string entry;
  std::vector<char> ptx, cubin;
  std::array<uint32_t, 3> blockSize = {0, 0, 0};  // as its source demands it, else 0
  uint32_t maxThreads = 0;                        // of a block, by __launch_bounds__, else 0
  std::vector<CudaType> params;
};

struct CudaRequest {
  const std::string &name, &source;
  const std::vector<std::string>& bindings;  // its parameters' names, for their number and for messages
  const std::vector<std::string>& options;   // see cuda_options.h
  uint32_t arch = 75;
  // What only this very architecture has (sm_90a): there is no PTX then, which others could not run.
  bool ownFeatures = false;
};

// Chooses the __global__ function called `name`, or the only one. Throws Error: Compile, or Unsupported where NVRTC is
// not found or does not know the architecture.
CudaKernel compileCuda(const CudaRequest& request);

// Of the toolkit whose headers a source like this finds, "13.0"; empty: it includes none, or there are none.
std::string headersVersion(const std::string& source);

}  // namespace switchyard
