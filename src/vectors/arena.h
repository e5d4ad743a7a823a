// Bytes that keep their place: what was written stays readable while more is written behind it.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace switchyard::vectors {

class Arena {
 public:
  // A text with its length before it; textAt() reads it.
  const char* keep(std::string_view text) {
    const auto length = static_cast<uint32_t>(text.size());
    char* const to = take(sizeof length + text.size());
    std::memcpy(to, &length, sizeof length);
    if (length) std::memcpy(to + sizeof length, text.data(), length);
    return to;
  }
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }  // from any thread

 private:
  char* take(size_t bytes) {
    if (bytes > left_) {
      const size_t chunk = std::max(bytes, next_);
      chunks_.reserve(chunks_.size() + 1);
      chunks_.emplace_back(new char[chunk]);
      at_ = chunks_.back().get();
      left_ = chunk;
      bytes_.fetch_add(chunk, std::memory_order_relaxed);
      next_ = std::min<size_t>(next_ * 2, 1 << 20);
    }
    char* const taken = at_;
    at_ += bytes;
    left_ -= bytes;
    return taken;
  }

  std::vector<std::unique_ptr<char[]>> chunks_;
  char* at_ = nullptr;
  size_t left_ = 0, next_ = 4096;
  std::atomic<size_t> bytes_{0};
};

// Of what keep() gave; nothing of a null.
inline std::string_view textAt(const char* kept) {
  if (!kept) return {};
  uint32_t length;
  std::memcpy(&length, kept, sizeof length);
  return {kept + sizeof length, length};
}

}  // namespace switchyard::vectors
