// Inner loops ask a table of what ASCII characters are, and Unicode's for the others.
#include "text/pre_tokenizer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "text/byte_chars.h"
#include "text/unicode.h"

namespace switchyard::text {
namespace {

// The flags of the character at `at`, and where the next begins.
inline uint16_t flagsAt(const char* text, uint32_t at, uint32_t& next, const std::array<uint16_t, 128>& ascii) {
  const char first = text[at];
  if (isAscii(first)) {
    next = at + 1;
    return ascii[static_cast<unsigned char>(first)];
  }
  next = at + bytesFrom(first);
  return flagsOf(decode(text + at));
}

// Cuts by what `classOf` says of a character: runs of one class are words, those of class 0 go, and characters of class
// kAlone stand alone.
constexpr int kGone = 0, kAlone = 1;
template <class Fn>
void splitByClass(const AlignedText& text, Range word, std::vector<Range>& out, Fn classOf) {
  const auto& ascii = asciiFlags();
  const char* data = text.data();
  uint32_t begin = word.begin, next = word.begin;
  int current = kGone;
  for (uint32_t at = word.begin; at < word.end; at = next) {
    const int kind = classOf(flagsAt(data, at, next, ascii));
    if (kind == current && kind != kAlone) continue;
    if (current != kGone) out.push_back({begin, at});
    begin = at;
    current = kind;
  }
  if (current != kGone && begin < word.end) out.push_back({begin, word.end});
}

// Ranges that cover a word, as the behaviors of Split say.
void joinMatches(std::vector<std::pair<Range, bool>>& matches, Behavior behavior, std::vector<Range>& out) {
  const auto plain = [&](bool keepsMatches) {
    for (const auto& [range, isMatch] : matches)
      if (range.size() && (keepsMatches || !isMatch)) out.push_back(range);
  };
  if (behavior == Behavior::Removed) return plain(false);
  if (behavior == Behavior::Isolated) return plain(true);
  const bool backwards = behavior == Behavior::MergedWithNext;
  if (backwards) std::ranges::reverse(matches);
  const size_t first = out.size();
  bool previous = false;
  for (const auto& [range, isMatch] : matches) {
    if (range.size() == 0) continue;
    const bool joins = behavior == Behavior::Contiguous ? isMatch == previous : isMatch && !previous;
    previous = isMatch;
    if (!joins || out.size() == first)
      out.push_back(range);
    else if (backwards)
      out.back().begin = range.begin;
    else
      out.back().end = range.end;
  }
  if (backwards) std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
}

// A new word at each mark.
void splitBefore(std::string_view text, Range word, const std::string& mark, std::vector<Range>& out) {
  const std::string_view part = text.substr(0, word.end);
  uint32_t begin = word.begin;
  for (size_t at; (at = part.find(mark, begin + 1)) != std::string_view::npos; begin = static_cast<uint32_t>(at))
    out.push_back({begin, static_cast<uint32_t>(at)});
  if (begin < word.end) out.push_back({begin, word.end});
}

}  // namespace

void Splitter::apply(AlignedText& text, PreWork& work) const {
  work.next.clear();
  for (Range word : work.words) split(text, word, work);
  std::swap(work.words, work.next);
  work.cut = true;
}

void BertPreTokenizer::split(const AlignedText& text, Range word, PreWork& work) const {
  splitByClass(text, word, work.next, [](uint16_t flags) {
    return flags & kSpace ? kGone : flags & (kPunctuation | kAsciiPunctuation) ? kAlone : 2;
  });
}

void Whitespace::split(const AlignedText& text, Range word, PreWork& work) const {
  splitByClass(text, word, work.next, [](uint16_t flags) {
    return flags & kSpace ? kGone : flags & kWordChar ? 2 : 3;
  });
}

void WhitespaceSplit::split(const AlignedText& text, Range word, PreWork& work) const {
  splitByClass(text, word, work.next, [](uint16_t flags) { return flags & kSpace ? kGone : 2; });
}

void PatternSplit::split(const AlignedText& text, Range word, PreWork& work) const {
  const std::string_view part(text.data() + word.begin, word.size());
  uint32_t at = 0;
  work.matches.clear();
  const auto add = [&](uint32_t begin, uint32_t end, bool isMatch) {
    if (begin < end) work.matches.push_back({{word.begin + begin, word.begin + end}, isMatch != inverted_});
  };
  for (Range match{}; at < part.size() && pattern_->find(part, at, match); at = match.end) {
    add(at, match.begin, false);
    add(match.begin, match.end, true);
  }
  add(at, static_cast<uint32_t>(part.size()), false);
  joinMatches(work.matches, behavior_, work.next);
}

// A word's own begin counts where words were cut before; else the text's, whatever has been stripped from it.
bool Metaspace::adds(const AlignedText& text, Range word, const PreWork& work) const {
  if (text.bytes[word.begin] == ' ' ||
      std::string_view(text.data() + word.begin, word.size()).starts_with(replacement_))
    return false;
  const bool isFirst = word.begin == 0 && text.base == 0 && (!work.cut || text.startsAtFront);
  return prepend_ == Prepend::Always || (prepend_ == Prepend::First && isFirst);
}

void Metaspace::apply(AlignedText& text, PreWork& work) const {
  Rewrite out(text, work.spare);
  const char32_t replacement = decode(replacement_.data());
  work.next.clear();
  for (Range word : work.words) {
    out.drop(word.begin - out.at());
    const uint32_t begin = out.written();
    if (adds(text, word, work)) out.putWithOrigin(replacement, text.tracks ? text.originAt(word.begin) : Range{});
    while (out.at() < word.end) {
      const auto* space = static_cast<const char*>(std::memchr(out.rest(), ' ', word.end - out.at()));
      out.keep(space ? static_cast<uint32_t>(space - out.rest()) : word.end - out.at());
      if (space) out.put(replacement, 0);
    }
    work.next.push_back({begin, out.written()});
  }
  out.finish();
  std::swap(work.words, work.next);
  if (!splits_) return;
  work.next.clear();
  for (Range word : work.words) splitBefore(text.bytes, word, replacement_, work.next);
  std::swap(work.words, work.next);
  work.cut = true;
}

// In front of each word that does not begin with a space.
void ByteLevel::addSpaces(AlignedText& text, PreWork& work) const {
  if (work.words.size() == 1 && work.words[0] == Range{0, text.size()}) {
    if (text.bytes[0] != ' ') text.prepend(" ");
    work.words[0].end = text.size();
    return;
  }
  Rewrite out(text, work.spare);
  for (Range& word : work.words) {
    out.drop(word.begin - out.at());
    const uint32_t begin = out.written();
    if (text.bytes[word.begin] != ' ') out.putWithOrigin(' ', text.tracks ? text.originAt(word.begin) : Range{});
    out.keep(word.size());
    word = {begin, out.written()};
  }
  out.finish();
}

void ByteLevel::apply(AlignedText& text, PreWork& work) const {
  if (addsSpace_) addSpaces(text, work);
  if (cuts_) {
    work.next.clear();
    for (Range word : work.words) gpt2Words(text.bytes, word, work.next);
    std::swap(work.words, work.next);
    work.cut = true;
  }
  if (!writes_) return;
  Rewrite out(text, work.spare);
  for (Range& word : work.words) {
    out.drop(word.begin - out.at());
    const uint32_t begin = out.written();
    while (out.at() < word.end) putAsByteChars(out);
    word = {begin, out.written()};
  }
  out.finish();
}

}  // namespace switchyard::text
