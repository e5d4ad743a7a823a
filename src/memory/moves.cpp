// How blocks are brought together. Two ways are looked at: a run within a slab, whose blocks go into free ranges
// elsewhere as far as they have to, and the rest down to its begin; or slabs that are emptied, so that the device may
// have them back and gives a new one. What moves the fewest bytes is taken.
#include "memory/moves.h"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_set>

namespace switchyard {
namespace {

constexpr uint64_t kWord = 4;
constexpr size_t kMostTries = 64, kLeastTries = 2;
constexpr size_t kMostSteps = 1 << 20;   // all under the arena's mutex
constexpr size_t kMostPieces = 1 << 17;  // that are gone through in all tries
constexpr uint64_t kMostCopies = 4096;   // small steps down take many

// How many copies a block takes down to there: one over itself goes in steps of the distance.
uint64_t stepsOf(uint64_t bytes, uint64_t distance) { return (bytes + distance - 1) / distance; }

}  // namespace

std::vector<Moves::Copy> Moves::copies() const {
  std::vector<Copy> all;
  const auto add = [&](const Move& move, uint64_t step) {
    const uint64_t bytes = (move.block->size + kWord - 1) / kWord * kWord;
    for (uint64_t at = 0; at < bytes; at += step) {
      const uint64_t some = std::min(step, bytes - at);
      all.push_back({move.to.slice(at, some), move.from.slice(at, some)});
    }
  };
  for (const Move& move : away_) add(move, move.from.size);
  for (const Move& move : down_) add(move, move.from.offset - move.to.offset);
  return all;
}

// All under the arena's mutex.
class MovePlanner {
 public:
  MovePlanner(Arena& arena, uint64_t size) : arena_(arena), size_(size) {}

