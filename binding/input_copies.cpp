// The key is an address: it stays the array's as long as the copy holds the array's memory.
#include "input_copies.h"

#include <cstring>

#include "held_memory.h"

namespace switchyard::node {

constexpr uint64_t kTurnBytes = 2 << 20;  // some 0.3 ms

CopyCounts& copyCounts() {
  static CopyCounts counts;
  return counts;
}

void copyBytes(std::byte* to, const std::byte* from, size_t bytes, bool onLoop) {
  std::memcpy(to, from, bytes);
  copyCounts().bytes.fetch_add(bytes, std::memory_order_relaxed);
  if (onLoop) copyCounts().onLoop.fetch_add(bytes, std::memory_order_relaxed);
}

uint64_t InputCopy::nextNumber() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

void InputCopy::fill(std::shared_ptr<SharedBlock> block, bool onLoop) {
  copyBytes(block->data(), from_, bytes_, onLoop);
  block_ = std::move(block);
  ready_.store(true, std::memory_order_release);
}

void InputCopy::make(bool onLoop) {
  if (!ready()) fill(SharedHeap::shared().allocate(bytes_), onLoop);
}

bool InputCopy::makeNow() {
  auto block = SharedHeap::shared().allocateTouched(bytes_);
  if (!block) return false;
  fill(std::move(block), true);
  return true;
}

bool InputCopies::mayCopyNow(double& copied, uint64_t bytes) {
  if (copied + double(bytes) > double(kTurnBytes)) return false;
  copied += double(bytes);
  return true;
}

std::shared_ptr<InputCopy> InputCopies::of(napi_env env, const TensorArg& input, napi_value array) {
  const Key key{input.host, input.spec.bytes(), input.spec.dtype};
  if (auto found = copies_.find(key); found != copies_.end())
    if (auto known = found->second.lock()) return known;
  auto hold = holdMemory(env, array);
  if (!hold) return nullptr;
  std::erase_if(copies_, [](const auto& entry) { return entry.second.expired(); });
  auto copy = std::make_shared<InputCopy>(input.host, input.spec.bytes(), std::move(hold));
  copies_.insert_or_assign(key, copy);
  return copy;
}

}  // namespace switchyard::node
