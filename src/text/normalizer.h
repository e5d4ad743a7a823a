// Normalizers of a tokenizer.json: each writes a text anew, and keeps track of where its characters came from.
#pragma once
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "text/aligned_text.h"
#include "text/charsmap.h"
#include "text/normal_forms.h"
#include "text/pattern.h"

namespace switchyard::text {

// Memory of one thread's normalizing, kept from text to text.
struct NormalizeWork {
  AlignedText spare;
  std::vector<Char> run;
  FormWork forms;
};

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void apply(AlignedText& text, NormalizeWork& work) const = 0;
};
using NormalizerPtr = std::unique_ptr<const Normalizer>;

class BertNormalizer final : public Normalizer {
 public:
  struct Options {
    bool cleanText = true, chineseChars = true, stripAccents = true, lowercase = true;
  };
  explicit BertNormalizer(const Options& options);
  void apply(AlignedText& text, NormalizeWork& work) const override;

 private:
  void applyToRun(std::vector<Char>& run, NormalizeWork& work) const;
  const Options options_;
  std::array<unsigned char, 128> ascii_;  // as Rewrite::mapAscii() has it
};

class UnicodeForm final : public Normalizer {  // NFC, NFD, NFKC, NFKD
 public:
  UnicodeForm(bool composes, bool compatible) : composes_(composes), compatible_(compatible) {}
  void apply(AlignedText& text, NormalizeWork& work) const override;

 private:
  const bool composes_, compatible_;
};

class Lowercase final : public Normalizer {
 public:
  void apply(AlignedText& text, NormalizeWork& work) const override;
};

class StripAccents final : public Normalizer {
 public:
  void apply(AlignedText& text, NormalizeWork& work) const override;
};

class Strip final : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  void apply(AlignedText& text, NormalizeWork& work) const override;

 private:
  const bool left_, right_;
};

class Replace final : public Normalizer {
 public:
  Replace(PatternPtr pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void apply(AlignedText& text, NormalizeWork& work) const override;

 private:
  const PatternPtr pattern_;
  const std::string content_;
};

class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string front) : front_(std::move(front)) {}
  void apply(AlignedText& text, NormalizeWork&) const override { text.prepend(front_); }

 private:
  const std::string front_;
};

class Nmt final : public Normalizer {  // SentencePiece's: some controls go, others become spaces
 public:
  void apply(AlignedText& text, NormalizeWork& work) const override;
};

class ByteLevelNormalizer final : public Normalizer {  // bytes as GPT-2's visible characters
 public:
  void apply(AlignedText& text, NormalizeWork& work) const override;
};

class Precompiled final : public Normalizer {  // SentencePiece's table of replacements
 public:
  explicit Precompiled(Charsmap map) : map_(std::move(map)) {}
  void apply(AlignedText& text, NormalizeWork& work) const override;

 private:
  void putReplaced(Rewrite& out, std::string_view part, std::string_view replacement) const;
  void applyToGrapheme(Rewrite& out, uint32_t bytes) const;
  const Charsmap map_;
};

class NormalizerSequence final : public Normalizer {
 public:
  explicit NormalizerSequence(std::vector<NormalizerPtr> all) : all_(std::move(all)) {}
  void apply(AlignedText& text, NormalizeWork& work) const override {
    for (const auto& each : all_) each->apply(text, work);
  }

 private:
  const std::vector<NormalizerPtr> all_;
};

}  // namespace switchyard::text
