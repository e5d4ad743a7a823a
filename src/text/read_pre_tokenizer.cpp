// The pre-tokenizers of a tokenizer.json by their types.
#include "error.h"
#include "text/read_parts.h"
#include "text/unicode.h"

namespace switchyard::text {
namespace {

constexpr const char* kKnown =
    "BertPreTokenizer, Whitespace, WhitespaceSplit, Metaspace, ByteLevel, Split, CharDelimiterSplit, Punctuation, "
    "Digits, Sequence";

Behavior readBehavior(const Fields& fields, const std::string& otherwise) {
  const std::string name = fields.string("behavior", otherwise);
  if (name == "Removed") return Behavior::Removed;
  if (name == "Isolated") return Behavior::Isolated;
  if (name == "MergedWithPrevious") return Behavior::MergedWithPrevious;
  if (name == "MergedWithNext") return Behavior::MergedWithNext;
  if (name == "Contiguous") return Behavior::Contiguous;
  throw Error(Code::Unsupported,
              "'" + fields.place("behavior") + "' is '" + name +
                  "', but must be Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
}

PreTokenizerPtr readMetaspace(const Fields& fields) {
  fields.only({"replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"});
  const std::string replacement = fields.string("replacement", "\xe2\x96\x81");
  if (countChars(replacement) != 1) fields.refuse("replacement", "one character");
  const std::string scheme =
      fields.string("prepend_scheme", fields.boolean("add_prefix_space", true) ? "always" : "never");
  const bool splits = fields.boolean("split", true);
  using Scheme = Metaspace::Prepend;
  if (scheme == "always") return std::make_unique<Metaspace>(replacement, Scheme::Always, splits);
  if (scheme == "first") return std::make_unique<Metaspace>(replacement, Scheme::First, splits);
  if (scheme == "never") return std::make_unique<Metaspace>(replacement, Scheme::Never, splits);
  throw Error(Code::Unsupported,
              "'" + fields.place("prepend_scheme") + "' is '" + scheme + "', but must be always, first or never");
}

PreTokenizerRead readByteLevel(const Fields& fields, bool leavesBytes) {
  fields.only({"add_prefix_space", "trim_offsets", "use_regex"});
  return {std::make_unique<ByteLevel>(fields.boolean("add_prefix_space", true), fields.boolean("use_regex", true),
                                      !leavesBytes),
          leavesBytes};
}

PreTokenizerRead readSequence(const Fields& fields, bool isLast, bool takesBytes) {
  fields.only({"pretokenizers"});
  std::vector<PreTokenizerPtr> all;
  bool leavesBytes = false;
  const std::vector<Fields> parts = children(fields, "pretokenizers");
  for (size_t i = 0; i < parts.size(); ++i) {
    PreTokenizerRead part = readPreTokenizer(parts[i], isLast && i + 1 == parts.size(), takesBytes);
    leavesBytes = part.leavesBytes;
    all.push_back(std::move(part.preTokenizer));
  }
  return {std::make_unique<PreTokenizerSequence>(std::move(all)), leavesBytes};
}

}  // namespace

PreTokenizerRead readPreTokenizer(const Fields& fields, bool isLast, bool takesBytes) {
  const std::string type = fields.string("type");
  if (type == "Sequence") return readSequence(fields, isLast, takesBytes);
  if (type == "ByteLevel") return readByteLevel(fields, isLast && takesBytes);
  if (type == "Metaspace") return {readMetaspace(fields)};
  const auto splitBy = [](PatternPtr pattern, Behavior behavior, bool inverted) -> PreTokenizerRead {
    return {std::make_unique<PatternSplit>(std::move(pattern), behavior, inverted)};
  };
  if (type == "Split") {
    fields.only({"pattern", "behavior", "invert"});
    return splitBy(readPattern(fields), readBehavior(fields, ""), fields.boolean("invert", false));
  }
  if (type == "CharDelimiterSplit") {
    fields.only({"delimiter"});
    if (countChars(fields.string("delimiter")) != 1) fields.refuse("delimiter", "one character");
    return splitBy(literalPattern(fields.string("delimiter")), Behavior::Removed, false);
  }
  if (type == "Punctuation") {
    fields.only({"behavior"});
    return splitBy(charPattern(kPunctuation | kAsciiPunctuation), readBehavior(fields, "Isolated"), false);
  }
  if (type == "Digits") {
    fields.only({"individual_digits"});
    const bool alone = fields.boolean("individual_digits", false);
    return splitBy(charPattern(kNumeric), alone ? Behavior::Isolated : Behavior::Contiguous, false);
  }
  fields.only({});
  if (type == "BertPreTokenizer") return {std::make_unique<BertPreTokenizer>()};
  if (type == "Whitespace") return {std::make_unique<Whitespace>()};
  if (type == "WhitespaceSplit") return {std::make_unique<WhitespaceSplit>()};
  refuseType(fields, "pre-tokenizer", kKnown);
}

}  // namespace switchyard::text
