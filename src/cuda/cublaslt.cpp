// Finding and loading libcublasLt of CUDA 13. Version 12 is not taken: its structures are not promised to be the same.
#include "cublaslt.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

namespace switchyard::cuda {
namespace {

constexpr const char* kLibrary = "libcublasLt.so.13";
static_assert(CUBLAS_VER_MAJOR == 13, "the library's name follows the toolkit's version");

bool readable(const std::string& path) { return access(path.c_str(), R_OK) == 0; }

// The loader's cache holds the paths as plain strings.
std::string fromLoaderCache() {
  std::ifstream file("/etc/ld.so.cache", std::ios::binary);
  const std::string cache((std::istreambuf_iterator<char>(file)), {});
  const std::string wanted = std::string("/") + kLibrary;
  for (size_t at = cache.find(wanted); at != std::string::npos; at = cache.find(wanted, at + 1)) {
    const size_t end = at + wanted.size();
    if (end < cache.size() && cache[end] != '\0') continue;
    const size_t before = cache.rfind('\0', at);
    const size_t begin = before == std::string::npos ? 0 : before + 1;
    const std::string path = cache.substr(begin, end - begin);
    if (readable(path)) return path;
  }
  return {};
}

std::optional<CublasLt> load() {
  void* library = nullptr;
  const std::string path = findCublasLt();
  if (!path.empty()) library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (!library) return std::nullopt;
  CublasLt lt{};
  bool complete = true;
  const auto resolve = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(library, name));
    complete = complete && function;
  };
  resolve(lt.create, "cublasLtCreate");
  resolve(lt.destroy, "cublasLtDestroy");
  resolve(lt.matmul, "cublasLtMatmul");
  resolve(lt.heuristic, "cublasLtMatmulAlgoGetHeuristic");
  resolve(lt.descCreate, "cublasLtMatmulDescCreate");
  resolve(lt.descDestroy, "cublasLtMatmulDescDestroy");
  resolve(lt.descSet, "cublasLtMatmulDescSetAttribute");
  resolve(lt.layoutCreate, "cublasLtMatrixLayoutCreate");
  resolve(lt.layoutDestroy, "cublasLtMatrixLayoutDestroy");
  resolve(lt.layoutSet, "cublasLtMatrixLayoutSetAttribute");
  resolve(lt.preferenceCreate, "cublasLtMatmulPreferenceCreate");
  resolve(lt.preferenceDestroy, "cublasLtMatmulPreferenceDestroy");
  resolve(lt.preferenceSet, "cublasLtMatmulPreferenceSetAttribute");
  resolve(lt.statusName, "cublasLtGetStatusName");
  resolve(lt.algorithmCheck, "cublasLtMatmulAlgoCheck");
  resolve(lt.version, "cublasLtGetVersion");
  if (!complete) return std::nullopt;
  return lt;
}

}  // namespace

std::string findCublasLt() {
  if (const char* paths = std::getenv("LD_LIBRARY_PATH")) {
    std::istringstream list(paths);
    for (std::string folder; std::getline(list, folder, ':');)
      if (!folder.empty() && readable(folder + "/" + kLibrary)) return folder + "/" + kLibrary;
  }
  if (const std::string path = fromLoaderCache(); !path.empty()) return path;
  for (const char* folder : {"/usr/local/cuda/lib64/", "/usr/local/cuda-13/lib64/", "/usr/lib/x86_64-linux-gnu/",
                             "/usr/lib/aarch64-linux-gnu/", "/usr/lib64/"})
    if (readable(std::string(folder) + kLibrary)) return std::string(folder) + kLibrary;
  return {};
}

const char* cublasLtWarning() noexcept {
  return "libcublasLt.so.13 was not found, so matrix products use a slower kernel of our own; install NVIDIA's package "
         "libcublas-13-0 (of CUDA 13), or put the folder that holds the library on LD_LIBRARY_PATH";
}

const CublasLt* CublasLt::get() {
  static const std::optional<CublasLt> loaded = load();
  return loaded ? &*loaded : nullptr;
}

}  // namespace switchyard::cuda
