// Where files of CUDA are found, in folders that the tests make; and that a machine with a card has cuBLASLt.
#include "cuda_files.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include "../support/harness.h"

namespace switchyard::test {
namespace {

namespace fs = std::filesystem;

#if defined(__aarch64__)
constexpr uint16_t kOwn = EM_AARCH64, kForeign = EM_X86_64;
const std::string kTarget = "targets/sbsa-linux";
#else
constexpr uint16_t kOwn = EM_X86_64, kForeign = EM_AARCH64;
const std::string kTarget = "targets/x86_64-linux";
#endif

class CudaFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "switchyard-cuda-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root = name;
  }
  void TearDown() override { fs::remove_all(root); }

  // A file whose first bytes are a library's.
  std::string library(const std::string& path, uint16_t machine = kOwn) {
    Elf64_Ehdr head{};
    std::memcpy(head.e_ident, ELFMAG, SELFMAG);
    head.e_ident[EI_CLASS] = ELFCLASS64;
    head.e_machine = machine;
    return write(path, std::string(reinterpret_cast<const char*>(&head), sizeof head));
  }
  std::string write(const std::string& path, const std::string& content) {
    const fs::path file = root / path;
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << content;
    return file.string();
  }
  std::string headers(const std::string& folder, int version) {
    write(folder + "/cuda_runtime_api.h", "// of a toolkit\n#define CUDART_VERSION  " + std::to_string(version) + "\n");
    return fs::path(write(folder + "/cuda_fp16.h", "")).parent_path().string();
  }
  void set(const std::string& name, const std::string& folder) { variables[name] = (root / folder).string(); }

  CudaSearch search() const {
    return {[this](const char* name) {
              const auto found = variables.find(name);
              return found == variables.end() ? std::string() : found->second;
            },
            root.string()};
  }
  CudaFiles find(const CudaLibrary& of) const { return findLibrary(of, search()); }
  // The path and the origin of the first that would be taken.
  std::pair<std::string, std::string> taken(const CudaLibrary& of = kCublasLtFiles) const {
    const CudaFiles files = find(of);
    if (files.found.empty()) return {};
    return {files.found[0].path, files.found[0].origin};
  }
  using Taken = std::pair<std::string, std::string>;

  fs::path root;
  std::map<std::string, std::string> variables;
};

TEST_F(CudaFilesTest, NothingIsFoundWhereThereIsNothing) {
  EXPECT_TRUE(find(kNvrtcFiles).found.empty());
  EXPECT_TRUE(find(kCublasLtFiles).passedOver.empty());
  EXPECT_TRUE(findHeaders("", 13, search()).folders.empty());
}

// From the last place to the first: each is taken before those that were there already.
TEST_F(CudaFilesTest, EachPlaceComesBeforeTheNext) {
  const std::string lib = "/libcublasLt.so.13";
  EXPECT_EQ(taken(), Taken());
  const auto place = [&](const std::string& path, const std::string& origin) {
    const std::string file = library(path + lib);
    EXPECT_EQ(taken(), Taken(file, origin));
  };
  variables["HOME"] = (root / "home").string();
  place("opt/conda/lib/python3.11/site-packages/nvidia/cublas/lib", "a Python wheel");
  place("home/.local/lib/python3.12/site-packages/nvidia/cu13/lib", "a Python wheel");
  place("usr/lib/python3/dist-packages/nvidia/cu13/lib", "a Python wheel");
  place("usr/local/lib/python3.12/dist-packages/nvidia/cu13/lib", "a Python wheel");
  place("opt/cuda/lib64", "the usual folders");
  place("usr/local/cuda-13.0/" + kTarget + "/lib", "the usual folders");
  place("usr/local/cuda-13.1/lib64", "the usual folders");
  place("usr/local/cuda/lib64", "the usual folders");
  place("usr/lib64", "the usual folders");
  const std::string cached = library("cached" + lib);
  write("etc/ld.so.cache", std::string("ld.so\0", 6) + cached + std::string("\0", 1));
  EXPECT_EQ(taken(), Taken(cached, "the loader's cache"));
  set("CONDA_PREFIX", "conda");
  place("conda/lib/python3.10/site-packages/nvidia/cublas/lib", "a Python wheel in CONDA_PREFIX");
  place("conda/lib", "CONDA_PREFIX");
  set("VIRTUAL_ENV", "venv");
  place("venv/lib/python3.13/site-packages/nvidia/cu13/lib", "a Python wheel in VIRTUAL_ENV");
  set("CUDA_PATH", "path");
  place("path/lib", "CUDA_PATH");
  set("CUDA_HOME", "toolkit");
  place("toolkit/" + kTarget + "/lib", "CUDA_HOME");
  place("toolkit/lib64", "CUDA_HOME");
  variables["LD_LIBRARY_PATH"] = (root / "none").string() + "::" + (root / "first").string();
  place("first", "LD_LIBRARY_PATH");
  EXPECT_EQ(find(kCublasLtFiles).found.size(), 17u);
}

