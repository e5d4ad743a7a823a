// Loading libcublasLt of CUDA 13. Version 12 is not taken: its structures are not promised to be the same.
#include "cublaslt.h"

#include <dlfcn.h>

#include <optional>

#include "../cuda_files.h"

namespace switchyard::cuda {
namespace {

constexpr const char* kLibrary = "libcublasLt.so.13";
static_assert(CUBLAS_VER_MAJOR == 13, "the library's name follows the toolkit's version");

std::optional<CublasLt> load() {
  void* library = nullptr;
  for (const CudaFile& file : findLibrary(kCublasLtFiles, systemSearch()).found)
    if (!library) library = dlopen(file.path.c_str(), RTLD_NOW | RTLD_LOCAL);
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

std::string cublasLtWarning() {
  const CudaFiles files = findLibrary(kCublasLtFiles, systemSearch());
  if (!files.found.empty()) return {};
  std::string passedOver;
  for (const std::string& each : files.passedOver) passedOver += (passedOver.empty() ? " (" : "; ") + each;
  if (!passedOver.empty()) passedOver += ")";
  return std::string(kLibrary) + " was not found" + passedOver +
         ", so matrix products use a slower kernel of our own; install NVIDIA's package libcublas-13-0 (of CUDA 13) or "
         "the Python wheel nvidia-cublas, or put the folder that holds the library on LD_LIBRARY_PATH";
}

const CublasLt* CublasLt::get() {
  static const std::optional<CublasLt> loaded = load();
  return loaded ? &*loaded : nullptr;
}

}  // namespace switchyard::cuda
