#include "program/nvrtc/nvrtc_library.h"

#include <dlfcn.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cuda_files.h"

namespace switchyard {
namespace {

template <class Function>
bool resolve(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

bool fill(void* library, NvrtcLibrary& table) {
  return resolve(library, "nvrtcGetErrorString", table.getErrorString) &&
         resolve(library, "nvrtcVersion", table.version) &&
         resolve(library, "nvrtcCreateProgram", table.createProgram) &&
         resolve(library, "nvrtcDestroyProgram", table.destroyProgram) &&
         resolve(library, "nvrtcCompileProgram", table.compileProgram) &&
         resolve(library, "nvrtcGetProgramLogSize", table.getProgramLogSize) &&
         resolve(library, "nvrtcGetProgramLog", table.getProgramLog) &&
         resolve(library, "nvrtcGetPTXSize", table.getPtxSize) && resolve(library, "nvrtcGetPTX", table.getPtx) &&
         resolve(library, "nvrtcGetCUBINSize", table.getCubinSize) &&
         resolve(library, "nvrtcGetCUBIN", table.getCubin) && table.version(&table.major, &table.minor) == 0;
}

// By which file: one that only the loader found has none of ours.
std::string pathOf(const NvrtcLibrary& table) {
  Dl_info info{};
  return dladdr(reinterpret_cast<const void*>(table.createProgram), &info) != 0 && info.dli_fname ? info.dli_fname : "";
}

std::optional<NvrtcLibrary> find() {
  std::vector<std::string> files;
  for (const CudaFile& file : findLibrary(kNvrtcFiles, systemSearch()).found) files.push_back(file.path);
  for (const char* name : {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"}) files.emplace_back(name);
  for (const std::string& file : files) {
    void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    NvrtcLibrary table;
    if (library && fill(library, table)) {
      table.path = pathOf(table);
      return table;
    }
    if (library) dlclose(library);
  }
  return std::nullopt;
}

}  // namespace

const NvrtcLibrary* nvrtcLibrary() {
  static const std::optional<NvrtcLibrary> library = find();
  return library ? &*library : nullptr;
}

void loadBuiltins(const NvrtcLibrary& library) {
  static const bool isLoaded = [&] {
    const std::string version = std::to_string(library.major) + "." + std::to_string(library.minor);
    const auto file = std::filesystem::path(library.path).parent_path() / ("libnvrtc-builtins.so." + version);
    // Where it is not there NVRTC looks for it by itself, and says so if that fails.
    return library.path.find('/') != std::string::npos && dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr;
  }();
  (void)isLoaded;
}

}  // namespace switchyard
