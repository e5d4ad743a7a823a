// Where toolkits and Python wheels of CUDA may lie: for the parts of cuda_files.h.
#pragma once
#include <functional>
#include <string>
#include <vector>

namespace switchyard {

// Where it is looked; tests make their own.
struct CudaSearch {
  std::function<std::string(const char*)> variable;  // of the environment; empty: it is not set
  std::string root;                                  // in front of the system's own folders
};
CudaSearch systemSearch();

// The name of this processor's folder below targets/.
#if defined(__aarch64__)
inline constexpr const char* kCudaTarget = "sbsa-linux";
#else
inline constexpr const char* kCudaTarget = "x86_64-linux";
#endif

struct CudaFolder {
  std::string path, origin;
};
// As roots: lib, lib64, include and targets are below them. Those that a variable names come first, the system's own
// after what the loader knows.
struct CudaRoots {
  std::vector<CudaFolder> named, usual;
};
CudaRoots cudaRoots(const CudaSearch& search);

bool isReadable(const std::string& path);
// Symbolic links followed; the path itself where that can't be done.
std::string resolved(const std::string& path);
// Those whose names begin so, the last first: cuda-13.10 before cuda-13.2.
std::vector<std::string> foldersBelow(const std::string& folder, const std::string& prefix = {});

}  // namespace switchyard
