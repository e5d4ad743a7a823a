// Texts as token ids, and back: what a tokenizer.json says, as the Rust library `tokenizers` reads it.
//
// One key of our own is read beside the file's: "switchyard": { "sentenceEncoder": true, "firstPiece": 6 } at the
// top of a file whose model is a Unigram. Texts are then taken apart as TensorFlow.js' Universal Sentence Encoder does,
// with its vocabulary as it is: pieces before `firstPiece` are never found in a text; one that comes twice counts where
// it came last, and a score of null as 0; of equal sums the shorter last piece wins, and any sum over one that is
// exactly 0; a character that no piece begins with is unknown, with score 0; and a place that no piece ends at counts
// as reached by an unknown character, with a sum of 0. (There, an unknown character beyond U+FFFF takes the one after
// it along, and fails at the end of a text. Here it is one like others.)
#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/added_tokens.h"
#include "text/decoder.h"
#include "text/model.h"
#include "text/normalizer.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"

namespace switchyard::text {

struct Truncation {
  enum class Strategy { LongestFirst, OnlyFirst, OnlySecond } strategy = Strategy::LongestFirst;
  bool fromLeft = false;
  std::optional<uint64_t> maxLength;  // special tokens included; nothing: there is no end
};

// What a tokenizer is made of: read by tokenizer_file.h.
struct TokenizerParts {
  NormalizerPtr normalizer;      // null: none
  PreTokenizerPtr preTokenizer;  // null: none
  std::unique_ptr<const Model> model;
  std::deque<AddedToken> added;
  PostProcessor post;
  DecoderPtr decoder;  // null: tokens with spaces between
  Truncation truncation;
};

struct EncodeOptions {
  std::optional<uint64_t> maxLength;  // nothing: the file's own
  bool truncates = true;              // false: a text that is too long is an error
  bool addsSpecial = true;
  bool spans = false;
};

// The tokens of texts, one text after the other.
struct Encoded {
  std::vector<int32_t> ids, typeIds;
  std::vector<int32_t> spans;    // begin and end of each token, in UTF-16 units of its text; 0, 0 for special ones
  std::vector<int32_t> lengths;  // tokens of each text
  std::vector<uint8_t> truncated;
};

struct EncoderWork;

class Tokenizer {
 public:
  explicit Tokenizer(TokenizerParts parts);
  ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  // One thread's work with this tokenizer. Any number of threads have one each.
  class Encoder {
   public:
    explicit Encoder(const Tokenizer& tokenizer);
    ~Encoder();
    // A text, which is valid UTF-8, or a pair of them. `number` is what an error calls it.
    void encode(std::string_view text, std::optional<std::string_view> pair, const EncodeOptions& options,
                uint64_t number, Encoded& out);

   private:
    const Tokenizer& tokenizer_;
    std::unique_ptr<EncoderWork> work_;
  };

  std::string decode(const std::vector<int64_t>& ids, bool skipsSpecial) const;
  // Throws InvalidArgument for an id that no token has.
  const std::string& tokenOf(int64_t id) const;
  int64_t vocabularySize() const { return size_; }
  const Truncation& truncation() const { return parts_.truncation; }
  uint32_t addedTokens(bool isPair) const { return parts_.post.added(isPair); }
  std::optional<int32_t> idOf(std::string_view token) const;
  // Throws InvalidArgument where options can't be right for it.
  void check(const EncodeOptions& options, bool isPair) const;

 private:
  friend class TextEncoder;
  const AddedToken* addedOf(int64_t id) const;
  void checkIds() const;

  const TokenizerParts parts_;
  AddedMatcher beforeNormalizing_, afterNormalizing_;
  std::unordered_map<int64_t, const AddedToken*> addedById_;
  int64_t size_ = 0;
  struct Spaces {
    uint16_t leading, trailing;
  };
  std::vector<Spaces> spaces_;  // of each token, where spans are trimmed
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<EncoderWork>> idle_;  // works of threads that have ended theirs
};

}  // namespace switchyard::text