TEST_F(CudaFilesTest, SaysWhyAFileIsNotTaken) {
  set("CUDA_HOME", "toolkit");
  const std::string old = library("toolkit/lib64/libcublasLt.so.12"),
                    foreign = library("usr/lib64/libcublasLt.so.13", kForeign),
                    text =
                        write("usr/local/cuda/lib64/libcublasLt.so.13", "version https://git-lfs.github.com/spec/v1");
  const CudaFiles files = find(kCublasLtFiles);
  EXPECT_TRUE(files.found.empty());
  EXPECT_EQ(files.passedOver,
            (std::vector<std::string>{old + ": of CUDA 12, and this build takes 13",
                                      foreign + ": it is for another kind of processor", text + ": it is no library"}));
}

TEST_F(CudaFilesTest, NvrtcMayBeOlderAndNeedNoVersion) {
  set("CUDA_HOME", "toolkit");
  const std::string plain = library("toolkit/lib/libnvrtc.so");
  EXPECT_EQ(taken(kNvrtcFiles).first, plain);
  EXPECT_EQ(versionOf(kNvrtcFiles, plain), "");
  const std::string twelve = library("toolkit/lib/libnvrtc.so.12");
  EXPECT_EQ(taken(kNvrtcFiles).first, twelve);
  const std::string thirteen = library("toolkit/lib/libnvrtc.so.13");
  EXPECT_EQ(taken(kNvrtcFiles).first, thirteen);
  EXPECT_EQ(find(kNvrtcFiles).found.size(), 3u);
}

TEST_F(CudaFilesTest, OneFileByTwoNamesIsOne) {
  set("CUDA_HOME", "toolkit");
  library("toolkit/lib/libnvrtc.so.13.0.88");
  fs::create_symlink("libnvrtc.so.13.0.88", root / "toolkit/lib/libnvrtc.so.13");
  fs::create_symlink("libnvrtc.so.13", root / "toolkit/lib/libnvrtc.so");
  fs::create_symlink("lib", root / "toolkit/lib64");
  const CudaFiles files = find(kNvrtcFiles);
  ASSERT_EQ(files.found.size(), 1u);
  EXPECT_EQ(versionOf(kNvrtcFiles, files.found[0].path), "13.0.88");
  // One of another version by the plain name is told of as what it is.
  library("other/libnvrtc.so.11.2");
  fs::create_symlink("libnvrtc.so.11.2", root / "other/libnvrtc.so");
  fs::create_symlink("libnvrtc.so.11.2", root / "other/libnvrtc.so.11");
  variables["LD_LIBRARY_PATH"] = (root / "other").string();
  EXPECT_EQ(find(kNvrtcFiles).found.size(), 1u);
  EXPECT_EQ(find(kNvrtcFiles).passedOver, std::vector<std::string>{(root / "other/libnvrtc.so.11").string() +
                                                                   ": of CUDA 11, and this build takes 13 or 12"});
}

