// Blocks of an arena that may be moved while nobody uses them: what is in one does not change, so a copy is as good.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "device.h"

namespace switchyard {

// Where such a block lies. Only an Arena makes and moves it; everybody else reads the place by way of a Hold.
class Movable {
 public:
  explicit Movable(BufferView view) : size(view.size), view_(view) {}
  const uint64_t size;  // bytes that were asked for

 private:
  friend class Arena;
  friend class Hold;
  friend class MovePlanner;
  static constexpr uint32_t kMoving = 1u << 31;
  BufferView view_;                 // written while it is moving, by who moves it
  std::atomic<uint32_t> state_{1};  // holds, or kMoving; fresh ones have the hold of who made them
  bool isGone_ = false;             // it was freed while it was moved; under the arena's mutex
};

// Keeps a block where it is: for a job from its recording until the device has finished.
class Hold {
 public:
  Hold() = default;
  // Waits where the block is being moved, or, where it may not, throws MustWait. Who moves blocks waits for their
  // device alone, and nothing that ends its work waits here.
  Hold(std::shared_ptr<Movable> block, bool mayWait);
  ~Hold() { release(); }
  Hold(Hold&& other) noexcept : block_(std::move(other.block_)) {}
  Hold& operator=(Hold&& other) noexcept {
    if (this != &other) {
      release();
      block_ = std::move(other.block_);
    }
    return *this;
  }
  BufferView view() const { return block_ ? block_->view_ : BufferView{}; }
  const std::shared_ptr<Movable>& block() const { return block_; }

 private:
  friend class Arena;
  struct Adopt {};
  Hold(std::shared_ptr<Movable> block, Adopt) : block_(std::move(block)) {}
  void release() noexcept {
    if (block_) block_->state_.fetch_sub(1, std::memory_order_release);
    block_.reset();
  }
  std::shared_ptr<Movable> block_;
};

}  // namespace switchyard
