// The headers that users' kernels include.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cuda_files.h"
#include "cuda_roots.h"

namespace switchyard {

namespace fs = std::filesystem;

namespace {

// "13.0" of "#define CUDART_VERSION  13000", which stands near the beginning.
std::string versionOfHeaders(const std::string& folder) {
  std::ifstream file(folder + "/cuda_runtime_api.h");
  std::string line;
  for (int i = 0; i < 1000 && std::getline(file, line); ++i) {
    std::istringstream words(line);
    std::string define, name;
    int number = 0;
    if (words >> define >> name >> number && define == "#define" && name == "CUDART_VERSION")
      return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
  }
  return {};
}

// libcu++ lies in a folder of the toolkit's since CUDA 13, among its headers before that, and in a wheel of its own.
// Since CUDA 12 cuda_fp16.h needs a part of it.
std::string libcuFolder(const std::string& include) {
  for (const std::string& folder : {include + "/cccl", include, include + "/../../cuda_cccl/include"})
    if (isReadable(folder + "/nv/target")) return folder;
  return {};
}

// The compiler's own headers, which mma.h needs, lie among the toolkit's, and before CUDA 13 in a wheel of the
// compiler's.
std::string crtFolder(const std::string& include) {
  for (const std::string& folder : {include, include + "/../../cuda_nvcc/include"})
    if (isReadable(folder + "/crt/mma.h")) return folder;
  return {};
}

// What the headers say of their version ends before its last part, so that an update would change nothing: sizes and
// times of some that are seldom the same in two of them do.
std::string identityOf(const std::vector<std::string>& folders, const std::string& version) {
  if (folders.empty()) return {};
  std::string text = version;
  for (const std::string& folder : folders)
    for (const char* name :
         {"", "/cuda_runtime_api.h", "/cuda_fp16.h", "/cuda_fp16.hpp", "/cuda_bf16.hpp", "/cuda_fp8.hpp", "/crt/mma.h",
          "/crt/mma.hpp", "/nv/target", "/cuda/std/__cccl/version.h"}) {
      const std::string file = folder + name;
      std::error_code noSize, noTime;
      const auto size = *name ? fs::file_size(file, noSize) : 0;
      const auto time = fs::last_write_time(file, noTime);
      text += "|" + (*name ? std::string(name) : folder);
      if (!noSize && !noTime)
        text += " " + std::to_string(size) + " " + std::to_string(time.time_since_epoch().count());
    }
  return text;
}

}  // namespace

CudaHeaders findHeaders(const std::string& nvrtc, int major, const CudaSearch& search) {
  std::vector<std::string> folders;
  const std::string beside = fs::path(nvrtc).parent_path().string();
  if (!beside.empty())
    for (const char* below : {"/../include", "/../../cuda_runtime/include"}) folders.push_back(beside + below);
  const CudaRoots roots = cudaRoots(search);
  for (const std::vector<CudaFolder>* some : {&roots.named, &roots.usual})
    for (const CudaFolder& root : *some) {
      folders.push_back(root.path + "/include");
      folders.push_back(root.path + "/targets/" + kCudaTarget + "/include");
    }
  folders.push_back(search.root + "/usr/include");  // a distribution's own package
  CudaHeaders headers;
  std::string notWhole;  // the first of those that are not
  for (const std::string& folder : folders) {
    if (!isReadable(folder + "/cuda_fp16.h")) continue;
    const std::string version = versionOfHeaders(folder), real = resolved(folder);
    if (major != 0 && !version.empty() && std::atoi(version.c_str()) != major) {
      headers.passedOver.push_back(real + ": of CUDA " + version + ", and NVRTC is of " + std::to_string(major));
      continue;
    }
    const std::string libcu = libcuFolder(folder), crt = crtFolder(folder);
    const bool isWhole = !libcu.empty() && !crt.empty();
    if (!headers.folders.empty() && !isWhole) continue;
    headers.folders = {real};
    for (const std::string& part : {crt, libcu})
      if (!part.empty() && std::ranges::find(headers.folders, resolved(part)) == headers.folders.end())
        headers.folders.push_back(resolved(part));
    headers.version = version;
    headers.isWhole = isWhole;
    if (isWhole) {
      break;
    }
    notWhole = real + ": without " + (crt.empty() ? "crt/mma.h" : "nv/target");
  }
  if (!notWhole.empty()) headers.passedOver.push_back(notWhole);
  headers.identity = identityOf(headers.folders, headers.version);
  return headers;
}

std::string headersAdvice(int major) {
  const std::string m = std::to_string(major == 0 ? kNvrtcFiles.majors[0] : major);
  if (major == 12)
    return "install cuda-cudart-dev-12-9, cuda-crt-12-9 and cuda-cccl-12-9, or the wheels nvidia-cuda-runtime-cu12, "
           "nvidia-cuda-nvcc-cu12 and nvidia-cuda-cccl-cu12, or set CUDA_HOME to a toolkit of CUDA 12";
  return "install cuda-cudart-dev-" + m + "-0, cuda-crt-" + m + "-0 and cuda-cccl-" + m +
         "-0, or the wheels nvidia-cuda-runtime, nvidia-cuda-crt and nvidia-cuda-cccl, or set CUDA_HOME to a toolkit "
         "of "
         "CUDA " +
         m;
}

}  // namespace switchyard
