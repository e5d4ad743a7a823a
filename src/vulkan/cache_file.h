// The pipeline cache's place on disk: one file a device and driver, replaced atomically, ignored when it isn't whole.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace switchyard::vulkan {

class CacheFile {
 public:
  static constexpr uint64_t kMaxBytes = uint64_t{256} << 20;

  explicit CacheFile(const std::string& key);                // in defaultCacheFolder()
  std::vector<uint8_t> load() const noexcept;                // empty when absent or damaged
  bool store(std::span<const uint8_t> data) const noexcept;  // false when the disk won't have it

 private:
  std::string folder_, name_;
};

}  // namespace switchyard::vulkan
