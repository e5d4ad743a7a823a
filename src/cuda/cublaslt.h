// cuBLASLt, found and loaded at run time: the addon loads and works without it.
#pragma once
#include <cublasLt.h>

#include <string>

namespace switchyard::cuda {

// What to tell a user who lacks it, and why what is there was not taken; empty: it is there. Loads nothing, which would
// take up to a second.
std::string cublasLtWarning();

struct CublasLt {
  decltype(&cublasLtCreate) create;
  decltype(&cublasLtDestroy) destroy;
  decltype(&cublasLtMatmul) matmul;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic;
  decltype(&cublasLtMatmulDescCreate) descCreate;
  decltype(&cublasLtMatmulDescDestroy) descDestroy;
  decltype(&cublasLtMatmulDescSetAttribute) descSet;
  decltype(&cublasLtMatrixLayoutCreate) layoutCreate;
  decltype(&cublasLtMatrixLayoutDestroy) layoutDestroy;
  decltype(&cublasLtMatrixLayoutSetAttribute) layoutSet;
  decltype(&cublasLtMatmulPreferenceCreate) preferenceCreate;
  decltype(&cublasLtMatmulPreferenceDestroy) preferenceDestroy;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preferenceSet;
  decltype(&cublasLtGetStatusName) statusName;
  decltype(&cublasLtMatmulAlgoCheck) algorithmCheck;
  decltype(&cublasLtGetVersion) version;

  // Loaded at the first call, kept for the life of the process; null when it can't be. Thread-safe.
  static const CublasLt* get();
};

}  // namespace switchyard::cuda
