// Readers of the parts of a tokenizer.json, for tokenizer_file.cpp.
#pragma once
#include "text/json_fields.h"
#include "text/tokenizer.h"

namespace switchyard::text {

NormalizerPtr readNormalizer(const Fields& fields);

struct PreTokenizerRead {
  PreTokenizerPtr preTokenizer;
  bool leavesBytes = false;  // to the model: see ByteLevel
};
// `isLast`: nothing else comes before the model; `takesBytes`: that knows what to do with them.
PreTokenizerRead readPreTokenizer(const Fields& fields, bool isLast, bool takesBytes);

bool modelTakesBytes(const Fields& model);
// `added`: tokens that the file has besides.
std::unique_ptr<const Model> readModel(const Fields& model, bool asBytes, size_t added, const Fields* extension);

void readPostProcessor(const Fields& fields, PostProcessor& post);
DecoderPtr readDecoder(const Fields& fields);
PatternPtr readPattern(const Fields& fields);

}  // namespace switchyard::text
