// Models of a tokenizer.json: they take a word apart into tokens of a vocabulary.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/aligned_text.h"
#include "text/vocabulary.h"

namespace switchyard::text {

struct Token {
  int32_t id;
  uint32_t begin, end;  // bytes of the text that the word is a part of
};

// Memory of one thread's work, kept from word to word.
struct ModelWork {
  struct Symbol {
    int32_t id;
    uint32_t begin, end;
    int32_t previous, next;  // -1: none
  };
  struct Pair {
    uint32_t rank;
    int32_t left;
    int32_t id;
  };
  struct Best {
    double score;
    int32_t id;
    uint32_t length;  // of the token that ends here; 0: none does yet
  };
  std::vector<Symbol> symbols;
  std::vector<Pair> pairs;
  std::vector<Best> best;
  std::vector<Token> path;
  std::string piece;
};

class Model {
 public:
  explicit Model(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}
  virtual ~Model() = default;
  // A word of the text from `begin` to `end`, which is not empty.
  virtual void encode(const char* text, uint32_t begin, uint32_t end, ModelWork& work,
                      std::vector<Token>& out) const = 0;
  const Vocabulary& vocabulary() const { return vocabulary_; }

 protected:
  const Vocabulary vocabulary_;
};

class WordPiece final : public Model {
 public:
  struct Options {
    std::string unknown = "[UNK]", prefix = "##";
    uint64_t mostChars = 100;  // longer words are unknown
  };
  WordPiece(Vocabulary vocabulary, const Options& options);
  void encode(const char* text, uint32_t begin, uint32_t end, ModelWork& work, std::vector<Token>& out) const override;

 private:
  int32_t unknown_;
  uint64_t mostChars_;
  Trie continuing_;  // tokens that begin with the prefix, without it
};

// Each byte of a text that no token is for, as the token "<0x..>".
class ByteTokens {
 public:
  explicit ByteTokens(const Vocabulary& vocabulary);
  // False where one of the bytes has no token: then nothing is added.
  bool add(const char* text, Range part, bool wholeOrigin, std::vector<Token>& out) const;

 private:
  int32_t ids_[256];
};

class Bpe final : public Model {
 public:
  struct Options {
    std::string unknown, prefix, suffix;  // empty: none
    bool fusesUnknown = false, byteFallback = false, ignoresMerges = false;
    // Words come as bytes, and the vocabulary writes those as GPT-2's characters (byte_chars.h).
    bool bytes = false;
  };
  using Merges = std::vector<std::pair<std::string, std::string>>;
  Bpe(Vocabulary vocabulary, const Merges& merges, const Options& options);
  void encode(const char* text, uint32_t begin, uint32_t end, ModelWork& work, std::vector<Token>& out) const override;

 private:
  struct Merge {
    uint64_t pair = ~uint64_t{0};
    uint32_t rank = 0;
    int32_t id = -1;
  };
  void addMerge(const std::string& left, const std::string& right, uint32_t rank);
  const Merge* find(int32_t left, int32_t right) const;
  void begin(const char* text, uint32_t begin, uint32_t end, ModelWork& work) const;
  void beginWithChars(const char* text, uint32_t begin, uint32_t end, ModelWork& work) const;
  // `afterUnknown`: whether the symbol before is an unknown one, too; this one then is.
  void addUnknown(uint32_t begin, uint32_t end, bool& afterUnknown, ModelWork& work) const;
  void mergeFew(std::vector<ModelWork::Symbol>& symbols) const;
  void mergeMany(ModelWork& work) const;
  const Options options_;
  int32_t unknown_ = -1;
  int32_t ofByte_[256];
  std::optional<ByteTokens> fallback_;
  Trie byBytes_;  // tokens by what they stand for
  std::vector<Merge> merges_;
  size_t mask_ = 0;
};

class Unigram final : public Model {
 public:
  struct Options {
    std::optional<int64_t> unknown;
    bool byteFallback = false;
    // The rule of TensorFlow.js's Universal Sentence Encoder, see tokenizer.h.
    bool sentenceEncoder = false;
    int64_t firstPiece = 0;  // those before are never found in a text
  };
  Unigram(Vocabulary vocabulary, std::vector<double> scores, const Options& options);
  void encode(const char* text, uint32_t begin, uint32_t end, ModelWork& work, std::vector<Token>& out) const override;

 private:
  struct Run;
  void relax(const char* text, uint32_t at, uint32_t end, Run& run, ModelWork& work) const;
  void emit(const char* text, Run& run, uint32_t to, ModelWork& work, std::vector<Token>& out) const;
  void endUnknown(const char* text, Run& run, std::vector<Token>& out) const;
  const std::vector<double> scores_;
  const Options options_;
  double unknownScore_ = 0;
  Trie pieces_;
  std::optional<ByteTokens> fallback_;
};

}  // namespace switchyard::text
