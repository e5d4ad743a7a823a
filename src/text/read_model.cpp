// The models of a tokenizer.json by their types.
#include <unordered_map>

#include "error.h"
#include "text/read_parts.h"

namespace switchyard::text {
namespace {

// Files of 2020 don't say the type: what they have does.
std::string typeOf(const Fields& model) {
  if (model.has("type")) return model.string("type");
  if (model.has("merges")) return "BPE";
  if (model.has("max_input_chars_per_word")) return "WordPiece";
  return model.at("vocab").is_array() ? "Unigram" : "";
}

Vocabulary readVocabulary(const Fields& model, size_t added) {
  const Json& entries = model.at("vocab");
  if (!entries.is_object()) model.refuse("vocab", "an object of tokens with their ids");
  Vocabulary vocabulary(entries.size() + added);
  for (const auto& [token, id] : entries.items()) {
    if (!id.is_number_integer())
      throw Error(Code::InvalidArgument,
                  "the vocabulary gives " + shown(token) + " an id that is no whole number: " + shownValue(id));
    vocabulary.add(token, id.is_number_unsigned() && id.get<uint64_t>() > INT64_MAX ? -1 : id.get<int64_t>());
  }
  return vocabulary;
}

std::unique_ptr<const Model> readWordPiece(const Fields& model, size_t added) {
  model.only({"unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"});
  WordPiece::Options options;
  options.unknown = model.string("unk_token", options.unknown);
  options.prefix = model.string("continuing_subword_prefix", options.prefix);
  options.mostChars = model.count("max_input_chars_per_word", options.mostChars);
  return std::make_unique<WordPiece>(readVocabulary(model, added), options);
}

// "a b", or, where tokens have spaces, ["a", "b"].
Bpe::Merges readMerges(const Fields& model) {
  Bpe::Merges merges;
  for (const Json& merge : model.array("merges")) {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
      continue;
    }
    const std::string line = merge.is_string() ? merge.get<std::string>() : "";
    if (line.starts_with("#version")) continue;
    const size_t space = line.find(' ');
    if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos)
      throw Error(Code::InvalidArgument, "'" + model.place("merges") + "' has " + shownValue(merge) +
                                             ", but a merge is two tokens with a space between, or an array of two");
    merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  return merges;
}

std::unique_ptr<const Model> readBpe(const Fields& model, bool asBytes, size_t added) {
  model.only({"dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback",
              "ignore_merges", "vocab", "merges"});
  if (model.has("dropout") && model.at("dropout") != 0)
    throw Error(Code::Unsupported, "'" + model.place("dropout") + "' is " + shownValue(model.at("dropout")) +
                                       ", but must be null: tokens left out at random are for training");
  Bpe::Options options;
  options.unknown = model.string("unk_token", "");
  options.prefix = model.string("continuing_subword_prefix", "");
  options.suffix = model.string("end_of_word_suffix", "");
  options.fusesUnknown = model.boolean("fuse_unk", false);
  options.byteFallback = model.boolean("byte_fallback", false);
  options.ignoresMerges = model.boolean("ignore_merges", false);
  options.bytes = asBytes;
  return std::make_unique<Bpe>(readVocabulary(model, added), readMerges(model), options);
}

std::unique_ptr<const Model> readUnigram(const Fields& model, const Fields* extension) {
  model.only({"unk_id", "vocab", "byte_fallback"});
  Unigram::Options options;
  if (model.has("unk_id")) options.unknown = static_cast<int64_t>(model.count("unk_id"));
  options.byteFallback = model.boolean("byte_fallback", false);
  if (extension) {
    options.sentenceEncoder = extension->boolean("sentenceEncoder", false);
    options.firstPiece = static_cast<int64_t>(extension->count("firstPiece", 0));
  }
  const Json& entries = model.array("vocab");
  Vocabulary vocabulary(entries.size());
  std::vector<double> scores;
  std::unordered_map<std::string_view, size_t> last;  // of a sentence encoder: where each piece comes last
  for (const Json& entry : entries) {
    const bool isPair = entry.is_array() && entry.size() == 2 && entry[0].is_string();
    const bool hasScore = isPair && (entry[1].is_number() || (options.sentenceEncoder && entry[1].is_null()));
    if (!hasScore)
      throw Error(Code::InvalidArgument, "'" + model.place("vocab") + "' has " + shownValue(entry) + " as entry " +
                                             std::to_string(scores.size()) + ", but one is a token and its score");
    if (options.sentenceEncoder) last[entry[0].get_ref<const std::string&>()] = scores.size();
    scores.push_back(entry[1].is_null() ? 0 : entry[1].get<double>());
  }
  for (size_t id = 0; id < entries.size(); ++id) {
    const std::string& piece = entries[id][0].get_ref<const std::string&>();
    if (options.sentenceEncoder && last[piece] != id)
      vocabulary.addHidden(piece, static_cast<int64_t>(id));
    else
      vocabulary.add(piece, static_cast<int64_t>(id));
  }
  return std::make_unique<Unigram>(std::move(vocabulary), std::move(scores), options);
}

}  // namespace

bool modelTakesBytes(const Fields& model) {
  return typeOf(model) == "BPE" && !model.boolean("byte_fallback", false) &&
         model.string("continuing_subword_prefix", "").empty() && model.string("end_of_word_suffix", "").empty();
}

std::unique_ptr<const Model> readModel(const Fields& model, bool asBytes, size_t added, const Fields* extension) {
  const std::string type = typeOf(model);
  if (extension && type != "Unigram")
    throw Error(Code::InvalidArgument, "'switchyard' is for a Unigram model, but this one is " + type);
  if (type == "WordPiece") return readWordPiece(model, added);
  if (type == "BPE") return readBpe(model, asBytes, added);
  if (type == "Unigram") return readUnigram(model, extension);
  refuseType(model, "model", "WordPiece, Unigram, BPE");
}

}  // namespace switchyard::text
