// What a file's vocabulary can't be is refused here, by the token or the id.
#include "text/vocabulary.h"

#include <algorithm>

#include "error.h"
#include "text/json_fields.h"

namespace switchyard::text {

Vocabulary::Vocabulary(uint64_t most) : most_(static_cast<int64_t>(std::min<uint64_t>(most, kMostIds))) {}

void Vocabulary::add(std::string_view token, int64_t id) {
  if (token.empty())
    throw Error(Code::InvalidArgument, "the vocabulary has an empty token, with id " + std::to_string(id));
  if (id < 0 || id >= kMostIds)
    throw Error(Code::InvalidArgument, "the vocabulary gives " + shown(token) + " the id " + std::to_string(id) +
                                           ", but ids go from 0 to " + std::to_string(kMostIds - 1));
  if (id >= most_)
    throw Error(Code::InvalidArgument, "the vocabulary gives " + shown(token) + " the id " + std::to_string(id) +
                                           ", but with added ones there are " + std::to_string(most_) +
                                           " tokens, and their ids go from 0 on without a hole");
  if (const std::string* other = this->token(id))
    throw Error(Code::InvalidArgument, "the vocabulary gives the id " + std::to_string(id) + " twice: to " +
                                           shown(*other) + " and to " + shown(token));
  if (!trie_.add(token, static_cast<int32_t>(id)))
    throw Error(Code::InvalidArgument, "the vocabulary has the token " + shown(token) + " twice: with the ids " +
                                           std::to_string(trie_.find(token)) + " and " + std::to_string(id));
  place(token, id);
}

void Vocabulary::addHidden(std::string_view token, int64_t id) { place(token, id); }

void Vocabulary::place(std::string_view token, int64_t id) {
  if (id >= size()) {
    tokens_.resize(static_cast<size_t>(id) + 1);
    has_.resize(tokens_.size());
  }
  tokens_[static_cast<size_t>(id)] = token;
  has_[static_cast<size_t>(id)] = true;
}

}  // namespace switchyard::text
