// The Rust original looks up whole graphemes of under six bytes first and characters after that, and models rely on it:
// the shortest entry that a grapheme begins with replaces all of it.
#include <utf8proc.h>

#include "text/normalizer.h"
#include "text/unicode.h"

namespace switchyard::text {
namespace {

constexpr uint32_t kWholeBelow = 6;  // bytes

// Bytes of the grapheme that begins here.
uint32_t graphemeBytes(std::string_view text) {
  uint32_t bytes = bytesFrom(text[0]);
  if (text.size() == bytes || (isAscii(text[0]) && isAscii(text[1]) && !(text[0] == '\r' && text[1] == '\n')))
    return bytes;
  utf8proc_int32_t state = 0;
  auto last = static_cast<utf8proc_int32_t>(decode(text.data()));
  while (bytes < text.size()) {
    const auto next = static_cast<utf8proc_int32_t>(decode(text.data() + bytes));
    if (utf8proc_grapheme_break_stateful(last, next, &state)) break;
    bytes += bytesFrom(text[bytes]);
    last = next;
  }
  return bytes;
}

}  // namespace

// As many characters as there were change nothing; more are added after the last, fewer go with it.
void Precompiled::putReplaced(Rewrite& out, std::string_view part, std::string_view replacement) const {
  const auto before = static_cast<int>(countChars(part)), after = static_cast<int>(countChars(replacement));
  const uint32_t end = out.at() + static_cast<uint32_t>(part.size());
  int number = 0;
  for (size_t at = 0; at < replacement.size(); at += bytesFrom(replacement[at]), ++number) {
    int change = number >= before ? 1 : 0;
    if (after < before && number == after - 1) change = after - before;
    out.put(decode(replacement.data() + at), change);
  }
  if (out.at() < end) out.drop(end - out.at());
}

void Precompiled::applyToGrapheme(Rewrite& out, uint32_t bytes) const {
  const std::string_view grapheme(out.rest(), bytes);
  if (bytes < kWholeBelow) {
    if (const auto whole = map_.find(grapheme)) return putReplaced(out, grapheme, *whole);
  }
  for (uint32_t at = 0, length; at < bytes; at += length) {
    length = bytesFrom(grapheme[at]);
    const std::string_view part = grapheme.substr(at, length);
    if (const auto found = map_.find(part))
      putReplaced(out, part, *found);
    else
      out.keep(length);
  }
}

void Precompiled::apply(AlignedText& text, NormalizeWork& work) const {
  Rewrite out(text, work.spare);
  while (!out.atEnd()) applyToGrapheme(out, graphemeBytes({out.rest(), text.size() - out.at()}));
  out.finish();
}

}  // namespace switchyard::text
