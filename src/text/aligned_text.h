// A text on its way through normalizers, with where each of its bytes came from.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/utf8.h"

namespace switchyard::text {

struct Range {
  uint32_t begin, end;
  uint32_t size() const { return end - begin; }
  bool operator==(const Range&) const = default;
};

// Beyond its bytes there are kPadding more that may be read, whatever they are: words are loaded whole.
class AlignedText {
 public:
  static constexpr size_t kPadding = 24;
  // A part of the text that was given, which begins at `base`. Without `tracks` nobody will ask for origins.
  void assign(std::string_view part, uint32_t base, bool tracks);
  void assignSlice(const AlignedText& whole, Range part);
  uint32_t size() const { return static_cast<uint32_t>(bytes.size()); }
  const char* data() const { return bytes.data(); }
  // Which bytes of the given text these came from: whole characters of it.
  Range originOf(Range part) const;
  Range originAt(uint32_t byte) const;
  // In front of the first character, whose origin it shares; nothing where there is none.
  void prepend(std::string_view front);
  void pad() { bytes.reserve(bytes.size() + kPadding); }

  std::string bytes;
  std::vector<Range> origins;  // of each byte, as soon as something has changed
  uint32_t base = 0;
  bool tracks = false, changed = false;
  bool startsAtFront = true;  // its first character stands for what the part began with
};

// Writes a text anew from its beginning to its end. A new character has the origin of the one that it stands for; what
// it says of that is, as in the Rust original, a `change`: 0, it replaces the next character of the old text; -n, it
// replaces that one and n more; above 0, it is one more for the character before.
class Rewrite {
 public:
  Rewrite(AlignedText& text, AlignedText& spare);
  uint32_t at() const { return at_; }
  bool atEnd() const { return at_ == text_.size(); }
  const char* rest() const { return text_.data() + at_; }
  void keep(uint32_t bytes);  // as they are
  void drop(uint32_t bytes) { at_ += bytes; }
  void put(char32_t c, int change);
  void putWithOrigin(char32_t c, Range origin);  // leaves at() where it is
  // The next bytes, all ASCII, each as the table has it; kDropped: it goes.
  static constexpr unsigned char kDropped = 0xff;
  void mapAscii(uint32_t bytes, const std::array<unsigned char, 128>& table);
  uint32_t written() const { return out_.size(); }
  void finish();

 private:
  void noteFirst() {
    if (out_.bytes.empty()) firstAt_ = at_;
  }
  AlignedText &text_, &out_;
  uint32_t at_ = 0;
  uint32_t firstAt_ = 0;  // where the first character that was written came from
};

}  // namespace switchyard::text
