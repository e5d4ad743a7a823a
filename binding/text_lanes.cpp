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
    while (auto piece = all_.take(*this)) {
      piece();
      if (turn.isOver()) return true;
    }
    return false;
  }
  void rest() override {}
  void wake() { runner_->wake(); }

  // Under mutex_: it has been woken, and will look for pieces until there are none.
  bool looks = false;

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

void TextLanes::post(std::vector<Piece> pieces) {
  std::list<Call> call;
  const size_t count = pieces.size();
  call.push_back({std::move(pieces)});
  std::vector<TextLane*> woken;
  woken.reserve(lanes_.size());
  {
    std::lock_guard lock(mutex_);
    calls_.splice(calls_.end(), call);
    // Those that look already come by, but maybe late: they may be inside of a long text.
    for (const auto& lane : lanes_) {
      if (woken.size() == count) break;
      if (std::exchange(lane->looks, true)) continue;
      woken.push_back(lane.get());
    }
  }
  for (TextLane* lane : woken) lane->wake();
}

TextLanes::Piece TextLanes::take(TextLane& lane) {
  std::lock_guard lock(mutex_);
  lane.looks = !calls_.empty();
  if (!lane.looks) return nullptr;
  Call& call = calls_.front();
  Piece piece = std::move(call.pieces[call.next++]);
  if (call.next == call.pieces.size())
    calls_.pop_front();
  else
    calls_.splice(calls_.end(), calls_, calls_.begin());
  return piece;
}

}  // namespace switchyard::node
