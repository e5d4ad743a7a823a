// Reads and writes the pipeline cache file, with the cache folder's care: a driver believes what it finds there.
#include "vulkan/cache_file.h"

#include "cache_folder.h"

namespace switchyard::vulkan {
namespace {
constexpr std::string_view kMagic = "swydvkc2";
}

CacheFile::CacheFile(const std::string& key) : folder_(defaultCacheFolder()), name_("vulkan-" + key + ".bin") {}

std::vector<uint8_t> CacheFile::load() const noexcept try {
  if (folder_.empty()) return {};
  const CacheFolder folder = CacheFolder::open(folder_, CacheFolder::Missing::Leave);
  return folder ? folder.readSealed(name_, kMagic, kMaxBytes).value_or(std::vector<uint8_t>()) : std::vector<uint8_t>();
} catch (...) {
  return {};
}

bool CacheFile::store(std::span<const uint8_t> data) const noexcept try {
  if (folder_.empty() || data.size() > kMaxBytes) return false;
  return CacheFolder::open(folder_, CacheFolder::Missing::Make).writeSealed(name_, kMagic, data);
} catch (...) {
  return false;
}

}  // namespace switchyard::vulkan
