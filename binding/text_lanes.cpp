// As many lanes as this process has processors: more would only take turns.
#include "text_lanes.h"

#include <uv.h>

#include <algorithm>
#include <utility>

#include "libuv_pool.h"

namespace switchyard::node {

class TextLanes::TextLane final : public Lane {
 public:
  explicit TextLane(TextLanes& all) : all_(all), runner_(libuvPool().makeRunner(*this, true)) {}
  bool drain(const Turn& turn) override {
    while (auto piece = all_.take()) {
      piece();
      if (turn.isOver()) return true;
    }
    return false;
  }
  void rest() override {}
  void wake() { runner_->wake(); }

 private:
  TextLanes& all_;
  const std::unique_ptr<LaneRunner> runner_;
};

TextLanes& TextLanes::shared() {
  static TextLanes* lanes = new TextLanes;
  return *lanes;
}

TextLanes::TextLanes() {
  for (unsigned i = 0, count = std::max(uv_available_parallelism(), 1u); i < count; ++i)
    lanes_.push_back(std::make_unique<TextLane>(*this));
}

void TextLanes::post(std::function<void()> piece) {
  TextLane* lane;
  {
    std::lock_guard lock(mutex_);
    pieces_.push_back(std::move(piece));
    lane = lanes_[next_++ % lanes_.size()].get();
  }
  lane->wake();
}

std::function<void()> TextLanes::take() {
  std::lock_guard lock(mutex_);
  if (pieces_.empty()) return nullptr;
  auto piece = std::move(pieces_.front());
  pieces_.pop_front();
  return piece;
}

}  // namespace switchyard::node
