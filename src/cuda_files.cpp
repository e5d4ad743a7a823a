#include "cuda_files.h"

#include <dlfcn.h>
#include <elf.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace switchyard {

namespace fs = std::filesystem;

namespace {

#if defined(__aarch64__)
constexpr uint16_t kMachine = EM_AARCH64;
constexpr const char* kSystemFolder = "/usr/lib/aarch64-linux-gnu";
#else
constexpr uint16_t kMachine = EM_X86_64;
constexpr const char* kSystemFolder = "/usr/lib/x86_64-linux-gnu";
#endif

constexpr int kNvrtcMajors[] = {13, 12};
constexpr int kCublasLtMajors[] = {13};             // its structures are not promised to be the same in another
constexpr int kOldestNamed = 9, kNewestNamed = 19;  // majors that are looked for to say why they are not taken

void addLibraryFolders(std::vector<CudaFolder>& to, const std::vector<CudaFolder>& roots) {
  for (const CudaFolder& root : roots)
    for (const std::string& below :
         {std::string("/lib64"), std::string("/lib"), "/targets/" + std::string(kCudaTarget) + "/lib"})
      to.push_back({root.path + below, root.origin});
}

// The loader's cache holds paths as plain strings.
class LoaderCache {
 public:
  explicit LoaderCache(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    text_.assign(std::istreambuf_iterator<char>(file), {});
  }
  // The folders that have a file of that name.
  std::vector<std::string> foldersOf(const std::string& name) const {
    std::vector<std::string> folders;
    const std::string wanted = "/" + name;
    for (size_t at = text_.find(wanted); at != std::string::npos; at = text_.find(wanted, at + 1)) {
      const size_t end = at + wanted.size();
      if (end < text_.size() && text_[end] != '\0') continue;
      const size_t before = text_.rfind('\0', at);
      const size_t begin = before == std::string::npos ? 0 : before + 1;
      folders.push_back(text_.substr(begin, at - begin));
    }
    return folders;
  }

 private:
  std::string text_;
};

std::string list(std::span<const int> majors) {
  std::string text;
  for (const int major : majors) text += (text.empty() ? "" : " or ") + std::to_string(major);
  return text;
}

// Why the loader would refuse it; empty: nothing is known against it.
std::string faultOf(const std::string& path) {
  Elf64_Ehdr head{};
  std::ifstream file(path, std::ios::binary);
  if (!file) return "it can't be read";
  file.read(reinterpret_cast<char*>(&head), sizeof head);
  if (file.gcount() < static_cast<std::streamsize>(sizeof head) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
    return "it is no library";
  if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_machine != kMachine) return "it is for another kind of processor";
  return {};
}

// Of a file name: 13 of "libnvrtc.so.13.0.88"; 0: it has none.
int majorOf(const std::string& file, const std::string& base) {
  const std::string name = fs::path(file).filename();
  return name.starts_with(base + ".") ? std::atoi(name.c_str() + base.size() + 1) : 0;
}

class Collector {
 public:
  Collector(const CudaLibrary& library, const CudaSearch& search)
      : library_(library), base_("lib" + std::string(library.name) + ".so"), cache_(search.root + "/etc/ld.so.cache") {}

  void lookIn(const CudaFolder& folder) {
    for (const int major : library_.majors) consider(folder, base_ + "." + std::to_string(major));
    if (library_.plainToo) considerPlain(folder);
    for (int major = kNewestNamed; major >= kOldestNamed; --major)
      if (!isWanted(major)) noteOther(folder, major);
  }

  void lookInCache() {
    for (int major = kNewestNamed; major >= kOldestNamed; --major)
      for (const std::string& folder : cache_.foldersOf(base_ + "." + std::to_string(major)))
        lookIn({folder, "the loader's cache"});
  }

  // Those of the preferred major first, wherever they lie; one without a version last.
  CudaFiles take() {
    const auto rank = [&](const CudaFile& file) {
      const int major = majorOf(resolved(file.path), base_);
      return std::ranges::find(library_.majors, major ? major : majorOf(file.path, base_)) - library_.majors.begin();
    };
    std::ranges::stable_sort(files_.found, {}, rank);
    return std::move(files_);
  }

