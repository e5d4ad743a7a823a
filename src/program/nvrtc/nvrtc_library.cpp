#include "program/nvrtc/nvrtc_library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

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

std::vector<std::string> folders() {
  std::vector<std::string> folders = {""};  // where the loader looks
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"})
    if (const char* root = std::getenv(variable); root && *root) folders.push_back(std::string(root) + "/lib64/");
  folders.push_back("/usr/local/cuda/lib64/");
  folders.push_back("/opt/cuda/lib64/");
  return folders;
}

std::optional<NvrtcLibrary> find() {
  for (const std::string& folder : folders()) {
    for (const char* file : {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"}) {
      void* library = dlopen((folder + file).c_str(), RTLD_NOW | RTLD_LOCAL);
      NvrtcLibrary table;
      if (library && fill(library, table)) return table;
      if (library) dlclose(library);
    }
  }
  return std::nullopt;
}

}  // namespace

const NvrtcLibrary* nvrtcLibrary() {
  static const std::optional<NvrtcLibrary> library = find();
  return library ? &*library : nullptr;
}

}  // namespace switchyard
