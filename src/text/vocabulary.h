// Tokens and their ids, which go from 0 on without a hole once all are added.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/trie.h"

namespace switchyard::text {

class Vocabulary {
 public:
  static constexpr int64_t kMostIds = 1 << 24;
  // `most`: as many tokens as there can be, so that an id from there on would leave a hole.
  explicit Vocabulary(uint64_t most);
  // Throws InvalidArgument for a token or an id that is there already, and for an id that can't be one.
  void add(std::string_view token, int64_t id);
  // One that has an id and is not found by it, as another token of the same name is.
  void addHidden(std::string_view token, int64_t id);
  int32_t find(std::string_view token) const { return trie_.find(token); }
  // Null where no token has the id.
  const std::string* token(int64_t id) const {
    return id >= 0 && id < size() && has_[static_cast<size_t>(id)] ? &tokens_[static_cast<size_t>(id)] : nullptr;
  }
  int64_t size() const { return static_cast<int64_t>(tokens_.size()); }  // one more than the largest id
  const Trie& trie() const { return trie_; }

 private:
  void place(std::string_view token, int64_t id);
  int64_t most_;
  Trie trie_;
  std::vector<std::string> tokens_;
  std::vector<bool> has_;
};

}  // namespace switchyard::text
