// Numbers, texts and lists as bytes: little-endian, without padding; nothing that is read back is trusted.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "error.h"

namespace switchyard {

constexpr size_t kMaxText = 1 << 16, kMaxItems = 1 << 16, kMaxBlob = size_t{1} << 30;

// Little-endian, whatever the machine is; no padding.
class ByteWriter {
 public:
  void number(uint64_t value, int width) {
    for (int i = 0; i < width; ++i) out_.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
  void u8(uint8_t value) { number(value, 1); }
  void u32(uint32_t value) { number(value, 4); }
  void u64(uint64_t value) { number(value, 8); }
  void flag(bool value) { u8(value ? 1 : 0); }
  void raw(std::span<const uint8_t> bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void text(const std::string& value) {
    limit(value.size(), kMaxText, "text");
    u32(static_cast<uint32_t>(value.size()));
    out_.insert(out_.end(), value.begin(), value.end());
  }
  void blob(const std::vector<char>& value) {
    limit(value.size(), kMaxBlob, "code");
    u32(static_cast<uint32_t>(value.size()));
    out_.insert(out_.end(), value.begin(), value.end());
  }
  void words(const std::vector<uint32_t>& value) {
    limit(value.size(), kMaxBlob / 4, "code");
    u32(static_cast<uint32_t>(value.size()));
    for (const uint32_t word : value) u32(word);
  }
  template <class Items, class Each>
  void list(const Items& items, Each each) {
    limit(items.size(), kMaxItems, "list");
    u32(static_cast<uint32_t>(items.size()));
    for (const auto& item : items) each(item);
  }
  std::vector<uint8_t>& bytes() { return out_; }

 private:
  static void limit(size_t size, size_t most, const char* what) {
    if (size > most) throw Error(Code::Internal, std::string("a program has a ") + what + " too long to be kept");
  }
  std::vector<uint8_t> out_;
};

[[noreturn]] inline void damagedBytes(const std::string& how) {
  throw Error(Code::Internal, "the bytes of a program are damaged: " + how);
}

class ByteReader {
 public:
  explicit ByteReader(std::span<const uint8_t> bytes) : rest_(bytes) {}
  uint64_t number(size_t width) {
    const std::span<const uint8_t> bytes = raw(width);
    uint64_t value = 0;
    for (size_t i = 0; i < width; ++i) value |= uint64_t{bytes[i]} << (8 * i);
    return value;
  }
  uint8_t u8() { return static_cast<uint8_t>(number(1)); }
  uint32_t u32() { return static_cast<uint32_t>(number(4)); }
  uint64_t u64() { return number(8); }
  bool flag() { return choice<uint8_t>(1) != 0; }
  template <class Enum>
  Enum choice(uint8_t last) {
    const uint8_t value = u8();
    if (value > last) damagedBytes("it holds a value that means nothing");
    return static_cast<Enum>(value);
  }
  std::span<const uint8_t> raw(size_t size) {
    if (size > rest_.size()) damagedBytes("it ends too early");
    const std::span<const uint8_t> taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  std::string text() {
    const std::span<const uint8_t> bytes = raw(count(kMaxText, 1));
    return std::string(bytes.begin(), bytes.end());
  }
  std::vector<char> blob() {
    const std::span<const uint8_t> bytes = raw(count(kMaxBlob, 1));
    return std::vector<char>(bytes.begin(), bytes.end());
  }
  std::vector<uint32_t> words() {
    std::vector<uint32_t> words(count(kMaxBlob / 4, 4));
    for (uint32_t& word : words) word = u32();
    return words;
  }
  template <class Item, class Each>
  std::vector<Item> list(Each each) {
    std::vector<Item> items(count(kMaxItems, 1));
    for (Item& item : items) item = each();
    return items;
  }
  bool empty() const { return rest_.empty(); }

 private:
  // A count, of things that take `least` bytes each: believed only if they can be there.
  size_t count(size_t most, size_t least) {
    const size_t value = u32();
    if (value > most || value > rest_.size() / least) damagedBytes("it counts more than it holds");
    return value;
  }
  std::span<const uint8_t> rest_;
};

}  // namespace switchyard
