// Unicode's normal forms over a run of characters with their origins.
#pragma once
#include <vector>

#include "text/aligned_text.h"

namespace switchyard::text {

struct Char {
  char32_t c;
  Range origin;
};

// What they need beside the run; kept from call to call.
struct FormWork {
  struct Part {
    char32_t c;
    int change;  // as in Rewrite
    uint8_t combining;
  };
  std::vector<Part> parts, composed;
  std::vector<Char> before;
};

// A run that begins with a character that nothing before it joins.
void decompose(std::vector<Char>& run, bool compatible, FormWork& work);            // NFD, NFKD
void decomposeAndCompose(std::vector<Char>& run, bool compatible, FormWork& work);  // NFC, NFKC

}  // namespace switchyard::text
