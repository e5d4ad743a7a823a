// Decoders of a tokenizer.json: they make a text of tokens again.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "text/pattern.h"

namespace switchyard::text {

class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual void apply(std::vector<std::string>& tokens) const = 0;
};
using DecoderPtr = std::unique_ptr<const Decoder>;

DecoderPtr wordPieceDecoder(std::string prefix, bool cleansUp);
DecoderPtr byteLevelDecoder();
DecoderPtr metaspaceDecoder(std::string replacement, bool wasPrepended);
DecoderPtr bpeDecoder(std::string suffix);
DecoderPtr replaceDecoder(PatternPtr pattern, std::string content);
DecoderPtr stripDecoder(std::string content, uint64_t left, uint64_t right);
DecoderPtr byteFallbackDecoder();
DecoderPtr fuseDecoder();
DecoderPtr decoderSequence(std::vector<DecoderPtr> all);

}  // namespace switchyard::text
