// The decoders of a tokenizer.json by their types.
#include "text/read_parts.h"

namespace switchyard::text {
namespace {

std::string readChar(const Fields& fields, const char* key, const std::string& otherwise) {
  const std::string text = fields.string(key, otherwise);
  if (countChars(text) != 1) fields.refuse(key, "one character");
  return text;
}

}  // namespace

DecoderPtr readDecoder(const Fields& fields) {
  const std::string type = fields.string("type");
  if (type == "Sequence") {
    fields.only({"decoders"});
    std::vector<DecoderPtr> all;
    for (const Fields& each : children(fields, "decoders")) all.push_back(readDecoder(each));
    return decoderSequence(std::move(all));
  }
  if (type == "WordPiece") {
    fields.only({"prefix", "cleanup"});
    return wordPieceDecoder(fields.string("prefix", "##"), fields.boolean("cleanup", true));
  }
  if (type == "ByteLevel") {
    fields.only({"add_prefix_space", "trim_offsets", "use_regex"});
    return byteLevelDecoder();
  }
  if (type == "Metaspace") {
    fields.only({"replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"});
    const std::string scheme =
        fields.string("prepend_scheme", fields.boolean("add_prefix_space", true) ? "always" : "never");
    return metaspaceDecoder(readChar(fields, "replacement", "\xe2\x96\x81"), scheme != "never");
  }
  if (type == "BPEDecoder") {
    fields.only({"suffix"});
    return bpeDecoder(fields.string("suffix", "</w>"));
  }
  if (type == "Replace") {
    fields.only({"pattern", "content"});
    return replaceDecoder(readPattern(fields), fields.string("content"));
  }
  if (type == "Strip") {
    fields.only({"content", "start", "stop"});
    return stripDecoder(readChar(fields, "content", ""), fields.count("start", 0), fields.count("stop", 0));
  }
  fields.only({});
  if (type == "ByteFallback") return byteFallbackDecoder();
  if (type == "Fuse") return fuseDecoder();
  refuseType(fields, "decoder",
             "WordPiece, ByteLevel, Metaspace, BPEDecoder, Replace, Strip, ByteFallback, Fuse, Sequence");
}

}  // namespace switchyard::text
