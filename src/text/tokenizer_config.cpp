// Read in transformers 4: BertTokenizerFast rewrites its normalizer, RobertaTokenizerFast its pre-tokenizer, and
// PreTrainedTokenizerFast adds the tokens that are named, in __init__(); calls truncate by `truncation_side`, and the
// longest first.
#include "text/tokenizer_config.h"

#include <algorithm>

#include "error.h"
#include "text/regular_file.h"

namespace switchyard::text {
namespace {

constexpr uint64_t kMostBytes = 64 << 20;
constexpr const char* kConfig = "tokenizer_config.json";
constexpr const char* kNames[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                  "pad_token", "cls_token", "mask_token"};
constexpr const char* kLists[] = {"additional_special_tokens", "extra_special_tokens"};

Json readObject(const std::string& folder, const std::string& name) {
  const auto text = readWhole(folder + "/" + name, kMostBytes);
  Json object = text ? parseJson(*text, name) : Json::object();
  if (!object.is_object())
    throw Error(Code::InvalidArgument, name + " is " + object.type_name() + ", but must be an object");
  return object;
}

bool isDigit(char c) { return c >= '0' && c <= '9'; }

[[noreturn]] void refuse(const std::string& file, const std::string& key, const std::string& why) {
  throw Error(Code::Unsupported, "'" + key + "' of " + file + " " + why);
}

void checkFlag(const Fields& config, const char* key, bool own, const char* where) {
  if (config.has(key) && config.boolean(key, own) != own)
    refuse(kConfig, key,
           std::string("is ") + (own ? "false" : "true") + ", but " + where + " of tokenizer.json says " +
               (own ? "true" : "false") + ": which of the two the model was trained with is not known, let them agree");
}

void checkNormalizer(const Fields& config, const Fields& normalizer) {
  if (normalizer.string("type", "") != "BertNormalizer") return;
  const bool lowercase = normalizer.boolean("lowercase", true);
  checkFlag(config, "do_lower_case", lowercase, "'normalizer.lowercase'");
  checkFlag(config, "strip_accents", normalizer.boolean("strip_accents", lowercase), "'normalizer.strip_accents'");
  checkFlag(config, "tokenize_chinese_chars", normalizer.boolean("handle_chinese_chars", true),
            "'normalizer.handle_chinese_chars'");
}

void checkPreTokenizer(const Fields& config, const Fields& preTokenizer) {
  if (preTokenizer.string("type", "") != "ByteLevel") return;
  checkFlag(config, "add_prefix_space", preTokenizer.boolean("add_prefix_space", true),
            "'pre_tokenizer.add_prefix_space'");
}

std::string contentOf(const std::string& file, const std::string& key, const Json& value) {
  const Json& content = value.is_object() && value.contains("content") ? value["content"] : value;
  if (content.is_string()) return content.get<std::string>();
  throw Error(Code::InvalidArgument, "'" + key + "' of " + file + " is " + shownValue(value) + ", but must be a token");
}

AddedToken* find(TokenizerParts& parts, const std::string& content) {
  const auto found = std::ranges::find(parts.added, content, &AddedToken::content);
  return found == parts.added.end() ? nullptr : &*found;
}

void setFlags(AddedToken& token, const Fields& entry, bool special) {
  token.special = entry.boolean("special", special);
  token.singleWord = entry.boolean("single_word", false);
  token.stripsLeft = entry.boolean("lstrip", false);
  token.stripsRight = entry.boolean("rstrip", false);
  token.normalized = entry.boolean("normalized", !token.special);
}

// Each with its id and how it is found, which replaces the tokenizer's own.
void takeDecoder(const Fields& config, TokenizerParts& parts) {
  const char* const key = "added_tokens_decoder";
  if (!config.has(key)) return;
  const Fields tokens = config.child(key);
  for (const auto& [name, entry] : config.at(key).items()) {
    const Fields token = tokens.child(name.c_str());
    const std::string content = contentOf(kConfig, token.where(), entry);
    const bool isId = !name.empty() && name.size() < 9 && std::ranges::all_of(name, isDigit);
    const int64_t id = isId ? std::stol(name) : -1;
    AddedToken* own = find(parts, content);
    const Vocabulary& vocabulary = parts.model->vocabulary();
    const int32_t known = own ? own->id : vocabulary.find(content);
    const std::string* there = vocabulary.token(id);
    if (content.empty() || id < 0 || id >= Vocabulary::kMostIds || (known >= 0 && known != id) ||
        (there && *there != content))
      refuse(kConfig, token.where(), "has " + shown(content) + ", which is not the tokenizer's token of that id");
    if (!own) own = &parts.added.emplace_back(AddedToken{.content = content, .id = static_cast<int32_t>(id)});
    setFlags(*own, token, false);
  }
}

void takeName(const std::string& file, const char* key, const Json& value, TokenizerParts& parts) {
  const std::string content = contentOf(file, key, value);
  if (find(parts, content)) return;
  const int32_t id = parts.model->vocabulary().find(content);
  if (id < 0) refuse(file, key, "names " + shown(content) + ", which the tokenizer does not have");
  AddedToken& token = parts.added.emplace_back(AddedToken{.content = content, .id = id});
  setFlags(token, Fields(value.is_object() ? value : Json::object(), key), true);
}

// Tokens of the vocabulary that are found first once they are named.
void takeNames(const Json& object, const std::string& file, TokenizerParts& parts) {
  const Fields fields(object, "");
  for (const char* key : kNames)
    if (fields.has(key)) takeName(file, key, fields.at(key), parts);
  for (const char* key : kLists) {
    if (!fields.has(key)) continue;
    const Json& list = fields.at(key);
    if (!list.is_structured()) fields.refuse(key, "a list of tokens");
    for (const Json& each : list) takeName(file, key, each, parts);
  }
}

}  // namespace

Beside readBeside(const std::string& folder) {
  return {readObject(folder, kConfig), readObject(folder, "special_tokens_map.json"),
          readObject(folder, "added_tokens.json")};
}

std::string tokenName(const Fields& config, const char* key, const std::string& otherwise) {
  return config.at(key).is_object() ? config.child(key).string("content") : config.string(key, otherwise);
}

void settle(const Beside& beside, const Fields& file, TokenizerParts& parts) {
  const Fields config(beside.config, "");
  const std::string kind = config.string("tokenizer_class", "");
  // These take a tokenizer.json as it is.
  if (kind != "PreTrainedTokenizerFast" && kind != "TokenizersBackend") {
    if (file.has("normalizer")) checkNormalizer(config, file.child("normalizer"));
    if (file.has("pre_tokenizer")) checkPreTokenizer(config, file.child("pre_tokenizer"));
  }
  takeDecoder(config, parts);
  takeNames(beside.config, kConfig, parts);
  takeNames(beside.specials, "special_tokens_map.json", parts);
  for (const auto& [content, id] : beside.added.items()) {
    const AddedToken* own = find(parts, content);
    if (!own || id != own->id)
      refuse("added_tokens.json", content,
             "has the id " + shownValue(id) + ", but the tokenizer does not have it as an added token with that id");
  }
  const std::string side = config.string("truncation_side", parts.truncation.fromLeft ? "left" : "right");
  if (side != "left" && side != "right") config.refuse("truncation_side", "left or right");
  parts.truncation.fromLeft = side == "left";
  parts.truncation.strategy = Truncation::Strategy::LongestFirst;
}

void checkBert(const Beside& beside) {
  const Fields config(beside.config, ""), specials(beside.specials, "");
  if (!config.boolean("do_basic_tokenize", true))
    refuse(kConfig, "do_basic_tokenize", "is false, but words of a vocab.txt are read here for true only");
  if (config.has("never_split") && !config.at("never_split").empty())
    refuse(kConfig, "never_split", "has words that are not split, but none are known here");
  for (const char* key : kNames) {
    if (!specials.has(key)) continue;
    const std::string name = tokenName(specials, key, ""), own = tokenName(config, key, name);
    if (own != name)
      refuse("special_tokens_map.json", key, "is " + shown(name) + ", but tokenizer_config.json has " + shown(own));
  }
}

}  // namespace switchyard::text
