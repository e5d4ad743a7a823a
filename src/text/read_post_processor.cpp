// The post-processors of a tokenizer.json by their types. Those that add tokens all say, each in its way, what stands
// where: a template.
#include <algorithm>

#include "error.h"
#include "text/read_parts.h"

namespace switchyard::text {
namespace {

using Kind = TemplatePiece::Kind;

int32_t readId(const Fields& fields, const char* key, const Json& value) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() >= static_cast<uint64_t>(Vocabulary::kMostIds))
    fields.refuse(key, "an id");
  return static_cast<int32_t>(value.get<uint64_t>());
}

// ["[SEP]", 102]
int32_t readPairId(const Fields& fields, const char* key) {
  const Json& pair = fields.array(key);
  if (pair.size() != 2 || !pair[0].is_string()) fields.refuse(key, "a token and its id");
  return readId(fields, key, pair[1]);
}

// Each of the texts once: a text that is left out, or there twice, is no longer what a length was asked for.
void checkTexts(const Fields& fields, const char* key, const Template& pieces, bool isPair) {
  const auto first = std::ranges::count(pieces, Kind::First, &TemplatePiece::kind),
             second = std::ranges::count(pieces, Kind::Second, &TemplatePiece::kind);
  if (first != 1 || second != (isPair ? 1 : 0))
    throw Error(Code::Unsupported, "'" + fields.place(key) + "' has A " + std::to_string(first) + " times and B " +
                                       std::to_string(second) + " times, but must have " +
                                       (isPair ? "each once" : "A once, and no B"));
}

Template readTemplate(const Fields& fields, const char* key, bool isPair) {
  Template pieces;
  for (const Fields& each : children(fields, key)) {
    each.only({"SpecialToken", "Sequence"});
    const bool isSpecial = each.has("SpecialToken");
    const Fields piece = each.child(isSpecial ? "SpecialToken" : "Sequence");
    piece.only({"id", "type_id"});
    const std::string id = piece.string("id");
    if (piece.count("type_id", 0) > INT32_MAX) piece.refuse("type_id", "a whole number below 2^31");
    const auto typeId = static_cast<int32_t>(piece.count("type_id", 0));
    if (!isSpecial) {
      if (id != "A" && id != "B") piece.refuse("id", "A or B");
      pieces.push_back({id == "A" ? Kind::First : Kind::Second, 0, typeId});
      continue;
    }
    const Fields token = fields.child("special_tokens").child(id.c_str());
    for (const Json& tokenId : token.array("ids"))
      pieces.push_back({Kind::Special, readId(token, "ids", tokenId), typeId});
  }
  checkTexts(fields, key, pieces, isPair);
  return pieces;
}

void readBert(const Fields& fields, PostProcessor& post) {
  fields.only({"sep", "cls"});
  const int32_t cls = readPairId(fields, "cls"), sep = readPairId(fields, "sep");
  post.single = {{Kind::Special, cls, 0}, {Kind::First, 0, 0}, {Kind::Special, sep, 0}};
  post.pair = post.single;
  post.pair.insert(post.pair.end(), {{Kind::Second, 0, 1}, {Kind::Special, sep, 1}});
}

void readRoberta(const Fields& fields, PostProcessor& post) {
  fields.only({"sep", "cls", "trim_offsets", "add_prefix_space"});
  const int32_t cls = readPairId(fields, "cls"), sep = readPairId(fields, "sep");
  post.single = {{Kind::Special, cls, 0}, {Kind::First, 0, 0}, {Kind::Special, sep, 0}};
  post.pair = post.single;
  post.pair.insert(post.pair.end(), {{Kind::Special, sep, 0}, {Kind::Second, 0, 0}, {Kind::Special, sep, 0}});
  post.trimsOffsets = fields.boolean("trim_offsets", true);
  post.addsPrefixSpace = fields.boolean("add_prefix_space", true);
}

// Whether it says what stands where.
bool readOne(const Fields& fields, PostProcessor& post) {
  const std::string type = fields.string("type");
  if (type == "ByteLevel") {
    fields.only({"add_prefix_space", "trim_offsets", "use_regex"});
    post.trimsOffsets = fields.boolean("trim_offsets", true);
    post.addsPrefixSpace = fields.boolean("add_prefix_space", true);
    return false;
  }
  if (type == "BertProcessing") return readBert(fields, post), true;
  if (type == "RobertaProcessing") return readRoberta(fields, post), true;
  if (type != "TemplateProcessing")
    refuseType(fields, "post-processor", "TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, Sequence");
  fields.only({"single", "pair", "special_tokens"});
  post.single = readTemplate(fields, "single", false);
  post.pair = readTemplate(fields, "pair", true);
  return true;
}

}  // namespace

void readPostProcessor(const Fields& fields, PostProcessor& post) {
  if (fields.string("type") != "Sequence") {
    readOne(fields, post);
    return;
  }
  fields.only({"processors"});
  bool done = false;
  for (const Fields& each : children(fields, "processors")) {
    const bool says = readOne(each, post);
    if (says && done)
      throw Error(Code::Unsupported, "'" + each.where() + "' adds tokens after another post-processor has: one may");
    done = done || says;
  }
}

}  // namespace switchyard::text
