#include "cuda_roots.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace switchyard {

namespace fs = std::filesystem;

namespace {

// Names with their numbers as numbers: cuda-13.2 before cuda-13.10.
bool comesBefore(const std::string& a, const std::string& b) {
  const auto isDigit = [](char c) { return c >= '0' && c <= '9'; };
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!isDigit(a[i]) || !isDigit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
      continue;
    }
    const auto take = [&](const std::string& text, size_t& at) {
      while (at < text.size() && text[at] == '0') ++at;
      const size_t begin = at;
      while (at < text.size() && isDigit(text[at])) ++at;
      return text.substr(begin, at - begin);
    };
    const std::string left = take(a, i), right = take(b, j);
    if (left.size() != right.size()) return left.size() < right.size();
    if (left != right) return left < right;
  }
  return a.size() - i < b.size() - j;
}

// nvidia/cu13, nvidia/cublas, ...: of every Python below the prefix.
std::vector<std::string> wheelsBelow(const std::string& prefix) {
  std::vector<std::string> found;
  for (const char* lib : {"/lib", "/lib64"})
    for (const std::string& python : foldersBelow(prefix + lib, "python3"))
      for (const char* site : {"/site-packages", "/dist-packages"})
        for (std::string& wheel : foldersBelow(python + site + "/nvidia")) found.push_back(std::move(wheel));
  return found;
}

}  // namespace

CudaSearch systemSearch() {
  return {[](const char* name) {
            const char* const value = std::getenv(name);
            return std::string(value ? value : "");
          },
          {}};
}

bool isReadable(const std::string& path) { return access(path.c_str(), R_OK) == 0; }

std::string resolved(const std::string& path) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  return error ? path : real.string();
}

std::vector<std::string> foldersBelow(const std::string& folder, const std::string& prefix) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    if (at->path().filename().string().starts_with(prefix) && at->is_directory(ignored))
      found.push_back(at->path().string());
  }
  std::sort(found.rbegin(), found.rend(), comesBefore);
  return found;
}

CudaRoots cudaRoots(const CudaSearch& search) {
  CudaRoots roots;
  const auto add = [](std::vector<CudaFolder>& to, const std::string& root, const std::string& origin) {
    if (!root.empty()) to.push_back({root, origin});
  };
  for (const char* name : {"CUDA_HOME", "CUDA_PATH"}) add(roots.named, search.variable(name), name);
  for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    const std::string prefix = search.variable(name);
    if (prefix.empty()) continue;
    add(roots.named, prefix, name);
    for (const std::string& wheel : wheelsBelow(prefix))
      add(roots.named, wheel, std::string("a Python wheel in ") + name);
  }
  add(roots.usual, search.root + "/usr/local/cuda", "the usual folders");
  for (const std::string& root : foldersBelow(search.root + "/usr/local", "cuda-"))
    add(roots.usual, root, "the usual folders");
  for (const char* root : {"/opt/cuda", "/usr/lib/cuda"}) add(roots.usual, search.root + root, "the usual folders");
  const std::string home = search.variable("HOME");
  for (const std::string& prefix : {search.root + "/usr/local", search.root + "/usr",
                                    home.empty() ? home : home + "/.local", search.root + "/opt/conda"})
    if (!prefix.empty())
      for (const std::string& wheel : wheelsBelow(prefix)) add(roots.usual, wheel, "a Python wheel");
  return roots;
}

}  // namespace switchyard
