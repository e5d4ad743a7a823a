// Files of CUDA that are found at run time, wherever a toolkit, a system package or a Python wheel has put them: the
// libraries that are loaded (NVRTC, cuBLASLt), and the headers that users' kernels include. Looks at folders, names and
// the first bytes of files; loads nothing unless asked.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "cuda_roots.h"

namespace switchyard {

struct CudaFile {
  std::string path;
  std::string origin;  // why it was looked there: "LD_LIBRARY_PATH", "CUDA_HOME", "a Python wheel", ...
};
struct CudaFiles {
  std::vector<CudaFile> found;          // those that may be loaded, the preferred ones first
  std::vector<std::string> passedOver;  // "<path>: of CUDA 12, and this build takes 13"
};

struct CudaLibrary {
  const char* name;             // "nvrtc" of libnvrtc.so.13
  std::span<const int> majors;  // of CUDA, the preferred ones first
  bool plainToo;                // libnvrtc.so will do as well: it is asked for its version
  const char* wheel;            // of the Python package, without nvidia_: "cuda_nvrtc"
};
extern const CudaLibrary kNvrtcFiles, kCublasLtFiles;

// Those of the preferred major first, and of one in the order: LD_LIBRARY_PATH, CUDA_HOME and CUDA_PATH, VIRTUAL_ENV
// and CONDA_PREFIX, what the system's loader knows, the usual folders of toolkits and packages, Python's usual site
// folders.
CudaFiles findLibrary(const CudaLibrary& library, const CudaSearch& search);
// Loads and unloads it. Why the loader refuses it; empty: it does not.
std::string loadFault(const std::string& path);
// As far as names tell: "13.0.88" by what a link leads to or by the wheel's metadata, else "13"; empty: they don't.
std::string versionOf(const CudaLibrary& library, const std::string& path);

struct CudaHeaders {
  std::vector<std::string> folders;  // to look for them in, in that order: the toolkit's own, libcu++; none: not found
  std::string version;               // "13.0", empty where they don't say
  // What tells these from others, of which `version` may be the same: folders, sizes and times of files.
  std::string identity;
  std::vector<std::string> passedOver;
  bool isWhole = false;  // with the compiler's own and libcu++, which some of them need
};
// Those that belong to the NVRTC at `nvrtc`, of CUDA `major` (0: any): beside it first, then where libraries are looked
// for. The first that are whole, with the compiler's own and with libcu++; where none are, the first.
CudaHeaders findHeaders(const std::string& nvrtc, int major, const CudaSearch& search);
// What to install for whole ones: "install ..., or ...".
std::string headersAdvice(int major);

}  // namespace switchyard
