// SentencePiece's `precompiled_charsmap`: a double-array trie of what is replaced, and the replacements.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace switchyard::text {

class Charsmap {
 public:
  // From base64. Throws InvalidArgument for what is none.
  explicit Charsmap(std::string_view base64);
  // What stands for a part that begins with the shortest entry; nothing where it begins with none.
  std::optional<std::string_view> find(std::string_view part) const;

 private:
  std::vector<uint32_t> units_;
  std::string replacements_;  // each ends with a zero
};

// Throws InvalidArgument naming `what`.
std::string decodeBase64(std::string_view text, std::string_view what);

}  // namespace switchyard::text
