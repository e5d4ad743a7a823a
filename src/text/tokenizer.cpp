// What comes after the model: truncation, special tokens, and the way back.
#include "text/tokenizer.h"

#include <algorithm>

#include "error.h"
#include "text/text_encoder.h"
#include "text/unicode.h"

namespace switchyard::text {
namespace {

using Strategy = Truncation::Strategy;

std::string quoted(const std::string& token) { return "'" + token + "'"; }

// How many spaces, plain or as GPT-2 writes them, a token begins or ends with.
template <class Fn>
uint16_t countSpaces(const std::string& token, Fn next) {
  uint16_t count = 0;
  for (const char* at = nullptr; next(token, at) && (decode(at) == 0x120 || has(decode(at), kSpace));) ++count;
  return count;
}

bool forwards(const std::string& token, const char*& at) {
  at = at ? at + bytesFrom(*at) : token.data();
  return at < token.data() + token.size();
}

bool backwards(const std::string& token, const char*& at) {
  if (!at) at = token.data() + token.size();
  if (at == token.data()) return false;
  at = before(at);
  return true;
}

// How many tokens of each of the two may stay, `room` in all.
void fit(size_t (&counts)[2], size_t room, Strategy strategy, uint64_t number) {
  if (counts[0] + counts[1] <= room) return;
  if (strategy == Strategy::LongestFirst) {
    size_t &shorter = counts[0] <= counts[1] ? counts[0] : counts[1],
           &longer = &shorter == counts ? counts[1] : counts[0];
    if (shorter > room)
      longer = shorter;
    else
      longer = std::max(shorter, room - shorter);
    if (shorter + longer > room) {
      shorter = room / 2;
      longer = shorter + room % 2;
    }
    return;
  }
  const size_t which = strategy == Strategy::OnlyFirst ? 0 : 1, removed = counts[0] + counts[1] - room;
  if (counts[which] <= removed)
    throw Error(Code::InvalidArgument,
                "pair " + std::to_string(number) + " can't be truncated: the tokenizer shortens its " +
                    (which ? "second" : "first") + " text only, and the other one alone is too long");
  counts[which] -= removed;
}

}  // namespace

Tokenizer::Tokenizer(TokenizerParts parts) : parts_(std::move(parts)) {
  NormalizeWork work;
  size_ = parts_.model->vocabulary().size();
  for (const AddedToken& token : parts_.added) {
    size_ = std::max<int64_t>(size_, int64_t{token.id} + 1);
    if (const auto [place, isNew] = addedById_.emplace(token.id, &token); !isNew)
      throw Error(Code::InvalidArgument, "'added_tokens' gives the id " + std::to_string(token.id) + " twice: to " +
                                             quoted(place->second->content) + " and to " + quoted(token.content));
    if (!token.normalized) {
      beforeNormalizing_.add(token.content, &token);
      continue;
    }
    AlignedText content;
    content.assign(token.content, 0, false);
    if (parts_.normalizer) parts_.normalizer->apply(content, work);
    afterNormalizing_.add(content.bytes, &token);
  }
  checkIds();
  if (!parts_.post.trimsOffsets) return;
  spaces_.resize(static_cast<size_t>(size_));
  for (int64_t id = 0; id < size_; ++id) {
    if (addedOf(id)) continue;  // found with its spaces: see TextEncoder::addToken()
    const std::string& token = tokenOf(id);
    spaces_[static_cast<size_t>(id)] = {countSpaces(token, forwards), countSpaces(token, backwards)};
  }
}

Tokenizer::~Tokenizer() = default;

void Tokenizer::checkIds() const {
  for (const AddedToken& token : parts_.added) {
    const std::string* other = parts_.model->vocabulary().token(token.id);
    const int32_t known = parts_.model->vocabulary().find(token.content);
    if (other && *other != token.content)
      throw Error(Code::InvalidArgument, "'added_tokens' gives " + quoted(token.content) + " the id " +
                                             std::to_string(token.id) + ", which the vocabulary has for " +
                                             quoted(*other));
    if (known >= 0 && known != token.id)
      throw Error(Code::InvalidArgument, "'added_tokens' gives " + quoted(token.content) + " the id " +
                                             std::to_string(token.id) + ", the vocabulary " + std::to_string(known));
  }
  for (int64_t id = 0; id < size_; ++id)
    if (!addedOf(id) && !parts_.model->vocabulary().token(id))
      throw Error(Code::InvalidArgument, "the vocabulary has a hole: no token has the id " + std::to_string(id) +
                                             ", but ids go up to " + std::to_string(size_ - 1));
  for (const Template* pieces : {&parts_.post.single, &parts_.post.pair})
    for (const TemplatePiece& piece : *pieces)
      if (piece.kind == TemplatePiece::Kind::Special && piece.id >= size_)
        throw Error(Code::InvalidArgument, "'post_processor' adds the id " + std::to_string(piece.id) +
                                               ", which no token has: ids go up to " + std::to_string(size_ - 1));
}

const AddedToken* Tokenizer::addedOf(int64_t id) const {
  const auto found = addedById_.find(id);
  return found == addedById_.end() ? nullptr : found->second;
}

const std::string& Tokenizer::tokenOf(int64_t id) const {
  if (const AddedToken* added = addedOf(id)) return added->content;
  if (const std::string* token = parts_.model->vocabulary().token(id)) return *token;
  throw Error(Code::InvalidArgument,
              "no token has the id " + std::to_string(id) + ": ids go from 0 to " + std::to_string(size_ - 1));
}

std::optional<int32_t> Tokenizer::idOf(std::string_view token) const {
  for (const AddedToken& added : parts_.added)
    if (added.content == token) return added.id;
  const int32_t id = parts_.model->vocabulary().find(token);
  return id < 0 ? std::nullopt : std::optional(id);
}

std::string Tokenizer::decode(const std::vector<int64_t>& ids, bool skipsSpecial) const {
  std::vector<std::string> tokens;
  for (int64_t id : ids) {
    const AddedToken* added = addedOf(id);
    if (!(skipsSpecial && added && added->special)) tokens.push_back(tokenOf(id));
  }
  if (parts_.decoder) parts_.decoder->apply(tokens);
  std::string text;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i && !parts_.decoder) text += ' ';
    text += tokens[i];
  }
  return text;
}

