// Written out here, over utf8proc's tables, because origins have to follow: a whole-string function would lose them.
#include "text/normal_forms.h"

#include <utf8proc.h>

#include <algorithm>

#include "text/unicode.h"

namespace switchyard::text {
namespace {

using Part = FormWork::Part;

// A mark that the original's tables don't know yet has none.
uint8_t combiningClass(char32_t c) {
  if (!has(c, kMark)) return 0;
  return static_cast<uint8_t>(utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class);
}

// Marks between two characters that join nothing go in the order of their classes.
void sortMarks(std::vector<Part>& parts) {
  for (auto at = parts.begin(); at != parts.end();) {
    const auto first = std::find_if(at, parts.end(), [](const Part& part) { return part.combining != 0; });
    const auto last = std::find_if(first, parts.end(), [](const Part& part) { return part.combining == 0; });
    std::stable_sort(first, last, [](const Part& a, const Part& b) { return a.combining < b.combining; });
    at = last;
  }
}

void takeApart(const std::vector<Char>& run, bool compatible, std::vector<Part>& parts) {
  const auto options =
      static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_STABLE | (compatible ? UTF8PROC_COMPAT : 0));
  parts.clear();
  for (const Char& each : run) {
    if (!has(each.c, kDecomposes)) {
      parts.push_back({each.c, 0, combiningClass(each.c)});
      continue;
    }
    utf8proc_int32_t pieces[32];
    int bound = UTF8PROC_BOUNDCLASS_START;
    auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(each.c), pieces, 32, options, &bound);
    if (count < 1) pieces[0] = static_cast<utf8proc_int32_t>(each.c), count = 1;
    for (utf8proc_ssize_t i = 0; i < count; ++i) {
      const auto c = static_cast<char32_t>(pieces[i]);
      parts.push_back({c, i ? 1 : 0, combiningClass(c)});
    }
  }
  sortMarks(parts);
}

// The one character that two make; 0: they don't.
char32_t join(char32_t first, char32_t second) {
  utf8proc_int32_t pair[3] = {static_cast<utf8proc_int32_t>(first), static_cast<utf8proc_int32_t>(second), 0};
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  if (utf8proc_normalize_utf32(pair, 2, options) != 1) return 0;
  const auto joined = static_cast<char32_t>(pair[0]);
  return has(joined, kDecomposes) ? joined : 0;
}

void putTogether(const std::vector<Part>& parts, std::vector<Part>& out) {
  out.clear();
  size_t starter = SIZE_MAX;  // in `out`, which later marks may join
  int last = -1;              // the class of what has come since; -1: nothing
  for (const Part& part : parts) {
    if (starter != SIZE_MAX && last < static_cast<int>(part.combining)) {
      if (const char32_t joined = join(out[starter].c, part.c)) {
        out[starter].c = joined;
        out[starter].change += part.change - 1;
        continue;
      }
    }
    if (part.combining == 0) {
      starter = out.size();
      last = -1;
    } else if (starter != SIZE_MAX) {
      last = part.combining;
    }
    out.push_back(part);
  }
}

// The new characters' origins follow from their changes.
void realign(std::vector<Char>& run, const std::vector<Part>& parts, std::vector<Char>& before) {
  std::swap(run, before);
  run.clear();
  size_t at = 0;
  for (const Part& part : parts) {
    const size_t source = part.change > 0 ? (at ? at - 1 : 0) : std::min(at, before.size() - 1);
    run.push_back({part.c, before[source].origin});
    if (part.change <= 0) at += static_cast<size_t>(1 - part.change);
  }
}

}  // namespace

void decompose(std::vector<Char>& run, bool compatible, FormWork& work) {
  if (run.empty()) return;
  takeApart(run, compatible, work.parts);
  realign(run, work.parts, work.before);
}

void decomposeAndCompose(std::vector<Char>& run, bool compatible, FormWork& work) {
  if (run.empty()) return;
  takeApart(run, compatible, work.parts);
  putTogether(work.parts, work.composed);
  realign(run, work.composed, work.before);
}

}  // namespace switchyard::text