  std::unique_ptr<Moves> plan() {
    for (const auto& slab : arena_.slabs_) pieces_.push_back(piecesOf(*slab));
    std::vector<Candidate> candidates = runs();
    for (bool byShare : {false, true})
      if (auto slabs = slabsToEmpty(byShare)) candidates.push_back(std::move(*slabs));
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const Candidate& a, const Candidate& b) { return a.bytes < b.bytes; });
    size_t count = 0;
    for (const auto& pieces : pieces_) count += pieces.size();
    const size_t tries = std::clamp(kMostPieces / std::max<size_t>(count, 1), kLeastTries, kMostTries);
    if (candidates.size() > tries) candidates.resize(tries);
    for (const Candidate& candidate : candidates)
      if (auto moves = candidate.isRun ? clearRun(candidate) : emptySlabs(candidate)) return moves;
    return nullptr;
  }

 private:
  struct Piece {
    uint64_t offset, size;
    std::shared_ptr<Movable> block;  // null: free, or fixed
    bool isFixed = false;
  };
  struct Candidate {
    bool isRun;
    size_t slab = 0, first = 0, last = 0;  // of a run, pieces from first up to last
    std::vector<size_t> slabs;
    uint64_t bytes = 0;  // that would be moved at most
  };
  using Slab = Arena::Slab;

  // Free ranges by their size; those that the host sees apart, since blocks are seen as they were.
  class Holes {
   public:
    void add(BufferView hole) { of(hole).emplace(hole.size, hole); }
    // From the smallest that is large enough, seen as `view` is; null: there is none.
    BufferView take(BufferView view) {
      auto& holes = of(view);
      const auto found = holes.lower_bound(view.size);
      if (found == holes.end()) return {};
      auto smallest = holes.extract(found);
      BufferView& hole = smallest.mapped();
      const BufferView taken = hole.slice(0, view.size);
      if (hole.size > view.size) {
        hole = hole.slice(view.size, hole.size - view.size);
        smallest.key() = hole.size;
        holes.insert(std::move(smallest));
      }
      return taken;
    }

   private:
    std::multimap<uint64_t, BufferView>& of(BufferView view) { return bySize_[view.buffer->host ? 1 : 0]; }
    std::multimap<uint64_t, BufferView> bySize_[2];
  };

  static std::vector<Piece> piecesOf(const Slab& slab) {
    std::vector<Piece> pieces;
    auto range = slab.freeRanges.begin();
    auto block = slab.movable.begin();
    for (uint64_t at = 0; at < slab.buffer->size;) {
      while (block != slab.movable.end() && block->first < at) ++block;
      if (range != slab.freeRanges.end() && range->first == at) {
        pieces.push_back({at, range->second, nullptr});
        ++range;
      } else if (block != slab.movable.end() && block->first == at) {
        const bool isFree = block->second->state_.load(std::memory_order_relaxed) == 0;
        pieces.push_back({at, Arena::sizeOf(block->second->size), isFree ? block->second : nullptr, !isFree});
        ++block;
      } else {
        uint64_t end = slab.buffer->size;
        if (range != slab.freeRanges.end()) end = std::min(end, range->first);
        if (block != slab.movable.end()) end = std::min(end, block->first);
        pieces.push_back({at, end - at, nullptr, true});
      }
      at += pieces.back().size;
    }
    return pieces;
  }

  // From each piece on the shortest run without fixed ones that is long enough, and the shortest one in which enough is
  // free already.
  std::vector<Candidate> runs() const {
    std::vector<Candidate> all;
    size_t steps = 0;
    for (size_t s = 0; s < pieces_.size(); ++s) {
      const auto& pieces = pieces_[s];
      for (size_t first = 0; first < pieces.size(); ++first) {
        uint64_t length = 0, free = 0, moved = 0;
        for (size_t i = first; i < pieces.size() && !pieces[i].isFixed && free < size_; ++i) {
          if (++steps > kMostSteps) return all;
          const bool wasLong = length >= size_;
          length += pieces[i].size;
          (pieces[i].block ? moved : free) += pieces[i].size;
          if ((!wasLong && length >= size_) || free >= size_) all.push_back({true, s, first, i + 1, {}, moved});
        }
      }
    }
    return all;
  }

  // The least used ones (by their share: of their size) of which every block may be moved, so many that a new slab has
  // room, and no more than have to be.
  std::optional<Candidate> slabsToEmpty(bool byShare) const {
    std::vector<size_t> order;
    for (size_t s = 0; s < pieces_.size(); ++s)
      if (std::none_of(pieces_[s].begin(), pieces_[s].end(), [](const Piece& piece) { return piece.isFixed; }))
        order.push_back(s);
    const auto cost = [&](size_t s) {
      const double used = static_cast<double>(arena_.slabs_[s]->used);
      return byShare ? used / static_cast<double>(arena_.slabs_[s]->buffer->size) : used;
    };
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return cost(a) < cost(b); });
    Candidate all{.isRun = false};
    uint64_t reserved = arena_.reserved_;
    for (size_t s : order) {
      if (reserved + size_ <= arena_.limit_) break;
      reserved -= arena_.slabs_[s]->buffer->size;
      all.slabs.push_back(s);
    }
    if (all.slabs.empty() || reserved + size_ > arena_.limit_) return std::nullopt;
    std::erase_if(all.slabs, [&](size_t s) {
      if (reserved + arena_.slabs_[s]->buffer->size + size_ > arena_.limit_) return false;
      reserved += arena_.slabs_[s]->buffer->size;
      return true;
    });
    for (size_t s : all.slabs) all.bytes += arena_.slabs_[s]->used;
    return all;
  }

  // ---- one candidate

  // The large ones first, each where the least is left. What finds no room is left out.
  static std::vector<Move> placed(std::vector<Move> blocks, Holes holes, uint64_t enough) {
    std::stable_sort(blocks.begin(), blocks.end(),
                     [](const Move& a, const Move& b) { return a.from.size > b.from.size; });
    std::vector<Move> away;
    for (Move& move : blocks) {
      if (!enough) break;
      move.to = holes.take(move.from);
      if (!move.to) continue;
      enough -= std::min(enough, move.from.size);
      away.push_back(std::move(move));
    }
    return away;
  }

  Move moveOf(size_t slab, const Piece& piece) const {
    return {piece.block, {arena_.slabs_[slab]->buffer.get(), piece.offset, piece.size}, {}};
  }

  std::unique_ptr<Moves> clearRun(const Candidate& run) {
    const auto& pieces = pieces_[run.slab];
    Buffer* const buffer = arena_.slabs_[run.slab]->buffer.get();
    const uint64_t begin = pieces[run.first].offset, end = pieces[run.last - 1].offset + pieces[run.last - 1].size;
    auto moves = std::make_unique<Moves>();
    moves->run_ = {buffer, begin, end - begin};
    std::vector<Move> blocks;
    uint64_t free = 0;
    for (size_t i = run.first; i < run.last; ++i) {
      if (pieces[i].block)
        blocks.push_back(moveOf(run.slab, pieces[i]));
      else
        moves->free_.push_back({buffer, pieces[i].offset, pieces[i].size}), free += pieces[i].size;
    }
    if (free < size_) moves->away_ = placed(blocks, holes({}, moves->run_), size_ - free);
    for (const Move& move : moves->away_) free += move.from.size;
    if (free < size_) return nullptr;
    uint64_t at = begin, copies = moves->away_.size();
    std::unordered_set<const Movable*> away;
    for (const Move& move : moves->away_) away.insert(move.block.get());
    for (Move& move : blocks) {
      if (away.contains(move.block.get())) continue;
      move.to = {buffer, at, move.from.size};
      at += move.from.size;
      if (move.to.offset == move.from.offset) {  // it lies well, and is none of the run
        moves->run_ = {buffer, at, end - at};
        continue;
      }
      copies += stepsOf(move.from.size, move.from.offset - move.to.offset);
      moves->down_.push_back(std::move(move));
    }
    if (copies > kMostCopies) return nullptr;
    return claim(std::move(moves));
  }

  std::unique_ptr<Moves> emptySlabs(const Candidate& which) {
    std::vector<Move> blocks;
    for (size_t s : which.slabs)
      for (const Piece& piece : pieces_[s])
        if (piece.block) blocks.push_back(moveOf(s, piece));
    const size_t count = blocks.size();
    auto moves = std::make_unique<Moves>();
    moves->away_ = placed(std::move(blocks), holes(which.slabs, {}), ~uint64_t{0});
    if (moves->away_.size() < count || count > kMostCopies) return nullptr;
    return claim(std::move(moves));
  }

  // Free ranges beside these slabs, and beside the run.
  Holes holes(const std::vector<size_t>& without, BufferView run) const {
    Holes all;
    for (size_t s = 0; s < pieces_.size(); ++s) {
      if (std::find(without.begin(), without.end(), s) != without.end()) continue;
      for (const auto& [offset, size] : arena_.slabs_[s]->freeRanges) {
        const bool isInside = run.buffer == arena_.slabs_[s]->buffer.get() && offset < run.offset + run.size &&
                              offset + size > run.offset;
        if (!isInside) all.add({arena_.slabs_[s]->buffer.get(), offset, size});
      }
    }
    return all;
  }

  // Blocks are nobody's to hold from here on; null where somebody was quicker.
  std::unique_ptr<Moves> claim(std::unique_ptr<Moves> moves) {
    std::vector<Movable*> claimed;
    claimed.reserve(moves->blocks());
    std::vector<BufferView> ranges = moves->free_;
    for (const Move& move : moves->away_) ranges.push_back(move.to);
    const auto take = [&](const Move& move) {
      uint32_t none = 0;
      if (!move.block->state_.compare_exchange_strong(none, Movable::kMoving, std::memory_order_acq_rel)) return false;
      claimed.push_back(move.block.get());
      return true;
    };
    if (!std::all_of(moves->away_.begin(), moves->away_.end(), take) ||
        !std::all_of(moves->down_.begin(), moves->down_.end(), take)) {
      for (Movable* block : claimed) Arena::putDown(*block);
      return nullptr;
    }
    size_t taken = 0;
    try {
      for (; taken < ranges.size(); ++taken) takeRange(ranges[taken]);
    } catch (...) {
      while (taken) arena_.giveBack(ranges[--taken]);
      for (Movable* block : claimed) Arena::putDown(*block);
      throw;
    }
    return moves;
  }

  void takeRange(BufferView range) { arena_.takeAt(*arena_.slabOf(range.buffer), range.offset, range.size); }

  Arena& arena_;
  const uint64_t size_;
  std::vector<std::vector<Piece>> pieces_;  // of each slab, in order
};

