// What Arena::planMoves() gives: copies that bring blocks of an arena together.
#pragma once
#include <memory>
#include <vector>

#include "memory/arena.h"

namespace switchyard {

// A block whose bytes are to be copied. Both places are whole: of a multiple of 256 bytes.
struct Move {
  std::shared_ptr<Movable> block;
  BufferView from, to;
};

class Moves {
 public:
  // In this order. Both ends of one have the same size, a multiple of 4 bytes, and don't overlap.
  struct Copy {
    BufferView to, from;
  };
  std::vector<Copy> copies() const;
  size_t blocks() const { return away_.size() + down_.size(); }
  // Whether some are copied over what others, or they themselves, were before: then blocks are whole after all copies
  // alone.
  bool overwrites() const { return !down_.empty(); }

 private:
  friend class Arena;
  friend class MovePlanner;
  std::vector<Move> away_;  // into free ranges elsewhere
  std::vector<Move> down_;  // within the run, towards its begin, in the order of their places
  BufferView run_;          // that is cleared, all of which is taken meanwhile; null: whole slabs are emptied instead
  std::vector<BufferView> free_;  // what of it was free
};

}  // namespace switchyard
