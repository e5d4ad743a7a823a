// Work on texts, on libuv's threads: a few lanes that take it from one queue.
#pragma once
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "lane_runner.h"

namespace switchyard::node {

class TextLanes {
 public:
  using Piece = std::function<void()>;  // must not throw
  // Never destroyed: libuv's threads may come by while the process exits. Throws where the system has no room for it.
  static TextLanes& shared();
  // All of a call's; or none, where it throws. Calls take turns, piece by piece. Any thread.
  void post(std::vector<Piece> pieces);

 private:
  class TextLane;
  struct Call {
    std::vector<Piece> pieces;
    size_t next = 0;
  };
  TextLanes();
  Piece take(TextLane& lane);

  std::mutex mutex_;
  std::list<Call> calls_;  // that of the next piece first; none without one
  std::vector<std::unique_ptr<TextLane>> lanes_;
};

}  // namespace switchyard::node