void Tokenizer::check(const EncodeOptions& options, bool isPair) const {
  const uint32_t added = options.addsSpecial ? addedTokens(isPair) : 0;
  if (options.maxLength && *options.maxLength < added)
    throw Error(Code::InvalidArgument, "maxLength is " + std::to_string(*options.maxLength) +
                                           ", but the tokenizer adds " + std::to_string(added) + " tokens of its own");
}

Tokenizer::Encoder::Encoder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {
  std::unique_lock lock(tokenizer.mutex_);
  if (tokenizer.idle_.empty()) {
    lock.unlock();
    work_ = std::make_unique<EncoderWork>();
    return;
  }
  work_ = std::move(tokenizer.idle_.back());
  tokenizer.idle_.pop_back();
}

Tokenizer::Encoder::~Encoder() {
  if (work_->isLarge()) return;
  std::lock_guard lock(tokenizer_.mutex_);
  tokenizer_.idle_.push_back(std::move(work_));
}

void Tokenizer::Encoder::encode(std::string_view text, std::optional<std::string_view> pair,
                                const EncodeOptions& options, uint64_t number, Encoded& out) {
  TextEncoder encoder(tokenizer_, *work_, options.spans);
  auto& tokens = work_->tokens;
  encoder.run(text, tokens[0]);
  tokens[1].clear();
  if (pair) encoder.run(*pair, tokens[1]);
  const TokenizerParts& parts = tokenizer_.parts_;
  const uint32_t added = options.addsSpecial ? parts.post.added(pair.has_value()) : 0;
  size_t counts[2] = {tokens[0].size(), tokens[1].size()};
  const size_t all = counts[0] + counts[1];
  const auto most = options.maxLength ? options.maxLength : parts.truncation.maxLength;
  if (most && all + added > *most) {
    if (!options.truncates)
      throw Error(Code::InvalidArgument, "text " + std::to_string(number) + " has " + std::to_string(all + added) +
                                             " tokens, more than the " + std::to_string(*most) +
                                             " that there may be; truncate: true would cut it off");
    if (pair)
      fit(counts, *most > added ? *most - added : 0, parts.truncation.strategy, number);
    else
      counts[0] = *most > added ? *most - added : 0;
  }
  const size_t before = out.ids.size();
  for (const TemplatePiece& piece : pair ? parts.post.pair : parts.post.single) {
    if (piece.kind == TemplatePiece::Kind::Special) {
      if (!options.addsSpecial) continue;
      out.ids.push_back(piece.id);
      if (options.spans) out.spans.insert(out.spans.end(), {0, 0});
    } else {
      const size_t which = piece.kind == TemplatePiece::Kind::First ? 0 : 1;
      const size_t first = parts.truncation.fromLeft ? tokens[which].size() - counts[which] : 0;
      for (size_t i = first; i < first + counts[which]; ++i) {
        const Token& token = tokens[which][i];
        out.ids.push_back(token.id);
        if (options.spans)
          out.spans.insert(out.spans.end(), {static_cast<int32_t>(token.begin), static_cast<int32_t>(token.end)});
      }
    }
    out.typeIds.resize(out.ids.size(), piece.typeId);
  }
  out.lengths.push_back(static_cast<int32_t>(out.ids.size() - before));
  out.truncated.push_back(counts[0] + counts[1] < all);
}

}  // namespace switchyard::text
