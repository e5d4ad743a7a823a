// Work on texts, on libuv's threads: a few lanes that take it from one queue.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "lane_runner.h"

namespace switchyard::node {

class TextLanes {
 public:
  static TextLanes& shared();  // never destroyed: libuv's threads may come by while the process exits
  // Must not throw. Any thread.
  void post(std::function<void()> piece);
  // How many pieces can be under way at once.
  size_t count() const { return lanes_.size(); }

 private:
  class TextLane;
  TextLanes();
  std::function<void()> take();

  std::mutex mutex_;
  std::deque<std::function<void()>> pieces_;
  size_t next_ = 0;  // lane to be woken
  std::vector<std::unique_ptr<TextLane>> lanes_;
};

}  // namespace switchyard::node
