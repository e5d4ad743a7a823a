// One text's way through a tokenizer, on one thread.
#pragma once
#include "text/tokenizer.h"
#include "text/word_cache.h"

namespace switchyard::text {

struct EncoderWork {
  AlignedText text, part;
  NormalizeWork normalize;
  PreWork pre;
  ModelWork model;
  WordCache words;
  std::vector<AddedMatcher::Part> parts, normalizedParts;
  std::vector<Token> tokens[2];  // of a text, and of its pair
  std::vector<uint32_t> units;   // UTF-16 units before each byte

  // Whether a very large text has left buffers that are not worth keeping.
  bool isLarge() const { return text.bytes.capacity() > kLarge || tokens[0].capacity() * sizeof(Token) > kLarge; }
  static constexpr size_t kLarge = size_t{1} << 22;
};

class TextEncoder {
 public:
  TextEncoder(const Tokenizer& tokenizer, EncoderWork& work, bool spans)
      : tokenizer_(tokenizer), work_(work), spans_(spans) {}
  // Tokens with their spans, where those are wanted, in UTF-16 units of the text.
  void run(std::string_view text, std::vector<Token>& out);

 private:
  void addToken(const AddedToken& token, std::string_view text, Range found, Range origin, std::vector<Token>& out);
  void section(std::string_view text, Range part, std::vector<Token>& out);
  void words(AlignedText& text, bool cut, std::vector<Token>& out);
  void inUnits(std::string_view text, std::vector<Token>& tokens);
  void trim(std::string_view text, std::vector<Token>& tokens) const;
  const Tokenizer& tokenizer_;
  EncoderWork& work_;
  const bool spans_;
};

}  // namespace switchyard::text
