// First fit within slabs of growing size: jobs allocate and free in much the same order, so fragments stay few.
#include "memory/arena.h"

#include <algorithm>
#include <utility>

namespace switchyard {
namespace {
constexpr uint64_t kAlign = 256;
constexpr uint64_t kFirstSlab = 1 << 20, kMaxSlab = 32 << 20;
}  // namespace

uint64_t Arena::sizeOf(uint64_t bytes) { return std::max(kAlign, (bytes + kAlign - 1) / kAlign * kAlign); }

Arena::Arena(std::shared_ptr<Device> device, uint64_t limitBytes) : device_(std::move(device)), limit_(limitBytes) {}
Arena::~Arena() = default;

BufferView Arena::takeFrom(Slab& slab, uint64_t bytes) {
  for (auto it = slab.freeRanges.begin(); it != slab.freeRanges.end(); ++it) {
    if (it->second < bytes) continue;
    const auto [offset, size] = *it;
    if (size > bytes) {  // what is left takes its place: nothing is allocated
      auto rest = slab.freeRanges.extract(it++);
      rest.key() += bytes;
      rest.mapped() -= bytes;
      slab.freeRanges.insert(it, std::move(rest));
    } else {
      slab.freeRanges.erase(it);
    }
    slab.used += bytes;
    return {slab.buffer.get(), offset, bytes};
  }
  return {};
}

// A free range, or the part of one, at that very place.
void Arena::takeAt(Slab& slab, uint64_t offset, uint64_t bytes) {
  const auto range = std::prev(slab.freeRanges.upper_bound(offset));
  const uint64_t begin = range->first, end = begin + range->second;
  if (offset + bytes < end) slab.freeRanges.emplace(offset + bytes, end - offset - bytes);  // what may fail, first
  if (begin < offset)
    range->second = offset - begin;
  else
    slab.freeRanges.erase(range);
  slab.used += bytes;
}

Arena::Slab* Arena::addSlab(uint64_t bytes) {
  if (!mayGrow_.load(std::memory_order_relaxed)) throw MustWait();
  uint64_t size = std::min(kMaxSlab, std::max(kFirstSlab, reserved_));
  if (bytes > size / 2) size = bytes;
  // Near the limit a slab shrinks to what is asked for, and what is empty goes first.
  if (reserved_ + size > limit_) {
    trimLocked();
    size = std::max(bytes, std::min(size, limit_ > reserved_ ? limit_ - reserved_ : 0) / kAlign * kAlign);
  }
  if (bytes > limit_ || reserved_ + size > limit_) return nullptr;
  auto slab = std::make_unique<Slab>();
  slab->buffer = device_->allocate(size);
  slab->freeRanges.emplace(0, size);
  reserved_ += size;
  slabs_.push_back(std::move(slab));
  return slabs_.back().get();
}

// Free memory of some slab; null: there is none.
BufferView Arena::find(uint64_t size) {
  for (auto& slab : slabs_) {
    if (slab->buffer->size - slab->used < size) continue;
    if (BufferView view = takeFrom(*slab, size)) return view;
  }
  return {};
}

BufferView Arena::allocate(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  return allocateLocked(bytes);
}

Hold Arena::allocateMovable(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  const BufferView view = allocateLocked(bytes);
  try {
    auto block = std::make_shared<Movable>(view);
    slabOf(view.buffer)->movable.emplace(view.offset, block);
    return {std::move(block), Hold::Adopt{}};
  } catch (...) {
    freeLocked(view);
    throw;
  }
}

BufferView Arena::allocateLocked(uint64_t bytes) {
  const uint64_t size = bytes > limit_ ? bytes : sizeOf(bytes);  // rounding the largest numbers would wrap around
  BufferView view;
  if (last_ && last_.size == size) {
    view = std::exchange(last_, {});
  } else if (!(view = find(size))) {
    giveLast();
    view = find(size);
  }
  if (!view) {
    Slab* slab = nullptr;
    try {
      slab = addSlab(size);
    } catch (const Error& error) {  // the device has none
      if (error.code != Code::OutOfMemory) throw;
      throw NoRoom(error.what(), size);
    }
    if (!slab)
      throw NoRoom("a job needs " + std::to_string(bytes) + " more bytes of device memory, but " +
                       std::to_string(used_) + " of the context's limit of " + std::to_string(limit_) +
                       " are in use: raise memoryLimit, release tensors, or split the job",
                   size);
    view = takeFrom(*slab, size);
  }
  if (size == planned_.size) planned_ = {};
  used_ += size;
  maxUsed_ = std::max(maxUsed_, used_);
  return {view.buffer, view.offset, bytes};
}

void Arena::free(BufferView view) noexcept {
  if (!view) return;
  std::lock_guard lock(mutex_);
  freeLocked(view);
}

void Arena::free(const std::shared_ptr<Movable>& block) noexcept {
  if (!block) return;
  std::lock_guard lock(mutex_);
  if (block->state_.load(std::memory_order_acquire) & Movable::kMoving) {  // who moves it frees it then
    block->isGone_ = true;
    return;
  }
  forgetMovable(*block);
  freeLocked(block->view_);
}

void Arena::forgetMovable(const Movable& block) noexcept {
  if (Slab* slab = slabOf(block.view_.buffer)) slab->movable.erase(block.view_.offset);
}

void Arena::freeLocked(BufferView view) noexcept {
  view.size = sizeOf(view.size);
  used_ -= view.size;
  giveLast();
  last_ = view;
}

void Arena::giveLast() noexcept {
  if (last_) giveBack(std::exchange(last_, {}));
}

Arena::Slab* Arena::slabOf(const Buffer* buffer) noexcept {
  auto found = std::find_if(slabs_.begin(), slabs_.end(), [&](auto& s) { return s->buffer.get() == buffer; });
  return found == slabs_.end() ? nullptr : found->get();
}

void Arena::giveBack(BufferView view) noexcept {
  Slab* const found = slabOf(view.buffer);
  if (!found) return;
  Slab& slab = *found;
  uint64_t offset = view.offset, size = view.size;
  slab.used -= size;
  auto& ranges = slab.freeRanges;
  auto next = ranges.lower_bound(offset);
  const auto before = next == ranges.begin() ? ranges.end() : std::prev(next);
  const bool joinsNext = next != ranges.end() && offset + size == next->first,
             joinsBefore = before != ranges.end() && before->first + before->second == offset;
  if (joinsNext) size += next->second;
  if (joinsBefore) {
    before->second += size;
    if (joinsNext) ranges.erase(next);
  } else if (joinsNext) {  // it takes the place of the next: nothing is allocated
    auto range = ranges.extract(next++);
    range.key() = offset;
    range.mapped() = size;
    ranges.insert(next, std::move(range));
  } else {
    ranges.emplace_hint(next, offset, size);
  }
}

void Arena::trimLocked() noexcept {
  giveLast();
  std::erase_if(slabs_, [&](auto& slab) {
    if (slab->used) return false;
    reserved_ -= slab->buffer->size;
    return true;
  });
}

void Arena::trim() noexcept {
  std::lock_guard lock(mutex_);
  trimLocked();
}

ArenaUse Arena::use() const {
  std::lock_guard lock(mutex_);
  uint64_t largest = last_.size, empty = 0;
  for (const auto& slab : slabs_) {
    // The last one that was freed counts as free, with its neighbours.
    const bool hasLast = last_ && last_.buffer == slab->buffer.get();
    if (slab->used == (hasLast ? last_.size : 0)) empty += slab->buffer->size;
    uint64_t end = 0, run = 0;
    const auto add = [&](uint64_t offset, uint64_t size) {
      run = offset == end ? run + size : size;
      end = offset + size;
      largest = std::max(largest, run);
    };
    bool isAdded = !hasLast;
    for (const auto& [offset, size] : slab->freeRanges) {
      if (!isAdded && last_.offset < offset) add(last_.offset, last_.size), isAdded = true;
      add(offset, size);
    }
    if (!isAdded) add(last_.offset, last_.size);
  }
  return {used_, reserved_, maxUsed_, limit_, std::max(largest, (limit_ - (reserved_ - empty)) / kAlign * kAlign)};
}

}  // namespace switchyard
