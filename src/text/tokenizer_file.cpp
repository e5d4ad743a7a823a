// The whole of a tokenizer.json; a vocab.txt is made into one, so that there is one way to read them.
#include "text/tokenizer_file.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "error.h"
#include "text/read_parts.h"

namespace switchyard::text {
namespace {

void readAdded(const Fields& file, std::deque<AddedToken>& added) {
  if (!file.has("added_tokens")) return;
  for (const Fields& each : children(file, "added_tokens")) {
    each.only({"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
    const uint64_t id = each.count("id");
    if (id >= static_cast<uint64_t>(Vocabulary::kMostIds)) each.refuse("id", "an id that can be one");
    AddedToken token{.content = each.string("content"), .id = static_cast<int32_t>(id)};
    if (token.content.empty()) each.refuse("content", "a text that is not empty");
    if (std::ranges::any_of(added, [&](const AddedToken& other) { return other.content == token.content; }))
      throw Error(Code::InvalidArgument, "'added_tokens' has '" + token.content + "' twice");
    token.special = each.boolean("special", false);
    token.singleWord = each.boolean("single_word", false);
    token.stripsLeft = each.boolean("lstrip", false);
    token.stripsRight = each.boolean("rstrip", false);
    token.normalized = each.boolean("normalized", !token.special);
    added.push_back(std::move(token));
  }
}

Truncation readTruncation(const Fields& fields) {
  fields.only({"direction", "max_length", "strategy", "stride"});
  Truncation truncation;
  truncation.maxLength = fields.count("max_length");
  const std::string direction = fields.string("direction", "Right"),
                    strategy = fields.string("strategy", "LongestFirst");
  if (direction != "Right" && direction != "Left") fields.refuse("direction", "Right or Left");
  truncation.fromLeft = direction == "Left";
  using Strategy = Truncation::Strategy;
  if (strategy == "OnlyFirst")
    truncation.strategy = Strategy::OnlyFirst;
  else if (strategy == "OnlySecond")
    truncation.strategy = Strategy::OnlySecond;
  else if (strategy != "LongestFirst")
    fields.refuse("strategy", "LongestFirst, OnlyFirst or OnlySecond");
  return truncation;
}

std::shared_ptr<const Tokenizer> readDocument(const Json& document) {
  const Fields file(document, "");
  file.only({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
             "decoder", "model", "switchyard"});
  std::optional<Fields> extension;
  TokenizerParts parts;
  if (file.has("switchyard")) {
    extension.emplace(file.child("switchyard"));
    extension->only({"sentenceEncoder", "firstPiece"});
  }
  if (file.has("truncation")) parts.truncation = readTruncation(file.child("truncation"));
  readAdded(file, parts.added);
  if (file.has("normalizer")) parts.normalizer = readNormalizer(file.child("normalizer"));
  if (!file.has("model")) file.refuse("model", "an object: how words are taken apart");
  const Fields model = file.child("model");
  PreTokenizerRead pre;
  if (file.has("pre_tokenizer")) pre = readPreTokenizer(file.child("pre_tokenizer"), true, modelTakesBytes(model));
  parts.preTokenizer = std::move(pre.preTokenizer);
  parts.model = readModel(model, pre.leavesBytes, extension ? &*extension : nullptr);
  if (file.has("post_processor")) readPostProcessor(file.child("post_processor"), parts.post);
  if (file.has("decoder")) parts.decoder = readDecoder(file.child("decoder"));
  return std::make_shared<const Tokenizer>(std::move(parts));
}

std::optional<std::string> readFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream bytes;
  bytes << file.rdbuf();
  if (file.bad()) throw Error(Code::InvalidArgument, "'" + path.string() + "' can't be read");
  return std::move(bytes).str();
}

// A token of tokenizer_config.json: a string, or an object with its content.
std::string tokenName(const Fields& config, const char* key, const std::string& otherwise) {
  return config.at(key).is_object() ? config.child(key).string("content") : config.string(key, otherwise);
}

Json bertVocabulary(const std::string& lines) {
  Json vocabulary = Json::object();
  std::istringstream in(lines);
  uint64_t id = 0;  // unsigned, as one from a file is
  for (std::string line; std::getline(in, line); ++id) {
    if (line.ends_with('\r')) line.pop_back();
    if (!isValid(line)) throw Error(Code::InvalidArgument, "vocab.txt is not UTF-8 in line " + std::to_string(id + 1));
    if (const auto [place, isNew] = vocabulary.emplace(line, id); !isNew)
      throw Error(Code::InvalidArgument, "vocab.txt has the token '" + line + "' twice: in lines " +
                                             std::to_string(place->get<uint64_t>() + 1) + " and " +
                                             std::to_string(id + 1));
  }
  return vocabulary;
}

// What transformers' BertTokenizer does with a vocab.txt, as a tokenizer.json.
Json bertDocument(const std::string& lines, const Fields& config) {
  const std::string kind = config.string("tokenizer_class", "BertTokenizer");
  const std::string name = kind.ends_with("Fast") ? kind.substr(0, kind.size() - 4) : kind;
  if (name != "BertTokenizer" && name != "DistilBertTokenizer" && name != "ElectraTokenizer")
    throw Error(Code::Unsupported, "'tokenizer_class' is " + kind +
                                       ", but a vocab.txt is read for BertTokenizer, DistilBertTokenizer and "
                                       "ElectraTokenizer only: this one needs a tokenizer.json");
  Json vocabulary = bertVocabulary(lines);
  const std::string unknown = tokenName(config, "unk_token", "[UNK]");
  const std::string cls = tokenName(config, "cls_token", "[CLS]"), sep = tokenName(config, "sep_token", "[SEP]");
  Json added = Json::array();
  for (const std::string& token :
       {unknown, sep, tokenName(config, "pad_token", "[PAD]"), cls, tokenName(config, "mask_token", "[MASK]")})
    if (vocabulary.contains(token)) added.push_back({{"id", vocabulary[token]}, {"content", token}, {"special", true}});
  for (const std::string& token : {cls, sep})
    if (!vocabulary.contains(token)) throw Error(Code::InvalidArgument, "vocab.txt lacks the token '" + token + "'");
  const Json clsPair = {cls, vocabulary[cls]}, sepPair = {sep, vocabulary[sep]};
  return {{"added_tokens", added},
          {"normalizer",
           {{"type", "BertNormalizer"},
            {"lowercase", config.boolean("do_lower_case", true)},
            {"strip_accents", config.at("strip_accents")},
            {"handle_chinese_chars", config.boolean("tokenize_chinese_chars", true)}}},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"post_processor", {{"type", "BertProcessing"}, {"cls", clsPair}, {"sep", sepPair}}},
          {"decoder", {{"type", "WordPiece"}}},
          {"model", {{"type", "WordPiece"}, {"unk_token", unknown}, {"vocab", std::move(vocabulary)}}}};
}

}  // namespace

std::shared_ptr<const Tokenizer> readTokenizer(std::string_view json) {
  return readDocument(parseJson(json, "tokenizer.json"));
}

std::shared_ptr<const Tokenizer> readTokenizerFolder(const std::string& folder) {
  const std::filesystem::path path(folder);
  if (const auto json = readFile(path / "tokenizer.json")) return readTokenizer(*json);
  const auto lines = readFile(path / "vocab.txt");
  if (!lines) throw Error(Code::NotFound, "'" + folder + "' has no tokenizer.json, and no vocab.txt to make up for it");
  const auto config = readFile(path / "tokenizer_config.json");
  const Json document = config ? parseJson(*config, "tokenizer_config.json") : Json::object();
  return readDocument(bertDocument(*lines, Fields(document, "")));
}

}  // namespace switchyard::text
