// Origins are kept only where they are asked for, and only once a text is no longer what it was.
#include "text/aligned_text.h"

#include <algorithm>
#include <utility>

#include "error.h"

namespace switchyard::text {
namespace {

// Of 2 GB, as texts are: places in it have 31 bits.
void checkLength(size_t bytes) {
  if (bytes > INT32_MAX) [[unlikely]]
    throw Error(Code::InvalidArgument, "a text has more than 2 GB once the tokenizer's normalizer has been at it");
}

}  // namespace

void AlignedText::assign(std::string_view part, uint32_t begin, bool wantsOrigins) {
  bytes.reserve(part.size() + kPadding);
  bytes.assign(part);
  origins.clear();
  base = begin;
  tracks = wantsOrigins;
  changed = false;
  startsAtFront = true;
}

void AlignedText::assignSlice(const AlignedText& whole, Range part) {
  assign(std::string_view(whole.bytes).substr(part.begin, part.size()), whole.base + part.begin, whole.tracks);
  startsAtFront = whole.startsAtFront && part.begin == 0;
  changed = whole.changed;
  if (!changed) return;
  origins.assign(whole.origins.begin() + part.begin, whole.origins.begin() + part.end);
  base = whole.base;
}

Range AlignedText::originAt(uint32_t byte) const {
  if (changed) return origins[byte];
  uint32_t begin = byte;
  while (begin > 0 && isContinuation(bytes[begin])) --begin;
  return {base + begin, base + begin + bytesFrom(bytes[begin])};
}

Range AlignedText::originOf(Range part) const {
  if (part.begin >= part.end) return {base, base};
  return {originAt(part.begin).begin, originAt(part.end - 1).end};
}

void AlignedText::prepend(std::string_view front) {
  if (bytes.empty()) return;
  checkLength(bytes.size() + front.size());
  if (tracks) {
    if (!changed) {
      origins.resize(bytes.size());
      for (uint32_t i = 0; i < size(); ++i) origins[i] = originAt(i);
      changed = true;
    }
    origins.insert(origins.begin(), front.size(), origins.front());
  }
  bytes.reserve(bytes.size() + front.size() + kPadding);
  bytes.insert(0, front);
}

Rewrite::Rewrite(AlignedText& text, AlignedText& spare) : text_(text), out_(spare) {
  out_.assign({}, text.base, text.tracks);
  out_.changed = text.tracks;
  out_.startsAtFront = text.startsAtFront;
  out_.bytes.reserve(text.size() + text.size() / 8 + AlignedText::kPadding);
}

void Rewrite::keep(uint32_t bytes) {
  noteFirst();
  out_.bytes.append(text_.bytes, at_, bytes);
  if (text_.tracks) {
    for (uint32_t i = at_; i < at_ + bytes; ++i) out_.origins.push_back(text_.originAt(i));
  }
  at_ += bytes;
}

void Rewrite::putWithOrigin(char32_t c, Range origin) {
  noteFirst();
  char bytes[4];
  const uint32_t count = encode(c, bytes);
  out_.bytes.append(bytes, count);
  if (text_.tracks) out_.origins.insert(out_.origins.end(), count, origin);
}

void Rewrite::put(char32_t c, int change) {
  checkLength(out_.bytes.size());
  Range origin{text_.base, text_.base};
  if (text_.tracks && text_.size() > 0) {
    if (change <= 0)
      origin = text_.originAt(std::min(at_, text_.size() - 1));
    else if (at_ > 0)
      origin = text_.originAt(at_ - 1);
  }
  putWithOrigin(c, origin);
  for (int consumed = change; consumed <= 0 && at_ < text_.size(); ++consumed) at_ += bytesFrom(text_.bytes[at_]);
}

void Rewrite::mapAscii(uint32_t bytes, const std::array<unsigned char, 128>& table) {
  noteFirst();
  const size_t before = out_.bytes.size();
  out_.bytes.resize(before + bytes);
  char* to = out_.bytes.data() + before;
  const char* from = text_.data() + at_;
  for (uint32_t i = 0; i < bytes; ++i) {
    const unsigned char mapped = table[static_cast<unsigned char>(from[i])];
    *to = static_cast<char>(mapped);
    to += mapped != kDropped;
  }
  for (uint32_t i = 0; text_.tracks && i < bytes; ++i)
    if (table[static_cast<unsigned char>(from[i])] != kDropped) out_.origins.push_back(text_.originAt(at_ + i));
  out_.bytes.resize(static_cast<size_t>(to - out_.bytes.data()));
  at_ += bytes;
}

void Rewrite::finish() {
  checkLength(out_.bytes.size());
  if (firstAt_ > 0) out_.startsAtFront = false;
  std::swap(text_, out_);
  text_.pad();
}

}  // namespace switchyard::text