TEST_F(CudaFilesTest, VersionsOfWheels) {
  const std::string site = "venv/lib/python3.12/site-packages/";
  const std::string nvrtc = library(site + "nvidia/cu13/lib/libnvrtc.so.13"),
                    blas = library(site + "nvidia/cublas/lib/libcublasLt.so.12");
  EXPECT_EQ(versionOf(kNvrtcFiles, nvrtc), "13");
  library(site + "nvidia/cu13/lib/libnvrtc-builtins.so.13.0");
  EXPECT_EQ(versionOf(kNvrtcFiles, nvrtc), "13.0");
  for (const char* name : {"nvidia_cuda_nvrtc-13.0.88", "nvidia_cublas_cu12-12.9.1.4", "nvidia_cublasmp-0.5.1"})
    fs::create_directories(root / (site + name + ".dist-info"));
  EXPECT_EQ(versionOf(kNvrtcFiles, nvrtc), "13.0.88");
  EXPECT_EQ(versionOf(kCublasLtFiles, blas), "12.9.1.4");
}

TEST_F(CudaFilesTest, HeadersBesideNvrtc) {
  const std::string nvrtc = library("venv/nvidia/cu13/lib/libnvrtc.so.13");
  headers("usr/local/cuda/include", 13010);
  EXPECT_EQ(findHeaders(nvrtc, 13, search()).version, "13.1");
  const std::string own = headers("venv/nvidia/cu13/include", 13000);
  CudaHeaders found = findHeaders(nvrtc, 13, search());
  EXPECT_EQ(found.folders, std::vector<std::string>{own});
  EXPECT_EQ(found.version, "13.0");
  write("venv/nvidia/cu13/include/cccl/nv/target", "");
  found = findHeaders(nvrtc, 13, search());
  EXPECT_EQ(found.folders, (std::vector<std::string>{own, own + "/cccl"}));
}

TEST_F(CudaFilesTest, HeadersOfWheelsOfCuda12LieApart) {
  const std::string nvrtc = library("site/nvidia/cuda_nvrtc/lib/libnvrtc.so.12");
  const std::string own = headers("site/nvidia/cuda_runtime/include", 12090);
  write("site/nvidia/cuda_cccl/include/nv/target", "");
  const CudaHeaders found = findHeaders(nvrtc, 12, search());
  EXPECT_EQ(found.folders, (std::vector<std::string>{own, (root / "site/nvidia/cuda_cccl/include").string()}));
  EXPECT_EQ(found.version, "12.9");
}

TEST_F(CudaFilesTest, HeadersOfAnotherVersionAreNotTaken) {
  set("CUDA_HOME", "toolkit");
  const std::string old = headers("toolkit/include", 12080);
  CudaHeaders found = findHeaders("", 13, search());
  EXPECT_TRUE(found.folders.empty());
  EXPECT_EQ(found.passedOver, std::vector<std::string>{old + ": of CUDA 12.8, and NVRTC is of 13"});
  const std::string debian = headers("usr/include", 13000);
  write("usr/include/nv/target", "");
  found = findHeaders("", 13, search());
  EXPECT_EQ(found.folders, std::vector<std::string>{debian});
}

// What a run on a card without cuBLASLt would measure and prove is not what users have.
constexpr const char* kWithout = "SWITCHYARD_WITHOUT_CUBLASLT";
std::string lacksCublasLt(bool hasCard, bool isFound, bool isAskedFor) {
  if (!hasCard || isFound || isAskedFor) return {};
  return std::string("libcublasLt.so.13 was not found: install it, or set ") + kWithout + "=1 to do without";
}

TEST(CublasLt, ARunWithoutItFailsUnlessItWasAskedFor) {
  EXPECT_NE(lacksCublasLt(true, false, false), "");
  EXPECT_EQ(lacksCublasLt(true, false, true), "");
  EXPECT_EQ(lacksCublasLt(true, true, false), "");
  EXPECT_EQ(lacksCublasLt(false, false, false), "");
}

TEST(CublasLt, IsWhereACardIs) {
  bool hasCard = false;
  for (const DeviceInfo& info : foundDevices().devices) hasCard |= info.backend == Backend::Cuda;
  if (!hasCard) GTEST_SKIP() << "no CUDA card here";
  const char* const asked = std::getenv(kWithout);
  const CudaFiles files = findLibrary(kCublasLtFiles, systemSearch());
  std::string passedOver;
  for (const std::string& each : files.passedOver) passedOver += "\n  " + each;
  EXPECT_EQ(lacksCublasLt(true, !files.found.empty(), asked && *asked), "") << "not taken:" << passedOver;
}

}  // namespace
}  // namespace switchyard::test
