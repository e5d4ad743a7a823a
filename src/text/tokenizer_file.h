// Reads tokenizers: a tokenizer.json, or the vocab.txt of BERT's first tokenizers.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "text/tokenizer.h"

namespace switchyard::text {

// What a tokenizer.json says. Throws Unsupported, naming it, for what is not known here, and InvalidArgument for what
// is wrong in itself. Its padding is left out: nothing is padded here.
std::shared_ptr<const Tokenizer> readTokenizer(std::string_view json);
// tokenizer.json of a folder; without one its vocab.txt; with what lies beside them, see tokenizer_config.h. Throws
// NotFound where there is neither; a file that is there and can't be read is an error.
std::shared_ptr<const Tokenizer> readTokenizerFolder(const std::string& folder);

}  // namespace switchyard::text
