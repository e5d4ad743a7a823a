// What a tokenizer adds to a text's tokens, or to those of two texts: which special tokens stand where.
#pragma once
#include <cstdint>
#include <vector>

namespace switchyard::text {

struct TemplatePiece {
  enum class Kind { Special, First, Second } kind;
  int32_t id = 0;  // of a special one
  int32_t typeId = 0;
};
using Template = std::vector<TemplatePiece>;

struct PostProcessor {
  Template single = {{TemplatePiece::Kind::First, 0, 0}};
  Template pair = {{TemplatePiece::Kind::First, 0, 0}, {TemplatePiece::Kind::Second, 0, 1}};
  bool trimsOffsets = false;    // spaces are no part of a token's span
  bool addsPrefixSpace = true;  // but for the one that was put in front of the text

  uint32_t added(bool isPair) const {
    uint32_t count = 0;
    for (const TemplatePiece& piece : isPair ? pair : single) count += piece.kind == TemplatePiece::Kind::Special;
    return count;
  }
};

}  // namespace switchyard::text
