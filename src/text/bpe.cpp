// Byte pair encoding: of all neighbours that a merge is known for, those of the earliest merge become one, until there
// are none. Few symbols are looked through each time; many are kept in a heap.
#include <algorithm>
#include <bit>

#include "error.h"
#include "text/byte_chars.h"
#include "text/model.h"
#include "text/utf8.h"

namespace switchyard::text {
namespace {

constexpr size_t kFew = 24;

uint64_t pairOf(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

size_t hashOf(uint64_t pair) {
  pair *= 0x9e3779b97f4a7c15u;
  return static_cast<size_t>(pair ^ pair >> 32);
}

[[noreturn]] void refuse(const std::string& merge, const std::string& lacking) {
  throw Error(Code::InvalidArgument,
              "the merge '" + merge + "' needs the token '" + lacking + "', which the vocabulary lacks");
}

}  // namespace

Bpe::Bpe(Vocabulary vocabulary, const Merges& merges, const Options& options)
    : Model(std::move(vocabulary)), options_(options) {
  if (!options.unknown.empty()) {
    unknown_ = vocabulary_.find(options.unknown);
    if (unknown_ < 0)
      throw Error(Code::InvalidArgument,
                  "the vocabulary lacks '" + options.unknown + "', which stands for unknown characters");
  }
  for (unsigned byte = 0; byte < 256; ++byte)
    ofByte_[byte] = vocabulary_.find(encoded(charOfByte(static_cast<unsigned char>(byte))));
  if (options.byteFallback) fallback_.emplace(vocabulary_);
  if (options.bytes && options.ignoresMerges) {
    for (int64_t id = 0; id < vocabulary_.size(); ++id) {
      const std::string* token = vocabulary_.token(id);
      if (const auto bytes = token ? bytesOfChars(*token) : std::nullopt)
        byBytes_.add(*bytes, static_cast<int32_t>(id));
    }
  }
  merges_.resize(std::bit_ceil(merges.size() * 2 + 1));
  mask_ = merges_.size() - 1;
  for (size_t rank = 0; rank < merges.size(); ++rank)
    addMerge(merges[rank].first, merges[rank].second, static_cast<uint32_t>(rank));
}

// One that comes twice counts where it came last, as in the Rust original.
void Bpe::addMerge(const std::string& left, const std::string& right, uint32_t rank) {
  const std::string merge = left + " " + right;
  const int32_t a = vocabulary_.find(left), b = vocabulary_.find(right);
  if (a < 0) refuse(merge, left);
  if (b < 0) refuse(merge, right);
  const std::string joined = left + right.substr(std::min(options_.prefix.size(), right.size()));
  const int32_t id = vocabulary_.find(joined);
  if (id < 0) refuse(merge, joined);
  const uint64_t pair = pairOf(a, b);
  size_t at = hashOf(pair) & mask_;
  while (merges_[at].id >= 0 && merges_[at].pair != pair) at = (at + 1) & mask_;
  merges_[at] = {pair, rank, id};
}

const Bpe::Merge* Bpe::find(int32_t left, int32_t right) const {
  const uint64_t pair = pairOf(left, right);
  for (size_t at = hashOf(pair) & mask_; merges_[at].id >= 0; at = (at + 1) & mask_)
    if (merges_[at].pair == pair) return &merges_[at];
  return nullptr;
}

void Bpe::begin(const char* text, uint32_t begin, uint32_t end, ModelWork& work) const {
  work.symbols.clear();
  if (!options_.bytes) return beginWithChars(text, begin, end, work);
  bool afterUnknown = false;
  for (uint32_t at = begin; at < end; ++at) {
    const int32_t id = ofByte_[static_cast<unsigned char>(text[at])];
    if (id >= 0) {
      work.symbols.push_back({id, at, at + 1, -1, -1});
      afterUnknown = false;
    } else if (unknown_ >= 0) {
      addUnknown(at, at + 1, afterUnknown, work);
    }
  }
}

void Bpe::beginWithChars(const char* text, uint32_t begin, uint32_t end, ModelWork& work) const {
  bool afterUnknown = false;
  for (uint32_t at = begin, next; at < end; at = next) {
    next = at + bytesFrom(text[at]);
    work.piece.clear();
    if (at > begin) work.piece += options_.prefix;
    work.piece.append(text + at, next - at);
    if (next == end) work.piece += options_.suffix;
    const int32_t id = vocabulary_.find(work.piece);
    if (id >= 0) {
      work.symbols.push_back({id, at, next, -1, -1});
      afterUnknown = false;
      continue;
    }
    if (fallback_) {
      work.path.clear();
      if (fallback_->add(work.piece.data(), {0, static_cast<uint32_t>(work.piece.size())}, false, work.path)) {
        for (uint32_t i = 0; i < work.path.size(); ++i)
          work.symbols.push_back({work.path[i].id, std::min(at + i, next), std::min(at + i + 1, next), -1, -1});
        continue;
      }
    }
    if (unknown_ >= 0) addUnknown(at, next, afterUnknown, work);
  }
}

void Bpe::addUnknown(uint32_t begin, uint32_t end, bool& afterUnknown, ModelWork& work) const {
  if (afterUnknown && options_.fusesUnknown)
    work.symbols.back().end = end;
  else
    work.symbols.push_back({unknown_, begin, end, -1, -1});
  afterUnknown = true;
}

void Bpe::mergeFew(std::vector<ModelWork::Symbol>& symbols) const {
  const Merge* merges[kFew];  // of each symbol with the next
  size_t count = symbols.size();
  for (size_t i = 0; i + 1 < count; ++i) merges[i] = find(symbols[i].id, symbols[i + 1].id);
  for (;;) {
    size_t best = count;
    for (size_t i = 0; i + 1 < count; ++i)
      if (merges[i] && (best == count || merges[i]->rank < merges[best]->rank)) best = i;
    if (best == count) break;
    symbols[best].id = merges[best]->id;
    symbols[best].end = symbols[best + 1].end;
    for (size_t i = best + 1; i + 1 < count; ++i) {
      symbols[i] = symbols[i + 1];
      merges[i] = i + 2 < count ? merges[i + 1] : nullptr;
    }
    --count;
    if (best > 0) merges[best - 1] = find(symbols[best - 1].id, symbols[best].id);
    if (best + 1 < count) merges[best] = find(symbols[best].id, symbols[best + 1].id);
  }
  symbols.resize(count);
}

void Bpe::mergeMany(ModelWork& work) const {
  auto& symbols = work.symbols;
  auto& pairs = work.pairs;
  const auto later = [](const ModelWork::Pair& a, const ModelWork::Pair& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
  };
  const auto consider = [&](int32_t left) {
    const int32_t right = left < 0 ? -1 : symbols[static_cast<size_t>(left)].next;
    if (right < 0) return;
    const Merge* merge = find(symbols[static_cast<size_t>(left)].id, symbols[static_cast<size_t>(right)].id);
    if (!merge) return;
    pairs.push_back({merge->rank, left, merge->id});
    std::push_heap(pairs.begin(), pairs.end(), later);
  };
  pairs.clear();
  const auto count = static_cast<int32_t>(symbols.size());
  for (int32_t i = 0; i < count; ++i) {
    symbols[static_cast<size_t>(i)].previous = i - 1;
    symbols[static_cast<size_t>(i)].next = i + 1 < count ? i + 1 : -1;
  }
  for (int32_t i = 0; i < count; ++i) consider(i);
  while (!pairs.empty()) {
    std::pop_heap(pairs.begin(), pairs.end(), later);
    const ModelWork::Pair top = pairs.back();
    pairs.pop_back();
    auto& left = symbols[static_cast<size_t>(top.left)];
    if (left.id < 0 || left.next < 0) continue;
    auto& right = symbols[static_cast<size_t>(left.next)];
    const Merge* merge = find(left.id, right.id);
    if (!merge || merge->id != top.id) continue;  // one of the two has changed since
    left.id = merge->id;
    left.end = right.end;
    right.id = -1;
    left.next = right.next;
    if (left.next >= 0) symbols[static_cast<size_t>(left.next)].previous = top.left;
    consider(left.previous);
    consider(top.left);
  }
  std::erase_if(symbols, [](const ModelWork::Symbol& symbol) { return symbol.id < 0; });
}

void Bpe::encode(const char* text, uint32_t from, uint32_t end, ModelWork& work, std::vector<Token>& out) const {
  if (options_.ignoresMerges) {
    const Trie& whole = options_.bytes ? byBytes_ : vocabulary_.trie();
    const int32_t id = whole.find({text + from, end - from});
    if (id >= 0) return out.push_back({id, from, end});
  }
  begin(text, from, end, work);
  if (work.symbols.size() > kFew)
    mergeMany(work);
  else
    mergeFew(work.symbols);
  for (const auto& symbol : work.symbols) out.push_back({symbol.id, symbol.begin, symbol.end});
}

}  // namespace switchyard::text
