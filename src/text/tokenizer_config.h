// What lies beside a tokenizer.json or a vocab.txt: transformers lets it win where the two disagree, so that the same
// folder would give other ids there. Where they do, the folder is refused, or the tokenizer changed.
#pragma once
#include <string>

#include "text/json_fields.h"
#include "text/tokenizer.h"

namespace switchyard::text {

struct Beside {
  // tokenizer_config.json, special_tokens_map.json, added_tokens.json: empty objects where they aren't there.
  Json config = Json::object(), specials = Json::object(), added = Json::object();
};

// Throws as readWhole() and parseJson().
Beside readBeside(const std::string& folder);
// A token's name, as a string or as an object with its content.
std::string tokenName(const Fields& config, const char* key, const std::string& otherwise);
// `file`: the tokenizer.json that the parts were read from. Adds the tokens that are named, and takes the side that
// texts are cut from. Throws Unsupported, naming the key, for what would be another tokenizer in transformers.
void settle(const Beside& beside, const Fields& file, TokenizerParts& parts);
// Throws Unsupported for what BertTokenizer would do otherwise than bertDocument() has it.
void checkBert(const Beside& beside);

}  // namespace switchyard::text
