// Flags are kept in pages of 256 characters, which are made when the first of theirs is asked for.
#include "text/unicode.h"

#include <utf8proc.h>

#include <atomic>
#include <memory>

#include "text/unicode_differences.h"

namespace switchyard::text {
namespace {

constexpr size_t kPageChars = 256, kPages = 0x110000 / kPageChars;

bool isWhiteSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

// CJK Unified Ideographs and their extensions A to E, with compatibility ideographs.
bool isChinese(char32_t c) {
  return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x20000 && c <= 0x2a6df) ||
         (c >= 0x2a700 && c <= 0x2b73f) || (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

// Symbols that are Alphabetic all the same: circled, squared and the like.
bool isAlphabeticSymbol(char32_t c) {
  return (c >= 0x24b6 && c <= 0x24e9) || (c >= 0x1f130 && c <= 0x1f149) || (c >= 0x1f150 && c <= 0x1f169) ||
         (c >= 0x1f170 && c <= 0x1f189);
}

bool isAsciiPunctuation(char32_t c) {
  return (c >= 0x21 && c <= 0x2f) || (c >= 0x3a && c <= 0x40) || (c >= 0x5b && c <= 0x60) || (c >= 0x7b && c <= 0x7e);
}

uint16_t ofCategory(utf8proc_category_t category) {
  switch (category) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return kLetter | kWordChar;
    case UTF8PROC_CATEGORY_MN: return kNonspacing | kMark | kWordChar;
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: return kMark | kWordChar;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL: return kNumber | kNumeric | kWordChar;
    case UTF8PROC_CATEGORY_NO: return kNumber | kNumeric;
    case UTF8PROC_CATEGORY_PC: return kPunctuation | kWordChar;
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return kPunctuation;
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CO: return kOther;
    default: return 0;
  }
}

// Whether a normal form leaves the character alone: it is no mark or part of a syllable that may join what is before
// it, and decomposes to itself.
bool isInert(char32_t c, uint16_t flags, int options) {
  const bool joins = (flags & kMark) || (c >= 0x1160 && c <= 0x11ff);  // vowels and ends of Hangul syllables
  if (joins) return false;
  utf8proc_int32_t parts[32];
  int bound = UTF8PROC_BOUNDCLASS_START;
  const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts, 32,
                                             static_cast<utf8proc_option_t>(options), &bound);
  return count == 1 && parts[0] == static_cast<utf8proc_int32_t>(c);
}

bool isIn(const CharRange& range, char32_t c) { return c >= range.first && c <= range.last; }

uint16_t withDifferences(char32_t c, uint16_t flags) {
  for (const Difference& each : kDifferences)
    for (const CharRange& range : each.ranges)
      if (isIn(range, c)) flags = each.has ? flags | each.flag : flags & ~each.flag;
  return flags;
}

uint16_t make(char32_t c) {
  const auto* property = utf8proc_get_property(static_cast<utf8proc_int32_t>(c));
  uint16_t flags = ofCategory(static_cast<utf8proc_category_t>(property->category));
  if (isWhiteSpace(c)) flags |= kSpace;
  if (isChinese(c)) flags |= kChinese;
  if (isAlphabeticSymbol(c) || c == 0x200c || c == 0x200d) flags |= kWordChar;
  if (isAsciiPunctuation(c)) flags |= kAsciiPunctuation;
  flags |= kDecomposes;
  if (property->combining_class == 0) {
    if (isInert(c, flags, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE)) flags |= kCanonical;
    if (isInert(c, flags, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_STABLE)) flags |= kCompatible;
  }
  return withDifferences(c, flags);
}

using Page = std::array<uint16_t, kPageChars>;
std::array<std::atomic<const Page*>, kPages> pages;  // never freed: they are the same for the whole process

const Page* makePage(size_t number) {
  auto page = std::make_unique<Page>();
  for (size_t i = 0; i < kPageChars; ++i) (*page)[i] = make(static_cast<char32_t>(number * kPageChars + i));
  const Page* expected = nullptr;
  if (pages[number].compare_exchange_strong(expected, page.get(), std::memory_order_acq_rel)) return page.release();
  return expected;
}

}  // namespace

uint16_t flagsOf(char32_t c) {
  const size_t number = c / kPageChars;
  if (number >= kPages) return 0;
  const Page* page = pages[number].load(std::memory_order_acquire);
  if (!page) page = makePage(number);
  return (*page)[c % kPageChars];
}

const std::array<uint16_t, 128>& asciiFlags() {
  static const std::array<uint16_t, 128> table = [] {
    std::array<uint16_t, 128> made{};
    for (char32_t c = 0; c < 128; ++c) made[c] = flagsOf(c);
    return made;
  }();
  return table;
}

size_t lowercase(char32_t c, char32_t (&to)[2]) {
  if (c < 0x80) {
    to[0] = c >= 'A' && c <= 'Z' ? c + 32 : c;
    return 1;
  }
  if (c == 0x130) {
    to[0] = 'i';
    to[1] = 0x307;
    return 2;
  }
  for (const LowerCase& each : kLowerCases) {
    if (!isIn(each.range, c)) continue;
    to[0] = static_cast<char32_t>(static_cast<int>(c) + each.up);
    return 1;
  }
  to[0] = static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
  return 1;
}

}  // namespace switchyard::text
