// Added tokens are found first; what is between is normalized, searched for those that are found in normalized text,
// cut into words and taken apart.
#include "text/text_encoder.h"

#include <algorithm>

#include "text/unicode.h"

namespace switchyard::text {

void TextEncoder::run(std::string_view text, std::vector<Token>& out) {
  out.clear();
  work_.parts.clear();
  tokenizer_.beforeNormalizing_.split(text, work_.parts);
  if (work_.parts.empty()) {
    section(text, {0, static_cast<uint32_t>(text.size())}, out);
  } else {
    for (const auto& part : work_.parts) {
      if (part.token)
        addToken(*part.token, text, part.range, part.range, out);
      else
        section(text, part.range, out);
    }
  }
  if (!spans_) return;
  if (tokenizer_.parts_.post.trimsOffsets) trim(text, out);
  inUnits(text, out);
}

// The spaces that an added token took with it are part of its span, or, where spans are trimmed, not.
void TextEncoder::addToken(const AddedToken& token, std::string_view text, Range found, Range origin,
                           std::vector<Token>& out) {
  if (spans_ && tokenizer_.parts_.post.trimsOffsets) {
    const bool isFirst = out.empty() || origin.begin == 0;
    bool keepsOne = isFirst && tokenizer_.parts_.post.addsPrefixSpace;
    const char *at = text.data() + found.begin, *end = text.data() + found.end;
    for (; at < end && has(decode(at), kSpace); at += bytesFrom(*at)) {
      if (!keepsOne) origin.begin = std::min(origin.begin + bytesFrom(*at), origin.end);
      keepsOne = false;
    }
    for (; end > at && has(decode(before(end)), kSpace); end = before(end))
      origin.end = std::max(origin.end - bytesFrom(*before(end)), origin.begin);
  }
  out.push_back({token.id, origin.begin, origin.end});
}

void TextEncoder::section(std::string_view text, Range part, std::vector<Token>& out) {
  if (part.size() == 0) return;
  work_.text.assign(text.substr(part.begin, part.size()), part.begin, spans_);
  if (tokenizer_.parts_.normalizer) tokenizer_.parts_.normalizer->apply(work_.text, work_.normalize);
  auto& parts = work_.normalizedParts;
  parts.clear();
  tokenizer_.afterNormalizing_.split(work_.text.bytes, parts);
  if (parts.empty()) return words(work_.text, false, out);
  for (const auto& each : parts) {
    if (each.token) {
      addToken(*each.token, {work_.text.data(), work_.text.size()}, each.range,
               spans_ ? work_.text.originOf(each.range) : Range{}, out);
      continue;
    }
    work_.part.assignSlice(work_.text, each.range);
    words(work_.part, true, out);
  }
}

void TextEncoder::words(AlignedText& text, bool cut, std::vector<Token>& out) {
  if (text.size() == 0) return;
  PreWork& pre = work_.pre;
  pre.words.assign(1, {0, text.size()});
  pre.cut = cut;
  if (tokenizer_.parts_.preTokenizer) tokenizer_.parts_.preTokenizer->apply(text, pre);
  text.pad();
  const Model& model = *tokenizer_.parts_.model;
  const char* data = text.data();
  const size_t first = out.size();
  for (Range word : pre.words) {
    if (word.size() > WordCache::kMostBytes) {
      model.encode(data, word.begin, word.end, work_.model, out);
      continue;
    }
    const WordCache::Key key = WordCache::keyOf(data + word.begin, word.size());
    if (work_.words.find(key, word.begin, out)) continue;
    const size_t before = out.size();
    model.encode(data, word.begin, word.end, work_.model, out);
    work_.words.keep(key, word.begin, out.data() + before, out.size() - before);
  }
  if (!spans_) return;
  for (size_t i = first; i < out.size(); ++i) {
    const Range origin = text.originOf({out[i].begin, out[i].end});
    out[i].begin = origin.begin;
    out[i].end = origin.end;
  }
}

void TextEncoder::inUnits(std::string_view text, std::vector<Token>& tokens) {
  if (asciiRun(text.data(), text.size()) == text.size()) return;
  auto& units = work_.units;
  units.resize(text.size() + 1);
  uint32_t unit = 0;
  for (size_t at = 0, next; at < text.size(); at = next) {
    const uint32_t bytes = bytesFrom(text[at]);
    next = at + bytes;
    std::fill(units.begin() + static_cast<std::ptrdiff_t>(at), units.begin() + static_cast<std::ptrdiff_t>(next), unit);
    unit += bytes == 4 ? 2 : 1;
  }
  units[text.size()] = unit;
  for (Token& token : tokens) {
    token.begin = units[token.begin];
    token.end = units[token.end];
  }
}

// By as many characters as the token has spaces, whatever those characters are: the original does so.
void TextEncoder::trim(std::string_view text, std::vector<Token>& tokens) const {
  for (size_t i = 0; i < tokens.size(); ++i) {
    Token& token = tokens[i];
    auto [leading, trailing] = tokenizer_.spaces_[static_cast<size_t>(token.id)];
    const bool isFirst = i == 0 || token.begin == 0;
    if (leading > 0 && isFirst && tokenizer_.parts_.post.addsPrefixSpace) --leading;
    for (; leading > 0 && token.begin < token.end; --leading) token.begin += bytesFrom(text[token.begin]);
    uint32_t end = token.end;
    for (; trailing > 0 && end > 0; --trailing) end = static_cast<uint32_t>(before(text.data() + end) - text.data());
    if (trailing == 0) token.end = std::max(end, token.begin);
  }
}

}  // namespace switchyard::text