bool Arena::mayHelpToMove(uint64_t refused) const {
  std::lock_guard lock(mutex_);
  return refused > 0 && refused <= limit_ - used_ &&
         std::any_of(slabs_.begin(), slabs_.end(), [](const auto& slab) { return !slab->movable.empty(); });
}

std::unique_ptr<Moves> Arena::planMoves(uint64_t refused, uint64_t taken) {
  std::lock_guard lock(mutex_);
  if (!refused || refused > limit_ || refused > limit_ - used_) return nullptr;
  if (refused == planned_.size && used_ >= planned_.used) return nullptr;
  trimLocked();
  // What the job has had besides is free by now: in one run with the rest of it, if that can be.
  const uint64_t both = refused + sizeOf(taken);
  std::unique_ptr<Moves> moves;
  if (taken && both <= limit_ - used_) moves = MovePlanner(*this, both).plan();
  if (!moves) moves = MovePlanner(*this, refused).plan();
  if (moves) planned_ = {refused, used_};
  return moves;
}

void Arena::endMoves(std::unique_ptr<Moves> moves, bool done) noexcept {
  std::lock_guard lock(mutex_);
  const BufferView run = moves->run_;
  const auto isInRun = [&](const BufferView& view) {
    return view.buffer == run.buffer && view.offset >= run.offset && view.offset < run.offset + run.size;
  };
  if (done) {
    uint64_t kept = 0;  // of the run
    for (const Move& move : moves->away_) {
      moveTo(move);
      if (!isInRun(move.from)) giveBack(move.from);
    }
    for (const Move& move : moves->down_) {
      moveTo(move);
      kept += move.to.size;
    }
    if (run.size > kept) giveBack(run.slice(kept, run.size - kept));
  } else {
    for (const Move& move : moves->away_) giveBack(move.to);
    for (const BufferView& free : moves->free_) giveBack(free);
    planned_ = {};
  }
  for (const auto* part : {&moves->away_, &moves->down_})
    for (const Move& move : *part) {
      if (move.block->isGone_) {
        forgetMovable(*move.block);
        freeLocked(move.block->view_);
      }
      putDown(*move.block);
    }
  trimLocked();
}

// Its old place is nobody's then. Who lies at the new one has moved before.
void Arena::moveTo(const Move& move) noexcept {
  auto entry = slabOf(move.from.buffer)->movable.extract(move.from.offset);
  move.block->view_ = {move.to.buffer, move.to.offset, move.block->size};
  entry.key() = move.to.offset;
  slabOf(move.to.buffer)->movable.insert(std::move(entry));
}

void Arena::putDown(Movable& block) noexcept {
  block.state_.fetch_and(~Movable::kMoving, std::memory_order_acq_rel);
  block.state_.notify_all();
}

Hold::Hold(std::shared_ptr<Movable> block, bool mayWait) {
  for (;;) {
    const uint32_t before = block->state_.fetch_add(1, std::memory_order_acquire);
    if (!(before & Movable::kMoving)) break;
    block->state_.fetch_sub(1, std::memory_order_relaxed);
    if (!mayWait) throw MustWait();
    for (uint32_t now; (now = block->state_.load(std::memory_order_acquire)) & Movable::kMoving;)
      block->state_.wait(now, std::memory_order_acquire);
  }
  block_ = std::move(block);
}

}  // namespace switchyard
