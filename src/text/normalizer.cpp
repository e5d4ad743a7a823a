// ASCII goes through tables, a run of bytes at a time; what is beyond it character by character.
#include "text/normalizer.h"

#include <algorithm>

#include "text/byte_chars.h"
#include "text/unicode.h"

namespace switchyard::text {
namespace {

// The characters from here on that are not ASCII, with their origins; `out` stays where it is. Returns their bytes.
uint32_t readRun(const AlignedText& text, uint32_t from, std::vector<Char>& run) {
  uint32_t at = from;
  while (at < text.size() && !isAscii(text.bytes[at])) {
    run.push_back({decode(text.data() + at), text.tracks ? text.originAt(at) : Range{}});
    at += bytesFrom(text.bytes[at]);
  }
  return at - from;
}

void putRun(Rewrite& out, const std::vector<Char>& run, uint32_t bytes) {
  for (const Char& each : run) out.putWithOrigin(each.c, each.origin);
  out.drop(bytes);
}

bool isAllAscii(const AlignedText& text) { return asciiRun(text.data(), text.size()) == text.size(); }

// What `of` makes of each character: it puts what it wants of it into `out`, or drops it.
template <class Fn>
void forOthers(AlignedText& text, NormalizeWork& work, const std::array<unsigned char, 128>* ascii, Fn of) {
  Rewrite out(text, work.spare);
  while (!out.atEnd()) {
    const auto run = static_cast<uint32_t>(asciiRun(out.rest(), text.size() - out.at()));
    if (ascii)
      out.mapAscii(run, *ascii);
    else
      out.keep(run);
    while (!out.atEnd() && !isAscii(*out.rest())) of(out, decode(out.rest()));
  }
  out.finish();
}

void dropChar(Rewrite& out) { out.drop(bytesFrom(*out.rest())); }

constexpr std::array<unsigned char, 128> lowerTable() {
  std::array<unsigned char, 128> table{};
  for (unsigned char c = 0; c < 128; ++c) table[c] = c >= 'A' && c <= 'Z' ? c + 32 : c;
  return table;
}
constexpr auto kLower = lowerTable();

bool isBertControl(char32_t c) { return c != '\t' && c != '\n' && c != '\r' && has(c, kOther); }

}  // namespace

BertNormalizer::BertNormalizer(const Options& options) : options_(options) {
  for (char32_t c = 0; c < 128; ++c) {
    char32_t to = c;
    if (options.cleanText) to = c == 0 || isBertControl(c) ? Rewrite::kDropped : has(c, kSpace) ? ' ' : c;
    if (options.lowercase && to >= 'A' && to <= 'Z') to += 32;
    ascii_[c] = static_cast<unsigned char>(to);
  }
}

void BertNormalizer::applyToRun(std::vector<Char>& run, NormalizeWork& work) const {
  if (options_.cleanText) {
    std::erase_if(run, [](const Char& each) { return each.c == kReplacement || isBertControl(each.c); });
    for (Char& each : run)
      if (has(each.c, kSpace)) each.c = ' ';
  }
  std::vector<Char>& other = work.forms.before;
  if (options_.chineseChars && std::ranges::any_of(run, [](const Char& each) { return has(each.c, kChinese); })) {
    other.clear();
    for (const Char& each : run) {
      const bool alone = has(each.c, kChinese);
      if (alone) other.push_back({' ', each.origin});
      other.push_back(each);
      if (alone) other.push_back({' ', each.origin});
    }
    std::swap(run, other);
  }
  if (options_.stripAccents) {
    if (!std::ranges::all_of(run, [](const Char& each) { return has(each.c, kCanonical); }))
      decompose(run, false, work.forms);
    std::erase_if(run, [](const Char& each) { return has(each.c, kNonspacing); });
  }
  if (!options_.lowercase) return;
  other.clear();
  for (const Char& each : run) {
    char32_t lower[2];
    const size_t count = lowercase(each.c, lower);
    for (size_t i = 0; i < count; ++i) other.push_back({lower[i], each.origin});
  }
  std::swap(run, other);
}

void BertNormalizer::apply(AlignedText& text, NormalizeWork& work) const {
  Rewrite out(text, work.spare);
  while (!out.atEnd()) {
    const auto bytes = static_cast<uint32_t>(asciiRun(out.rest(), text.size() - out.at()));
    out.mapAscii(bytes, ascii_);
    work.run.clear();
    const uint32_t others = readRun(text, out.at(), work.run);
    applyToRun(work.run, work);
    putRun(out, work.run, others);
  }
  out.finish();
}

void UnicodeForm::apply(AlignedText& text, NormalizeWork& work) const {
  if (isAllAscii(text)) return;
  const uint16_t inert = compatible_ ? kCompatible : kCanonical;
  Rewrite out(text, work.spare);
  while (!out.atEnd()) {
    const auto ascii = static_cast<uint32_t>(asciiRun(out.rest(), text.size() - out.at()));
    if (out.at() + ascii == text.size()) {
      out.keep(ascii);
      break;
    }
    // Marks join the character before them, which may be ASCII.
    const uint32_t last = ascii && !has(decode(out.rest() + ascii), inert) ? 1 : 0;
    out.keep(ascii - last);
    work.run.clear();
    if (last) work.run.push_back({static_cast<char32_t>(*out.rest()), text.tracks ? text.originAt(out.at()) : Range{}});
    const uint32_t others = readRun(text, out.at() + last, work.run);
    if (!std::ranges::all_of(work.run, [&](const Char& each) { return has(each.c, inert); })) {
      if (composes_)
        decomposeAndCompose(work.run, compatible_, work.forms);
      else
        decompose(work.run, compatible_, work.forms);
    }
    putRun(out, work.run, last + others);
  }
  out.finish();
}

void Lowercase::apply(AlignedText& text, NormalizeWork& work) const {
  forOthers(text, work, &kLower, [](Rewrite& out, char32_t c) {
    char32_t lower[2];
    const size_t count = lowercase(c, lower);
    for (size_t i = 0; i < count; ++i) out.put(lower[i], i ? 1 : 0);
  });
}

void StripAccents::apply(AlignedText& text, NormalizeWork& work) const {
  if (isAllAscii(text)) return;
  forOthers(text, work, nullptr, [](Rewrite& out, char32_t c) {
    if (has(c, kMark))
      dropChar(out);
    else
      out.put(c, 0);
  });
}

void Strip::apply(AlignedText& text, NormalizeWork& work) const {
  const char *begin = text.data(), *end = begin + text.size();
  const char *first = begin, *last = end;
  while (left_ && first < last && has(decode(first), kSpace)) first += bytesFrom(*first);
  while (right_ && last > first && has(decode(before(last)), kSpace)) last = before(last);
  if (first == begin && last == end) return;
  Rewrite out(text, work.spare);
  out.drop(static_cast<uint32_t>(first - begin));
  out.keep(static_cast<uint32_t>(last - first));
  out.finish();
}

void Replace::apply(AlignedText& text, NormalizeWork& work) const {
  Range match{};
  const std::string_view all(text.bytes);
  if (!pattern_->find(all, 0, match)) return;
  Rewrite out(text, work.spare);
  do {
    out.keep(match.begin - out.at());
    out.drop(match.size());
    for (const char *at = content_.data(), *end = at + content_.size(); at < end; at += bytesFrom(*at))
      out.put(decode(at), 1);
  } while (pattern_->find(all, match.end, match));
  out.keep(text.size() - out.at());
  out.finish();
}

void Nmt::apply(AlignedText& text, NormalizeWork& work) const {
  Rewrite out(text, work.spare);
  while (!out.atEnd()) {
    const char32_t c = decode(out.rest());
    const bool goes =
        (c >= 0x01 && c <= 0x08) || c == 0x0b || (c >= 0x0e && c <= 0x1f) || c == 0x7f || c == 0x8f || c == 0x9f;
    const bool isSpace = c == 0x09 || c == 0x0a || c == 0x0c || c == 0x0d || c == 0x1680 ||
                         (c >= 0x200b && c <= 0x200f) || c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xfeff ||
                         c == kReplacement;
    if (goes)
      dropChar(out);
    else
      out.put(isSpace ? ' ' : c, 0);
  }
  out.finish();
}

void ByteLevelNormalizer::apply(AlignedText& text, NormalizeWork& work) const {
  Rewrite out(text, work.spare);
  while (!out.atEnd()) putAsByteChars(out);
  out.finish();
}

}  // namespace switchyard::text
