// The normalizers of a tokenizer.json by their types.
#include "error.h"
#include "text/read_parts.h"

namespace switchyard::text {
namespace {

NormalizerPtr readBert(const Fields& fields) {
  fields.only({"clean_text", "handle_chinese_chars", "strip_accents", "lowercase"});
  BertNormalizer::Options options;
  options.cleanText = fields.boolean("clean_text", true);
  options.chineseChars = fields.boolean("handle_chinese_chars", true);
  options.lowercase = fields.boolean("lowercase", true);
  options.stripAccents = fields.boolean("strip_accents", options.lowercase);
  return std::make_unique<BertNormalizer>(options);
}

NormalizerPtr readSequence(const Fields& fields) {
  fields.only({"normalizers"});
  std::vector<NormalizerPtr> all;
  for (const Fields& each : children(fields, "normalizers")) all.push_back(readNormalizer(each));
  return std::make_unique<NormalizerSequence>(std::move(all));
}

}  // namespace

PatternPtr readPattern(const Fields& fields) {
  const Fields pattern = fields.child("pattern");
  pattern.only({"String", "Regex"});
  if (pattern.has("Regex")) return knownExpression(pattern.string("Regex"));
  return literalPattern(pattern.string("String"));
}

NormalizerPtr readNormalizer(const Fields& fields) {
  const std::string type = fields.string("type");
  if (type == "BertNormalizer") return readBert(fields);
  if (type == "Sequence") return readSequence(fields);
  if (type == "Strip") {
    fields.only({"strip_left", "strip_right"});
    return std::make_unique<Strip>(fields.boolean("strip_left", true), fields.boolean("strip_right", true));
  }
  if (type == "Replace") {
    fields.only({"pattern", "content"});
    return std::make_unique<Replace>(readPattern(fields), fields.string("content"));
  }
  if (type == "Prepend") {
    fields.only({"prepend"});
    return std::make_unique<Prepend>(fields.string("prepend"));
  }
  if (type == "Precompiled") {
    fields.only({"precompiled_charsmap"});
    return std::make_unique<Precompiled>(Charsmap(fields.string("precompiled_charsmap")));
  }
  if (type == "ByteLevel") {
    fields.only({"add_prefix_space", "trim_offsets", "use_regex"});  // which the original has there, and does not read
    return std::make_unique<ByteLevelNormalizer>();
  }
  fields.only({});
  if (type == "NFC") return std::make_unique<UnicodeForm>(true, false);
  if (type == "NFD") return std::make_unique<UnicodeForm>(false, false);
  if (type == "NFKC") return std::make_unique<UnicodeForm>(true, true);
  if (type == "NFKD") return std::make_unique<UnicodeForm>(false, true);
  if (type == "Lowercase") return std::make_unique<Lowercase>();
  if (type == "StripAccents") return std::make_unique<StripAccents>();
  if (type == "Nmt") return std::make_unique<Nmt>();
  refuseType(fields, "normalizer",
             "BertNormalizer, NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Replace, Prepend, Precompiled, "
             "Nmt, ByteLevel, Sequence");
}

}  // namespace switchyard::text