 private:
  bool isWanted(int major) const {
    return std::find(library_.majors.begin(), library_.majors.end(), major) != library_.majors.end();
  }
  bool isNew(const std::string& path) {
    const std::string real = resolved(path);
    if (std::find(seen_.begin(), seen_.end(), real) != seen_.end()) return false;
    seen_.push_back(real);
    return true;
  }
  void consider(const CudaFolder& folder, const std::string& file) {
    const std::string path = folder.path + "/" + file;
    std::error_code error;
    if (!fs::exists(path, error) || !isNew(path)) return;
    const std::string fault = faultOf(path);
    if (fault.empty())
      files_.found.push_back({path, folder.origin});
    else
      files_.passedOver.push_back(path + ": " + fault);
  }
  // One that leads to a file with a version is that file, and was looked at, or is told of, under its own name.
  void considerPlain(const CudaFolder& folder) {
    const int major = majorOf(resolved(folder.path + "/" + base_), base_);
    if (major == 0 || isWanted(major)) consider(folder, base_);
  }
  void noteOther(const CudaFolder& folder, int major) {
    const std::string path = folder.path + "/" + base_ + "." + std::to_string(major);
    if (isReadable(path) && isNew(path))
      files_.passedOver.push_back(path + ": of CUDA " + std::to_string(major) + ", and this build takes " +
                                  list(library_.majors));
  }

  const CudaLibrary& library_;
  const std::string base_;
  const LoaderCache cache_;
  std::vector<std::string> seen_;
  CudaFiles files_;
};

// "13.0.88" of a wheel's metadata, nvidia_cuda_nvrtc-13.0.88.dist-info or nvidia_cublas_cu12-..., beside its folder.
std::string versionOfWheel(const std::string& site, const std::string& wheel) {
  const std::string start = "nvidia_" + wheel;
  for (const std::string& folder : foldersBelow(site, start)) {
    const std::string name = fs::path(folder).filename();
    const size_t dash = name.find('-'), end = name.find(".dist-info");
    if (dash == std::string::npos || end == std::string::npos) continue;
    const std::string package = name.substr(0, dash);
    if (package == start || package.starts_with(start + "_cu")) return name.substr(dash + 1, end - dash - 1);
  }
  return {};
}

// "13.0" of libnvrtc-builtins.so.13.0, which has to be NVRTC's neighbour.
std::string versionOfBuiltins(const fs::path& folder, const std::string& start) {
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    if (name.starts_with(start + ".")) return name.substr(name.find(".so.") + 4);
  }
  return {};
}

}  // namespace

const CudaLibrary kNvrtcFiles{"nvrtc", kNvrtcMajors, true, "cuda_nvrtc"};
const CudaLibrary kCublasLtFiles{"cublasLt", kCublasLtMajors, false, "cublas"};

CudaFiles findLibrary(const CudaLibrary& library, const CudaSearch& search) {
  Collector collector(library, search);
  std::istringstream paths(search.variable("LD_LIBRARY_PATH"));
  for (std::string folder; std::getline(paths, folder, ':');)
    if (!folder.empty()) collector.lookIn({folder, "LD_LIBRARY_PATH"});
  const CudaRoots roots = cudaRoots(search);
  std::vector<CudaFolder> named, usual;
  addLibraryFolders(named, roots.named);
  for (const CudaFolder& folder : named) collector.lookIn(folder);
  collector.lookInCache();
  for (const char* folder : {kSystemFolder, "/usr/lib64", "/usr/lib"})
    usual.push_back({search.root + folder, "the usual folders"});
  addLibraryFolders(usual, roots.usual);
  for (const CudaFolder& folder : usual) collector.lookIn(folder);
  return collector.take();
}

std::string loadFault(const std::string& path) {
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library) {
    dlclose(library);
    return {};
  }
  const char* const why = dlerror();
  return why ? why : "the loader gives no reason";
}

std::string versionOf(const CudaLibrary& library, const std::string& path) {
  const std::string base = "lib" + std::string(library.name) + ".so.";
  const std::string name = fs::path(resolved(path)).filename();
  const std::string version = name.starts_with(base) ? name.substr(base.size()) : std::string();
  if (version.find('.') != std::string::npos) return version;
  // <site>/nvidia/cu13/lib/libnvrtc.so.13
  const fs::path folder = fs::path(path).parent_path();
  const std::string ofWheel = versionOfWheel(folder / "../../..", library.wheel);
  if (!ofWheel.empty()) return ofWheel;
  const std::string ofBuiltins =
      versionOfBuiltins(folder, "lib" + std::string(library.name) + "-builtins.so." + version);
  return ofBuiltins.empty() ? version : ofBuiltins;
}

}  // namespace switchyard
