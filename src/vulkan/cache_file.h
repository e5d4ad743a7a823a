// The pipeline cache's place on disk: one file a device and driver, replaced atomically, ignored when it isn't whole.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace switchyard::vulkan {

class CacheFile {
 public:
  explicit CacheFile(const std::string& key);  // in SHADER_CACHE_DIR, $XDG_CACHE_HOME/switchyard or ~/.cache/switchyard
  std::vector<uint8_t> load() const noexcept;  // empty when absent or damaged
  bool store(std::span<const uint8_t> data) const noexcept;  // false when the disk won't have it
  const std::string& path() const { return path_; }

 private:
  std::string directory_, path_;
};

}  // namespace switchyard::vulkan
