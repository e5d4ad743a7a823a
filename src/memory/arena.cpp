// First fit within slabs of growing size: jobs allocate and free in much the same order, so fragments stay few.
#include "memory/arena.h"

#include <algorithm>

namespace switchyard {
namespace {
constexpr uint64_t kAlign = 256;
constexpr uint64_t kFirstSlab = 1 << 20, kMaxSlab = 32 << 20;
uint64_t rounded(uint64_t bytes) { return std::max(kAlign, (bytes + kAlign - 1) / kAlign * kAlign); }
}  // namespace

Arena::Arena(std::shared_ptr<Device> device, uint64_t limitBytes) : device_(std::move(device)), limit_(limitBytes) {}
Arena::~Arena() = default;

BufferView Arena::takeFrom(Slab& slab, uint64_t bytes) {
  for (auto it = slab.freeRanges.begin(); it != slab.freeRanges.end(); ++it) {
    if (it->second < bytes) continue;
    auto [offset, size] = *it;
    slab.freeRanges.erase(it);
    if (size > bytes) slab.freeRanges.emplace(offset + bytes, size - bytes);
    slab.used += bytes;
    used_ += bytes;
    maxUsed_ = std::max(maxUsed_, used_);
    return {slab.buffer.get(), offset, bytes};
  }
  return {};
}

Arena::Slab* Arena::addSlab(uint64_t bytes) {
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

BufferView Arena::allocate(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  uint64_t size = bytes > limit_ ? bytes : rounded(bytes);  // rounding the largest numbers would wrap around
  for (auto& slab : slabs_) {
    if (slab->buffer->size - slab->used < size) continue;
    if (BufferView view = takeFrom(*slab, size)) return {view.buffer, view.offset, bytes};
  }
  Slab* slab = addSlab(size);
  if (!slab)
    throw Error(Code::OutOfMemory, "a job needs " + std::to_string(bytes) + " more bytes of device memory, but " +
                                       std::to_string(used_) + " of the context's limit of " + std::to_string(limit_) +
                                       " are in use: raise memoryLimit, release tensors, or split the job");
  BufferView view = takeFrom(*slab, size);
  return {view.buffer, view.offset, bytes};
}

void Arena::free(BufferView view) noexcept {
  if (!view) return;
  std::lock_guard lock(mutex_);
  auto found = std::find_if(slabs_.begin(), slabs_.end(), [&](auto& s) { return s->buffer.get() == view.buffer; });
  if (found == slabs_.end()) return;
  Slab& slab = **found;
  uint64_t offset = view.offset, size = rounded(view.size);
  slab.used -= size;
  used_ -= size;
  auto next = slab.freeRanges.lower_bound(offset);
  if (next != slab.freeRanges.end() && offset + size == next->first) {
    size += next->second;
    next = slab.freeRanges.erase(next);
  }
  if (next != slab.freeRanges.begin()) {
    auto before = std::prev(next);
    if (before->first + before->second == offset) {
      before->second += size;
      size = 0;
    }
  }
  if (size) slab.freeRanges.emplace(offset, size);
}

void Arena::trimLocked() noexcept {
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
  return {used_, reserved_, maxUsed_, limit_};
}

}  // namespace switchyard
