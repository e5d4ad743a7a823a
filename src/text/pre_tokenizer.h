// Pre-tokenizers of a tokenizer.json: they cut a text into the words that a model takes apart.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "text/aligned_text.h"
#include "text/pattern.h"

namespace switchyard::text {

enum class Behavior { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };

// Words are ranges of the text, in order; at first there is one, the whole of it.
struct PreWork {
  std::vector<Range> words, next;
  std::vector<std::pair<Range, bool>> matches;  // and whether it is one
  AlignedText spare;
  bool cut = false;  // whether words were cut already
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(AlignedText& text, PreWork& work) const = 0;
};
using PreTokenizerPtr = std::unique_ptr<const PreTokenizer>;

// Those that leave the text as it is.
class Splitter : public PreTokenizer {
 public:
  void apply(AlignedText& text, PreWork& work) const override;

 protected:
  virtual void split(const AlignedText& text, Range word, PreWork& work) const = 0;
};

class BertPreTokenizer final : public Splitter {  // white space goes, punctuation stands alone
  void split(const AlignedText& text, Range word, PreWork& work) const override;
};

class Whitespace final : public Splitter {  // \w+|[^\w\s]+
  void split(const AlignedText& text, Range word, PreWork& work) const override;
};

class WhitespaceSplit final : public Splitter {
  void split(const AlignedText& text, Range word, PreWork& work) const override;
};

// Punctuation, Digits, Split: by what a pattern finds, or, inverted, by what is between.
class PatternSplit final : public Splitter {
 public:
  PatternSplit(PatternPtr pattern, Behavior behavior, bool inverted)
      : pattern_(std::move(pattern)), behavior_(behavior), inverted_(inverted) {}

 private:
  void split(const AlignedText& text, Range word, PreWork& work) const override;
  const PatternPtr pattern_;
  const Behavior behavior_;
  const bool inverted_;
};

class Metaspace final : public PreTokenizer {
 public:
  enum class Prepend { Always, First, Never };
  Metaspace(std::string replacement, Prepend prepend, bool splits)
      : replacement_(std::move(replacement)), prepend_(prepend), splits_(splits) {}
  void apply(AlignedText& text, PreWork& work) const override;

 private:
  bool adds(const AlignedText& text, Range word, const PreWork& work) const;
  const std::string replacement_;
  const Prepend prepend_;
  const bool splits_;
};

// Cuts as GPT-2 does; that each byte is a character of its own from here on is left to the model (Bpe::Bytes) where it
// is the last one, and done here (`writesChars`) where not.
class ByteLevel final : public PreTokenizer {
 public:
  ByteLevel(bool addsSpace, bool cuts, bool writesChars) : addsSpace_(addsSpace), cuts_(cuts), writes_(writesChars) {}
  void apply(AlignedText& text, PreWork& work) const override;

 private:
  void addSpaces(AlignedText& text, PreWork& work) const;
  const bool addsSpace_, cuts_, writes_;
};

class PreTokenizerSequence final : public PreTokenizer {
 public:
  explicit PreTokenizerSequence(std::vector<PreTokenizerPtr> all) : all_(std::move(all)) {}
  void apply(AlignedText& text, PreWork& work) const override {
    for (const auto& each : all_) each->apply(text, work);
  }

 private:
  const std::vector<PreTokenizerPtr> all_;
};

}  // namespace switchyard::text
