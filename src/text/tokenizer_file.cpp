// The whole of a tokenizer.json; a vocab.txt is made into one, so that there is one way to read them.
#include "text/tokenizer_file.h"

#include <algorithm>
#include <optional>
#include <sstream>

#include "error.h"
#include "text/read_parts.h"
#include "text/regular_file.h"
#include "text/tokenizer_config.h"

namespace switchyard::text {
namespace {

constexpr uint64_t kMostBytes = 1 << 30;

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

// `beside`: what else lies in the folder; null: there is none.
std::shared_ptr<const Tokenizer> readDocument(const Json& document, const Beside* beside = nullptr) {
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
  parts.model = readModel(model, pre.leavesBytes, parts.added.size(), extension ? &*extension : nullptr);
  if (file.has("post_processor")) readPostProcessor(file.child("post_processor"), parts.post);
  if (file.has("decoder")) parts.decoder = readDecoder(file.child("decoder"));
  if (beside) settle(*beside, file, parts);
  return std::make_shared<const Tokenizer>(std::move(parts));
}

Json bertVocabulary(const std::string& lines) {
  Json vocabulary = Json::object();
  std::istringstream in(lines);
  uint64_t id = 0;  // unsigned, as one from a file is
  for (std::string line; std::getline(in, line); ++id) {
    if (line.ends_with('\r')) line.pop_back();
    if (!isValid(line)) throw Error(Code::InvalidArgument, "vocab.txt is not UTF-8 in line " + std::to_string(id + 1));
    if (const auto [place, isNew] = vocabulary.emplace(line, id); !isNew)
      throw Error(Code::InvalidArgument, "vocab.txt has the token " + shown(line) + " twice: in lines " +
                                             std::to_string(place->get<uint64_t>() + 1) + " and " +
                                             std::to_string(id + 1));
  }
  return vocabulary;
}

// What transformers' BertTokenizer does with a vocab.txt, as a tokenizer.json.
Json bertDocument(const std::string& lines, const Beside& beside) {
  const Fields config(beside.config, ""), specials(beside.specials, "");
  const auto nameOf = [&](const char* key, const char* otherwise) {
    return tokenName(config, key, tokenName(specials, key, otherwise));
  };
  const std::string kind = config.string("tokenizer_class", "BertTokenizer");
  const std::string name = kind.ends_with("Fast") ? kind.substr(0, kind.size() - 4) : kind;
  if (name != "BertTokenizer" && name != "DistilBertTokenizer" && name != "ElectraTokenizer")
    throw Error(Code::Unsupported, "'tokenizer_class' is " + kind +
                                       ", but a vocab.txt is read for BertTokenizer, DistilBertTokenizer and "
                                       "ElectraTokenizer only: this one needs a tokenizer.json");
  Json vocabulary = bertVocabulary(lines);
  const std::string unknown = nameOf("unk_token", "[UNK]");
  const std::string cls = nameOf("cls_token", "[CLS]"), sep = nameOf("sep_token", "[SEP]");
  Json added = Json::array();
  for (const std::string& token : {unknown, sep, nameOf("pad_token", "[PAD]"), cls, nameOf("mask_token", "[MASK]")})
    if (vocabulary.contains(token)) added.push_back({{"id", vocabulary[token]}, {"content", token}, {"special", true}});
  for (const std::string& token : {cls, sep})
    if (!vocabulary.contains(token)) throw Error(Code::InvalidArgument, "vocab.txt lacks the token '" + token + "'");
  const Json stripAccents = config.has("strip_accents") ? Json(config.boolean("strip_accents", false)) : Json();
  const Json clsPair = {cls, vocabulary[cls]}, sepPair = {sep, vocabulary[sep]};
  return {{"added_tokens", added},
          {"normalizer",
           {{"type", "BertNormalizer"},
            {"lowercase", config.boolean("do_lower_case", true)},
            {"strip_accents", stripAccents},
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
  const auto json = readWhole(folder + "/tokenizer.json", kMostBytes);
  const auto lines = json ? std::nullopt : readWhole(folder + "/vocab.txt", kMostBytes);
  if (!json && !lines)
    throw Error(Code::NotFound, "'" + folder + "' has no tokenizer.json, and no vocab.txt to make up for it");
  const Beside beside = readBeside(folder);
  if (json) return readDocument(parseJson(*json, "tokenizer.json"), &beside);
  checkBert(beside);
  return readDocument(bertDocument(*lines, beside), &beside);
}

}  // namespace switchyard::text
