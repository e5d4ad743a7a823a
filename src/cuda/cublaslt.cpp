// Loading libcublasLt of CUDA 13. Version 12 is not taken: its structures are not promised to be the same.
#include "cublaslt.h"

#include <dlfcn.h>

#include <atomic>
#include <optional>

#include "../cuda_files.h"

namespace switchyard::cuda {
namespace {

constexpr const char* kLibrary = "libcublasLt.so.13";
static_assert(CUBLAS_VER_MAJOR == 13, "the library's name follows the toolkit's version");

struct Load {
  std::optional<CublasLt> lt;
  std::string fault;  // why there is none
};
std::atomic<const Load*> tried{nullptr};  // set once, to what lives as long as the process

Load load() {
  std::string fault;
  void* library = nullptr;
  const auto open = [&](const char* file) {
    if (library) return;
    library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    const char* const why = library ? nullptr : dlerror();
    if (why) fault += (fault.empty() ? "" : "; ") + std::string(why);
  };
  for (const CudaFile& file : findLibrary(kCublasLtFiles, systemSearch()).found) open(file.path.c_str());
  open(kLibrary);
  if (!library) return {std::nullopt, fault};
  CublasLt lt{};
  const char* missing = nullptr;
  const auto resolve = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(library, name));
    if (!function) missing = name;
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
  if (missing) return {std::nullopt, std::string(kLibrary) + " has no function " + missing};
  return {lt, {}};
}

}  // namespace

std::string cublasLtWarning() {
  if (const Load* const load = tried.load(std::memory_order_acquire))
    return load->lt ? std::string()
                    : std::string(kLibrary) + " could not be loaded (" + load->fault +
                          "), so matrix products use a slower kernel of our own";
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
  static const Load loaded = load();
  tried.store(&loaded, std::memory_order_release);
  return loaded.lt ? &*loaded.lt : nullptr;
}

}  // namespace switchyard::cuda
