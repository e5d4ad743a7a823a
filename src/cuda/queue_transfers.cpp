// Transfers: through staging memory, each way on its own stream, small ones together.
#include <algorithm>
#include <cstring>

#include "copy.h"
#include "queue.h"

namespace switchyard::cuda {
namespace {

// Smaller transfers go down the one stream: ordering two costs more than they take.
constexpr size_t kSmallTransfer = 64 << 10;
constexpr size_t kPartBytes = 16 << 20;  // staged bytes after which a part is cut off, so that blocks come back early
constexpr size_t kStagingAlign = 256;

[[noreturn]] void refuse(const std::string& text) { throw Error(Code::Internal, "cuda: " + text); }

}  // namespace

// Staging memory for up to `wanted` bytes, owned by the submission; `bytes` says how many it holds.
std::byte* CudaQueue::stage(size_t wanted, size_t& bytes) {
  bytes = std::min(wanted, PinnedPool::kMaxBlockBytes);
  if (recorded_.blocks.empty() || recorded_.blocks.back().bytes - blockUsed_ < bytes) {
    if (stagedBytes_ + bytes > kPartBytes) submitPart();
    for (;;) {
      recorded_.blocks.reserve(recorded_.blocks.size() + 1);
      const uint64_t generation = pool_->generation();
      const auto effort = mayWait_       ? PinnedPool::Effort::Wait
                          : mayTakeLong_ ? PinnedPool::Effort::Allocate
                                         : PinnedPool::Effort::Idle;
      if (const auto block = pool_->take(bytes, effort)) {
        recorded_.blocks.push_back(*block);
        break;
      }
      if (!mayWait_) throw MustWait();
      // What this queue holds comes back too, so that two queues never wait for each other's.
      submitPart();
      completer_->waitForBlock(*queueState_, generation);
      state_->enter();
    }
    blockUsed_ = 0;
  }
  std::byte* memory = recorded_.blocks.back().memory + blockUsed_;
  blockUsed_ =
      std::min((blockUsed_ + bytes + kStagingAlign - 1) / kStagingAlign * kStagingAlign, recorded_.blocks.back().bytes);
  stagedBytes_ += bytes;
  return memory;
}

// Hands the staging memory so far to the completion thread, which empties it as soon as the card is done with it.
void CudaQueue::submitPart() {
  if (recorded_.blocks.empty()) return;
  Submission part;
  part.end = markEnd();
  part.limit = recorded_.limit;
  part.blocks = std::move(recorded_.blocks);
  part.copies = std::move(recorded_.copies);
  recorded_.blocks.clear(), recorded_.copies.clear();
  blockUsed_ = stagedBytes_ = 0;
  parted_ = true;
  ++pushed_;
  completer_->push(*queueState_, std::move(part));
}

void CudaQueue::upload(BufferView dst, std::span<const std::byte> src) {
  if (src.empty()) return;
  state_->enter();
  std::byte* to = addressOf(dst, src.size());
  if (src.size() <= kSmallTransfer) return uploadSmall(to, src);
  orderLargeUpload(to, src.size());
  if (!recorded_.marks.uploadBegin) recorded_.marks.uploadBegin = mark(uploadStream_);
  if (state_->isPinned(src)) {
    uploadsToJoin_ = true;
    check(cudaMemcpyAsync(to, src.data(), src.size(), cudaMemcpyHostToDevice, uploadStream_), "an upload");
    return;
  }
  while (!src.empty()) {
    size_t bytes = 0;
    std::byte* staging = stage(src.size(), bytes);
    copyBytes(staging, src.data(), bytes);
    uploadsToJoin_ = true;
    check(cudaMemcpyAsync(to, staging, bytes, cudaMemcpyHostToDevice, uploadStream_), "an upload");
    to += bytes;
    src = src.subspan(bytes);
  }
}

// In their order, behind what this queue has done before.
void CudaQueue::uploadSmall(std::byte* to, std::span<const std::byte> src) {
  if (uploadsToJoin_) joinUploads();
  finishReads(to, src.size());
  smallUploads_.emplace_back(to, src.size());
  if (!recorded_.marks.uploadBegin) recorded_.marks.uploadBegin = mark(compute());
  if (state_->isPinned(src)) {
    sendSmall();
    check(cudaMemcpyAsync(to, src.data(), src.size(), cudaMemcpyHostToDevice, compute()), "an upload");
    return;
  }
  size_t bytes = 0;
  std::byte* const staging = stage(src.size(), bytes);
  std::memcpy(staging, src.data(), bytes);
  const bool overlaps = std::any_of(small_.begin(), small_.end(), [&](const Small& small) {
    return small.to < to + bytes && to < small.to + small.bytes;
  });
  if (overlaps) sendSmall();
  small_.push_back({staging, to, bytes});
}

// Several by one launch, which reads them where they are staged.
void CudaQueue::sendSmall() {
  if (small_.empty()) return;
  const void* const function = cudaKernel_scatter.choose(nullptr).function;
  if (small_.size() == 1 || !memory_->readsHost() || !(mayTakeLong_ || loaded_.contains(function))) {
    for (const Small& small : small_)
      check(cudaMemcpyAsync(small.to, small.from, small.bytes, cudaMemcpyHostToDevice, compute()), "an upload");
    small_.clear();
    return;
  }
  for (size_t first = 0; first < small_.size(); first += kScatterPieces) {
    ScatterParams params{};
    params.count = uint32_t(std::min<size_t>(kScatterPieces, small_.size() - first));
    for (uint32_t i = 0; i < params.count; ++i) {
      const Small& small = small_[first + i];
      params.from[i] = reinterpret_cast<uint64_t>(small.from), params.to[i] = reinterpret_cast<uint64_t>(small.to);
      params.bytes[i] = uint32_t(small.bytes);
    }
    launchKernel(cudaKernel_scatter, "scatter", uint64_t{params.count} * kScatterParts, {}, &params);
  }
  small_.clear();
}

void CudaQueue::download(std::span<std::byte> dst, BufferView src) {
  if (dst.empty()) return;
  state_->enter();
  const std::byte* from = addressOf(src, dst.size());
  joinUploads();
  if (!recorded_.marks.computeEnd) recorded_.marks.computeEnd = mark(compute());
  const bool isSmall = dst.size() <= kSmallTransfer;
  const cudaStream_t stream = isSmall ? compute() : downloads();
  if (isSmall) {
    computeDirty_ = true;
  } else {
    reading_.push_back({from, dst.size(), UINT64_MAX});
    order(compute(), stream);
    readsToJoin_ = true;
  }
  if (state_->isPinned(dst)) {
    check(cudaMemcpyAsync(dst.data(), from, dst.size(), cudaMemcpyDeviceToHost, stream), "a download");
    dst = {};
  }
  while (!dst.empty()) {
    size_t bytes = 0;
    std::byte* staging = stage(dst.size(), bytes);
    recorded_.copies.reserve(recorded_.copies.size() + 1);
    readsToJoin_ = readsToJoin_ || !isSmall;  // also where stage() has cut off a part
    check(cudaMemcpyAsync(staging, from, bytes, cudaMemcpyDeviceToHost, stream), "a download");
    recorded_.copies.push_back({staging, dst.data(), bytes});
    from += bytes;
    dst = dst.subspan(bytes);
  }
  if (!isSmall) reading_.back().number = pushed_;
}

void CudaQueue::copy(BufferView dst, BufferView src) {
  if (dst.size != src.size || dst.size % 4 != 0) refuse("copy takes equal sizes, multiples of 4 bytes");
  if (dst.size == 0) return;
  state_->enter();
  std::byte* to = addressOf(dst, dst.size);
  const std::byte* from = addressOf(src, src.size);
  beginCompute();
  finishReads(to, dst.size);
  check(cudaMemcpyAsync(to, from, dst.size, cudaMemcpyDeviceToDevice, compute()), "a copy on the card");
}

// Like a small upload: it comes after what this queue has done before.
void CudaQueue::copyFrom(BufferView dst, BufferView src) {
  if (dst.size != src.size) refuse("a copy from another card between views of different sizes");
  if (dst.size == 0) return;
  const auto* buffer = dynamic_cast<const CudaBuffer*>(src.buffer);
  if (!buffer) refuse("a copy from what is no card of CUDA's");
  const DeviceState& from = *buffer->from().state;
  if (from.lost()) throw SourceLost("cuda:" + std::to_string(from.ordinal));
  state_->enter();
  state_->reachPeer(from.ordinal);
  std::byte* const to = addressOf(dst, dst.size);
  joinUploads();
  finishReads(to, dst.size);
  smallUploads_.emplace_back(to, dst.size);
  if (!recorded_.marks.uploadBegin) recorded_.marks.uploadBegin = mark(compute());
  check(cudaMemcpyPeerAsync(to, state_->ordinal, addressOf(src, src.size), from.ordinal, dst.size, compute()),
        "a copy from another card");
}

void CudaQueue::fill(BufferView dst, uint32_t word) {
  if (dst.size % 4 != 0) refuse("fill takes a multiple of 4 bytes");
  if (dst.size == 0) return;
  state_->enter();
  std::byte* const to = addressOf(dst, dst.size);
  beginCompute();
  finishReads(to, dst.size);
  if (word == 0) return check(cudaMemsetAsync(to, 0, dst.size, compute()), "cudaMemset");
  const FillParams params{dst.size / 4, word};
  launchKernel(cudaKernel_fill, "fill", params.words, {&to, 1}, &params);
}

}  // namespace switchyard::cuda
