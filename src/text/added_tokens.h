// Tokens that are found in a text before anything else is done with it.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "text/aligned_text.h"
#include "text/trie.h"

namespace switchyard::text {

struct AddedToken {
  std::string content;
  int32_t id = 0;
  bool special = false, singleWord = false, stripsLeft = false, stripsRight = false;
  bool normalized = false;  // found in the normalized text, by its own normalized content
};

// The leftmost, and of those the longest; then on from its end.
class AddedMatcher {
 public:
  struct Part {
    Range range;
    const AddedToken* token;  // null: text between
  };
  void add(std::string_view content, const AddedToken* token);
  bool isEmpty() const { return tokens_.empty(); }
  // The parts of a text, in order. Nothing is put into `parts` for a text without any: the whole is one part.
  void split(std::string_view text, std::vector<Part>& parts) const;

 private:
  bool next(std::string_view text, uint32_t from, Range& match, const AddedToken*& token) const;
  Trie trie_;
  std::vector<const AddedToken*> tokens_;
  std::array<bool, 256> begins_{};
  int onlyFirst_ = -1;  // the one byte that all begin with; -1: none does yet, -2: there are more
};

}  // namespace switchyard::text
