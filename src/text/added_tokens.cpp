// Most texts have none: they are passed over by first bytes, where all tokens share one by memchr().
#include "text/added_tokens.h"

#include <algorithm>
#include <cstring>

#include "text/unicode.h"

namespace switchyard::text {
namespace {

bool endsWithWord(std::string_view text) {
  return !text.empty() && has(decode(before(text.data() + text.size())), kWordChar);
}

bool startsWithWord(std::string_view text) { return !text.empty() && has(decode(text.data()), kWordChar); }

uint32_t spacesAtEnd(std::string_view text) {
  const char *begin = text.data(), *end = begin + text.size(), *at = end;
  while (at > begin && has(decode(before(at)), kSpace)) at = before(at);
  return static_cast<uint32_t>(end - at);
}

uint32_t spacesAtStart(std::string_view text) {
  uint32_t at = 0;
  while (at < text.size() && has(decode(text.data() + at), kSpace)) at += bytesFrom(text[at]);
  return at;
}

}  // namespace

void AddedMatcher::add(std::string_view content, const AddedToken* token) {
  if (!trie_.add(content, static_cast<int32_t>(tokens_.size()))) return;
  tokens_.push_back(token);
  const auto first = static_cast<unsigned char>(content[0]);
  begins_[first] = true;
  onlyFirst_ = onlyFirst_ == -1 || onlyFirst_ == first ? first : -2;
}

bool AddedMatcher::next(std::string_view text, uint32_t from, Range& match, const AddedToken*& token) const {
  for (uint32_t at = from; at < text.size(); ++at) {
    if (onlyFirst_ >= 0) {
      const void* found = std::memchr(text.data() + at, onlyFirst_, text.size() - at);
      if (!found) return false;
      at = static_cast<uint32_t>(static_cast<const char*>(found) - text.data());
    } else {
      while (at < text.size() && !begins_[static_cast<unsigned char>(text[at])]) ++at;
      if (at == text.size()) return false;
    }
    int32_t number = 0;
    if (const uint32_t length = trie_.longest(text.substr(at), number)) {
      match = {at, at + length};
      token = tokens_[static_cast<size_t>(number)];
      return true;
    }
  }
  return false;
}

void AddedMatcher::split(std::string_view text, std::vector<Part>& parts) const {
  if (isEmpty()) return;
  uint32_t done = 0;
  const AddedToken* token = nullptr;
  for (Range match{}; next(text, match.end, match, token);) {
    Range part = match;
    if (token->singleWord && (endsWithWord(text.substr(0, part.begin)) || startsWithWord(text.substr(part.end))))
      continue;
    if (token->stripsLeft) part.begin = std::max(part.begin - spacesAtEnd(text.substr(0, part.begin)), done);
    if (token->stripsRight) part.end += spacesAtStart(text.substr(part.end));
    if (done < part.begin) parts.push_back({{done, part.begin}, nullptr});
    parts.push_back({part, token});
    done = part.end;
  }
  if (!parts.empty() && done < text.size()) parts.push_back({{done, static_cast<uint32_t>(text.size())}, nullptr});
}

}  // namespace switchyard::text
