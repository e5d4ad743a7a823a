// Reads and writes the pipeline cache file: magic, length, checksum, data.
#include "vulkan/cache_file.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

namespace switchyard::vulkan {
namespace {

constexpr char kMagic[8] = {'s', 'w', 'y', 'd', 'v', 'k', 'c', '1'};
constexpr uint64_t kMaxBytes = 256ull << 20;
struct Header {
  char magic[8];
  uint64_t bytes, checksum;
};

uint64_t checksumOf(std::span<const uint8_t> data) {  // FNV-1a
  uint64_t hash = 14695981039346656037ull;
  for (uint8_t byte : data) hash = (hash ^ byte) * 1099511628211ull;
  return hash;
}

std::string cacheDirectory() {
  auto env = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  if (auto dir = env("SHADER_CACHE_DIR"); !dir.empty()) return dir;
  if (auto dir = env("XDG_CACHE_HOME"); !dir.empty()) return dir + "/switchyard";
  if (auto dir = env("HOME"); !dir.empty()) return dir + "/.cache/switchyard";
  return {};
}

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

}  // namespace

CacheFile::CacheFile(const std::string& key) : directory_(cacheDirectory()) {
  if (!directory_.empty()) path_ = directory_ + "/vulkan-" + key + ".bin";
}

std::vector<uint8_t> CacheFile::load() const noexcept try {
  if (path_.empty()) return {};
  File file(std::fopen(path_.c_str(), "rbe"));
  Header header;
  if (!file || std::fread(&header, sizeof header, 1, file.get()) != 1) return {};
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 || header.bytes > kMaxBytes) return {};
  std::vector<uint8_t> data(header.bytes);
  if (!data.empty() && std::fread(data.data(), data.size(), 1, file.get()) != 1) return {};
  if (std::fgetc(file.get()) != EOF || checksumOf(data) != header.checksum) return {};
  return data;
} catch (...) {
  return {};
}

bool CacheFile::store(std::span<const uint8_t> data) const noexcept try {
  if (path_.empty() || data.size() > kMaxBytes) return false;
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  if (error) return false;
  static std::atomic<uint32_t> serial{0};
  const std::string temporary = path_ + "." + std::to_string(getpid()) + "." + std::to_string(serial++) + ".tmp";
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.bytes = data.size();
  header.checksum = checksumOf(data);
  File file(std::fopen(temporary.c_str(), "wbe"));
  if (!file) return false;
  bool good = std::fwrite(&header, sizeof header, 1, file.get()) == 1 &&
              (data.empty() || std::fwrite(data.data(), data.size(), 1, file.get()) == 1);
  good = std::fclose(file.release()) == 0 && good;
  good = good && std::rename(temporary.c_str(), path_.c_str()) == 0;
  if (!good) std::remove(temporary.c_str());
  return good;
} catch (...) {
  return false;
}

}  // namespace switchyard::vulkan
