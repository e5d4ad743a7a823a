// A folder of sealed files below the cache folder, each named by what it holds, within a limit: the oldest used go
// first.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace switchyard {

struct CacheShelf {    // a value; any number of processes may use one shelf at a time
  std::string folder;  // the cache folder; empty: nothing is kept
  std::string name;
  std::string magic;       // 8 characters: the kind and version of what is in its files
  uint64_t mostBytes = 0;  // of all its files together; what is larger by itself is not kept

  // Null: there is none of this name. Throws CacheError.
  std::optional<std::vector<uint8_t>> read(const std::string& file) const;
  // The same into memory that `room` gives for so many bytes; false: there is none.
  using Room = std::function<std::span<uint8_t>(uint64_t)>;
  bool read(const std::string& file, const Room& room) const;
  // False: it is not kept.
  bool write(const std::string& file, std::span<const uint8_t> content) const;
};

}  // namespace switchyard
