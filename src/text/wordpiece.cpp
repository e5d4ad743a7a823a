// The longest token that a word begins with, then the longest that goes on from there; a word with a part that no token
// is for is unknown as a whole.
#include "error.h"
#include "text/model.h"
#include "text/utf8.h"

namespace switchyard::text {

WordPiece::WordPiece(Vocabulary vocabulary, const Options& options)
    : Model(std::move(vocabulary)), unknown_(vocabulary_.find(options.unknown)), mostChars_(options.mostChars) {
  if (unknown_ < 0)
    throw Error(Code::InvalidArgument,
                "the vocabulary lacks '" + options.unknown + "', which stands for unknown words");
  for (int64_t id = 0; id < vocabulary_.size(); ++id) {
    const std::string* token = vocabulary_.token(id);
    if (token && token->size() > options.prefix.size() && token->starts_with(options.prefix))
      continuing_.add(std::string_view(*token).substr(options.prefix.size()), static_cast<int32_t>(id));
  }
}

void WordPiece::encode(const char* text, uint32_t begin, uint32_t end, ModelWork&, std::vector<Token>& out) const {
  const size_t before = out.size();
  const bool isLong = end - begin > mostChars_ && countChars({text + begin, end - begin}) > mostChars_;
  for (uint32_t at = begin; at < end && !isLong;) {
    int32_t id = 0;
    const Trie& trie = at == begin ? vocabulary_.trie() : continuing_;
    const uint32_t length = trie.longest({text + at, end - at}, id);
    if (length == 0) break;
    out.push_back({id, at, at + length});
    at += length;
  }
  if (out.size() > before && out.back().end == end) return;
  out.resize(before);
  out.push_back({unknown_, begin, end});
}

}  // namespace switchyard::text
