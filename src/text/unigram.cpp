// The tokens whose scores add up to the most, by Viterbi's algorithm. Where no token reaches across a place, all that
// came before is settled and given out: memory follows the longest stretch that is not, not the text. Scores go on
// being added up from the word's beginning, so that ties and rounding are those of the original.
#include <algorithm>
#include <limits>

#include "error.h"
#include "text/model.h"
#include "text/utf8.h"

namespace switchyard::text {
namespace {

constexpr double kUnknownPenalty = 10;  // below the worst token

}  // namespace

ByteTokens::ByteTokens(const Vocabulary& vocabulary) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string token = std::string("<0x") + kDigits[byte >> 4] + kDigits[byte & 15] + ">";
    ids_[byte] = vocabulary.find(token);
  }
}

bool ByteTokens::add(const char* text, Range part, bool wholeOrigin, std::vector<Token>& out) const {
  for (uint32_t at = part.begin; at < part.end; ++at)
    if (ids_[static_cast<unsigned char>(text[at])] < 0) return false;
  for (uint32_t at = part.begin; at < part.end; ++at) {
    const Range origin = wholeOrigin ? part : Range{at, at + 1};
    out.push_back({ids_[static_cast<unsigned char>(text[at])], origin.begin, origin.end});
  }
  return true;
}

Unigram::Unigram(Vocabulary vocabulary, std::vector<double> scores, const Options& options)
    : Model(std::move(vocabulary)), scores_(std::move(scores)), options_(options) {
  if (options.unknown && (*options.unknown < 0 || *options.unknown >= vocabulary_.size()))
    throw Error(Code::InvalidArgument, "'unk_id' is " + std::to_string(*options.unknown) + ", but the vocabulary has " +
                                           std::to_string(vocabulary_.size()) + " tokens");
  double worst = std::numeric_limits<double>::infinity();
  for (size_t id = 0; id < scores_.size(); ++id) {
    worst = std::min(worst, scores_[id]);
    const std::string& piece = *vocabulary_.token(static_cast<int64_t>(id));
    if (static_cast<int64_t>(id) >= options.firstPiece && vocabulary_.find(piece) == static_cast<int32_t>(id))
      pieces_.add(piece, static_cast<int32_t>(id));
  }
  unknownScore_ = worst - kUnknownPenalty;
  if (options.byteFallback) fallback_.emplace(vocabulary_);
}

// One word on its way: what is settled, and unknown characters that have not been given out yet.
struct Unigram::Run {
  uint32_t settled;  // work.best[i] is of the place settled + i
  uint32_t reach;    // the farthest end of a token so far
  Range unknown{0, 0};
};

void Unigram::relax(const char* text, uint32_t at, uint32_t end, Run& run, ModelWork& work) const {
  const double score = work.best[at - run.settled].score;
  const uint32_t charEnd = at + bytesFrom(text[at]);
  uint32_t known = at;  // as far as a piece goes on
  bool hasChar = false;
  const auto reach = [&](uint32_t to, double candidate, int32_t id) {
    if (to > run.reach) {
      run.reach = to;
      work.best.resize(to - run.settled + 1, {0, 0, 0});
    }
    auto& best = work.best[to - run.settled];
    const bool wins = options_.sentenceEncoder ? best.score == 0 || candidate >= best.score
                                               : best.length == 0 || candidate > best.score;
    if (wins) best = {candidate, id, to - at};
  };
  uint32_t node = Trie::kRoot;
  for (uint32_t to = at; to < end;) {
    int32_t id = Trie::kNone;
    node = pieces_.step(node, static_cast<unsigned char>(text[to++]), id);
    if (node == Trie::kNowhere) break;
    known = to;
    if (id == Trie::kNone) continue;
    reach(to, score + scores_[static_cast<size_t>(id)], id);
    hasChar = hasChar || to == charEnd;
  }
  if (hasChar) return;
  if (!options_.unknown)
    throw Error(Code::InvalidArgument, "the tokenizer has no token for '" + std::string(text + at, charEnd - at) +
                                           "', and its model no 'unk_id'");
  const auto unknown = static_cast<int32_t>(*options_.unknown);
  if (!options_.sentenceEncoder) return reach(charEnd, score + unknownScore_, unknown);
  if (known < charEnd) return reach(charEnd, score, unknown);  // no piece begins with it
  if (charEnd > run.reach) reach(charEnd, 0, unknown);
  auto& best = work.best[charEnd - run.settled];
  if (best.length == 0) best = {0, unknown, charEnd - at};
}

// Neighbours that are unknown are one token.
void Unigram::endUnknown(const char* text, Run& run, std::vector<Token>& out) const {
  const Range part = run.unknown;
  if (part.size() == 0) return;
  run.unknown = {part.end, part.end};
  const int32_t known = options_.sentenceEncoder ? -1 : vocabulary_.find({text + part.begin, part.size()});
  if (known < 0 && fallback_ && fallback_->add(text, part, true, out)) return;
  out.push_back({known >= 0 ? known : static_cast<int32_t>(*options_.unknown), part.begin, part.end});
}

// The best way from what was settled to `to`.
void Unigram::emit(const char* text, Run& run, uint32_t to, ModelWork& work, std::vector<Token>& out) const {
  work.path.clear();
  for (uint32_t at = to; at > run.settled;) {
    const auto& best = work.best[at - run.settled];
    work.path.push_back({best.id, at - best.length, at});
    at -= best.length;
  }
  for (auto token = work.path.rbegin(); token != work.path.rend(); ++token) {
    if (options_.unknown && token->id == *options_.unknown) {
      if (run.unknown.size() == 0) run.unknown.begin = token->begin;
      run.unknown.end = token->end;
      continue;
    }
    endUnknown(text, run, out);
    out.push_back(*token);
  }
  const double score = work.best[to - run.settled].score;
  run.settled = to;
  work.best.assign(1, {score, 0, 0});
}

void Unigram::encode(const char* text, uint32_t begin, uint32_t end, ModelWork& work, std::vector<Token>& out) const {
  Run run{begin, begin};
  work.best.assign(1, {0, 0, 0});
  for (uint32_t at = begin; at < end; at += bytesFrom(text[at])) {
    if (at == run.reach && at > run.settled) emit(text, run, at, work, out);
    relax(text, at, end, run, work);
  }
  emit(text, run, end, work, out);
  endUnknown(text, run, out);
}

}  // namespace switchyard::text
