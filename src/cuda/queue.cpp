// Recording: transfers through staging memory, launches, and the events that a submission waits for.
#include "queue.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include "program.h"

namespace switchyard::cuda {
namespace {

// Smaller uploads go down the one stream: ordering two costs more than they take.
constexpr size_t kSmallUpload = 64 << 10;
constexpr size_t kPartBytes = 16 << 20;  // staged bytes after which a part is cut off, so that blocks come back early
constexpr size_t kStagingAlign = 256;
constexpr size_t kMaxBuffers = 16, kMaxParams = 128;
constexpr uint64_t kMaxGridX = 0x7FFFFFFF;
constexpr uint32_t kMaxGridY = 65535;

[[noreturn]] void refuse(const std::string& text) { throw Error(Code::Internal, "cuda: " + text); }

}  // namespace

CudaBuffer::CudaBuffer(std::shared_ptr<DeviceState> state, size_t bytes)
    : Buffer(bytes, nullptr), state_(std::move(state)) {
  state_->enter();
  void* memory = nullptr;
  const cudaError_t status = cudaMalloc(&memory, std::max<size_t>((bytes + 3) / 4 * 4, 4));
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    size_t freeBytes = 0, totalBytes = 0;
    if (cudaMemGetInfo(&freeBytes, &totalBytes) != cudaSuccess) cudaGetLastError();
    throw Error(Code::OutOfMemory, "cuda:" + std::to_string(state_->ordinal) + " has no " + std::to_string(bytes) +
                                       " bytes left: " + std::to_string(freeBytes) + " of " +
                                       std::to_string(totalBytes) + " are free");
  }
  state_->check(status, "cudaMalloc");
  memory_ = static_cast<std::byte*>(memory);
}

CudaBuffer::~CudaBuffer() {
  // Freeing waits for the card: not for one that is lost.
  if (state_->lost() || cudaSetDevice(state_->ordinal) != cudaSuccess) return;
  cudaFree(memory_);
}

Stream::Stream(std::shared_ptr<DeviceState> state) : state_(std::move(state)) {
  state_->enter();
  state_->check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
}

Stream::~Stream() {
  if (!state_->lost() && cudaSetDevice(state_->ordinal) == cudaSuccess) cudaStreamDestroy(stream_);
}

CudaQueue::CudaQueue(std::shared_ptr<DeviceState> state, std::shared_ptr<PinnedPool> pool,
                     std::shared_ptr<Completer> completer, const DeviceTraits& traits)
    : state_(std::move(state)),
      pool_(std::move(pool)),
      completer_(std::move(completer)),
      stream_(state_),
      uploadStream_(state_),
      library_(state_, traits),
      queueState_(completer_->addQueue()) {}

CudaQueue::~CudaQueue() {
  discard();
  completer_->waitIdle(*queueState_);
  completer_->removeQueue(queueState_);
}

std::byte* CudaQueue::addressOf(const BufferView& view, uint64_t bytes) const {
  if (!view.buffer) refuse("a view without a buffer");
  if (view.offset > view.buffer->size || bytes > view.buffer->size - view.offset)
    refuse("a view past the end of its buffer");
  return static_cast<const CudaBuffer*>(view.buffer)->memory() + view.offset;
}

// An event recorded now; the caller owns it.
cudaEvent_t CudaQueue::mark(cudaStream_t stream) {
  const cudaEvent_t event = queueState_->takeEvent();
  const cudaError_t status = cudaEventRecord(event, stream);
  if (status != cudaSuccess) queueState_->giveBack(event);
  check(status, "cudaEventRecord");
  return event;
}

// Large uploads overtake earlier submissions, whose memory they may not touch, but not what this submission did before.
void CudaQueue::orderLargeUpload(const std::byte* to, size_t bytes) {
  const bool overlaps = std::any_of(smallUploads_.begin(), smallUploads_.end(), [&](const auto& small) {
    return small.first < to + bytes && to < small.first + small.second;
  });
  if (!computeDirty_ && !overlaps) return;
  const cudaEvent_t before = mark(stream_);
  const cudaError_t status = cudaStreamWaitEvent(uploadStream_, before, 0);
  queueState_->giveBack(before);  // the wait is on what was recorded, not on the event
  check(status, "cudaStreamWaitEvent");
  computeDirty_ = false;
  smallUploads_.clear();
}

// From here on stream_ comes after all large uploads.
void CudaQueue::joinUploads() {
  if (!uploadsToJoin_) return;
  const cudaEvent_t uploaded = mark(uploadStream_);
  const cudaError_t status = cudaStreamWaitEvent(stream_, uploaded, 0);
  if (status == cudaSuccess && !recorded_.marks.computeBegin && !recorded_.marks.computeEnd) {
    queueState_->giveBack(recorded_.marks.uploadEnd);
    recorded_.marks.uploadEnd = uploaded;
  } else {
    queueState_->giveBack(uploaded);
  }
  check(status, "cudaStreamWaitEvent");
  uploadsToJoin_ = false;
}

void CudaQueue::beginCompute() {
  joinUploads();
  if (!recorded_.marks.computeBegin && !recorded_.marks.computeEnd) recorded_.marks.computeBegin = mark(stream_);
  computeDirty_ = true;
}

// Staging memory for up to `wanted` bytes, owned by the submission; `bytes` says how many it holds.
std::byte* CudaQueue::stage(size_t wanted, size_t& bytes) {
  bytes = std::min(wanted, PinnedPool::kMaxBlockBytes);
  if (recorded_.blocks.empty() || recorded_.blocks.back().bytes - blockUsed_ < bytes) {
    if (stagedBytes_ + bytes > kPartBytes) submitPart();
    for (;;) {
      recorded_.blocks.reserve(recorded_.blocks.size() + 1);
      const uint64_t generation = pool_->generation();
      if (const auto block = pool_->take(bytes)) {
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
  joinUploads();
  Submission part;
  part.end = mark(stream_);
  part.blocks = std::move(recorded_.blocks);
  part.copies = std::move(recorded_.copies);
  recorded_.blocks.clear(), recorded_.copies.clear();
  blockUsed_ = stagedBytes_ = 0;
  parted_ = true;
  completer_->push(*queueState_, std::move(part));
}

void CudaQueue::upload(BufferView dst, std::span<const std::byte> src) {
  if (src.empty()) return;
  state_->enter();
  std::byte* to = addressOf(dst, src.size());
  const bool large = src.size() > kSmallUpload;
  if (large) {
    orderLargeUpload(to, src.size());
  } else {
    joinUploads();
    smallUploads_.emplace_back(to, src.size());
  }
  const cudaStream_t stream = large ? uploadStream_ : stream_;
  if (!recorded_.marks.uploadBegin) recorded_.marks.uploadBegin = mark(stream);
  if (state_->isPinned(src)) {
    uploadsToJoin_ = uploadsToJoin_ || large;
    check(cudaMemcpyAsync(to, src.data(), src.size(), cudaMemcpyHostToDevice, stream), "an upload");
    return;
  }
  while (!src.empty()) {
    size_t bytes = 0;
    std::byte* staging = stage(src.size(), bytes);
    std::memcpy(staging, src.data(), bytes);
    uploadsToJoin_ = uploadsToJoin_ || large;
    check(cudaMemcpyAsync(to, staging, bytes, cudaMemcpyHostToDevice, stream), "an upload");
    to += bytes;
    src = src.subspan(bytes);
  }
}

void CudaQueue::download(std::span<std::byte> dst, BufferView src) {
  if (dst.empty()) return;
  state_->enter();
  const std::byte* from = addressOf(src, dst.size());
  joinUploads();
  if (!recorded_.marks.computeEnd) recorded_.marks.computeEnd = mark(stream_);
  computeDirty_ = true;
  if (state_->isPinned(dst))
    return check(cudaMemcpyAsync(dst.data(), from, dst.size(), cudaMemcpyDeviceToHost, stream_), "a download");
  while (!dst.empty()) {
    size_t bytes = 0;
    std::byte* staging = stage(dst.size(), bytes);
    recorded_.copies.reserve(recorded_.copies.size() + 1);
    check(cudaMemcpyAsync(staging, from, bytes, cudaMemcpyDeviceToHost, stream_), "a download");
    recorded_.copies.push_back({staging, dst.data(), bytes});
    from += bytes;
    dst = dst.subspan(bytes);
  }
}

void CudaQueue::copy(BufferView dst, BufferView src) {
  if (dst.size != src.size || dst.size % 4 != 0) refuse("copy takes equal sizes, multiples of 4 bytes");
  if (dst.size == 0) return;
  state_->enter();
  std::byte* to = addressOf(dst, dst.size);
  const std::byte* from = addressOf(src, src.size);
  beginCompute();
  check(cudaMemcpyAsync(to, from, dst.size, cudaMemcpyDeviceToDevice, stream_), "a copy on the card");
}

// Like a small upload: it comes after what this queue has done before.
void CudaQueue::copyFrom(BufferView dst, BufferView src) {
  if (dst.size != src.size) refuse("a copy from another card between views of different sizes");
  if (dst.size == 0) return;
  const auto* buffer = dynamic_cast<const CudaBuffer*>(src.buffer);
  if (!buffer) refuse("a copy from what is no card of CUDA's");
  const DeviceState& from = buffer->state();
  if (from.lost()) throw SourceLost("cuda:" + std::to_string(from.ordinal));
  state_->enter();
  state_->reachPeer(from.ordinal);
  std::byte* const to = addressOf(dst, dst.size);
  joinUploads();
  smallUploads_.emplace_back(to, dst.size);
  if (!recorded_.marks.uploadBegin) recorded_.marks.uploadBegin = mark(stream_);
  check(cudaMemcpyPeerAsync(to, state_->ordinal, addressOf(src, src.size), from.ordinal, dst.size, stream_),
        "a copy from another card");
}

void CudaQueue::fill(BufferView dst, uint32_t word) {
  if (dst.size % 4 != 0) refuse("fill takes a multiple of 4 bytes");
  if (dst.size == 0) return;
  state_->enter();
  std::byte* const to = addressOf(dst, dst.size);
  beginCompute();
  if (word == 0) return check(cudaMemsetAsync(to, 0, dst.size, stream_), "cudaMemset");
  const FillParams params{dst.size / 4, word};
  launchKernel(cudaKernel_fill, "fill", params.words, {&to, 1}, &params);
}

void CudaQueue::launch(Kernel kernel, uint64_t count, std::span<const BufferView> views,
                       std::span<const std::byte> params) {
  static_assert(std::size(kKernelTable) == size_t(Kernel::kCount), "the table follows kernels.def");
  const char* name = kernelName(kernel);
  const CudaKernel* entry = kKernelTable[size_t(kernel)];
  if (!entry) refuse(std::string(name) + " is a kernel of the CPU only");
  if (views.size() != entry->buffers || views.size() > kMaxBuffers || params.size() != entry->paramsBytes ||
      params.size() > kMaxParams)
    refuse(std::string(name) + " was given " + std::to_string(views.size()) + " buffers and " +
           std::to_string(params.size()) + " bytes of params, not " + std::to_string(entry->buffers) + " and " +
           std::to_string(entry->paramsBytes));
  if (count == 0) return;
  state_->enter();
  std::byte* buffers[kMaxBuffers];
  for (size_t i = 0; i < views.size(); ++i) buffers[i] = addressOf(views[i], views[i].size);
  alignas(16) std::byte aligned[kMaxParams];
  std::memcpy(aligned, params.data(), params.size());
  beginCompute();
  launchKernel(*entry, name, count, {buffers, views.size()}, aligned);
}

void CudaQueue::launch(const std::shared_ptr<const Program>& program, Extent groups, std::span<const ProgramView> views,
                       std::span<const std::byte> params) {
  const auto* kernel = dynamic_cast<const CudaProgram*>(program.get());
  if (!kernel || kernel->state != state_.get()) refuse("a program that was not compiled for this device");
  const ProgramPlan& plan = kernel->plan;
  if (views.size() != plan.bindings || views.size() > kMaxBuffers || params.size() != plan.paramBytes)
    refuse(plan.who + " was given " + std::to_string(views.size()) + " buffers and " + std::to_string(params.size()) +
           " bytes of params, not " + std::to_string(plan.bindings) + " and " + std::to_string(plan.paramBytes));
  if (groups[0] == 0 || groups[1] == 0 || groups[2] == 0) return;
  const LaunchShape shape = shapeOf(plan, groups);
  state_->enter();
  std::byte* buffers[kMaxBuffers];
  for (size_t i = 0; i < views.size(); ++i) buffers[i] = addressOf(views[i].view, views[i].view.size);
  ProgramArguments arguments(plan, {buffers, views.size()}, params);
  beginCompute();
  check(cudaLaunchKernel(kernel->function(), dim3(shape.grid[0], shape.grid[1], shape.grid[2]),
                         dim3(shape.block[0], shape.block[1], shape.block[2]), arguments.pointers(), plan.sharedBytes,
                         stream_),
        plan.who.c_str());
}

void CudaQueue::launchKernel(const CudaKernel& kernel, const char* name, uint64_t count,
                             std::span<std::byte* const> buffers, const void* params) {
  const CudaVariant& variant = kernel.choose(params);
  const Grid grid = foldGrid(count / variant.unitsPerBlock + (count % variant.unitsPerBlock != 0), kMaxGridX);
  if (grid.y > kMaxGridY) throw Error(Code::Unsupported, std::string(name) + ": more blocks than a launch can have");
  const void* pointers[kMaxBuffers];
  void* arguments[kMaxBuffers + 1];
  for (size_t i = 0; i < buffers.size(); ++i) {
    pointers[i] = buffers[i];
    arguments[i] = &pointers[i];
  }
  arguments[buffers.size()] = const_cast<void*>(params);  // copied by the launch
  check(cudaLaunchKernel(variant.function, dim3(grid.x, grid.y), dim3(variant.threads), arguments, 0, stream_), name);
}

// From here on the card never fails the caller: `done` hears of it, on the completion thread, after all earlier
// submissions.
void CudaQueue::submit(Completion done) {
  try {
    state_->enter();
    joinUploads();
    recorded_.end = mark(stream_);
  } catch (...) {
    recorded_.error = std::current_exception();
    drain();
  }
  recorded_.done = std::move(done);
  Submission submission = std::exchange(recorded_, {});
  blockUsed_ = stagedBytes_ = 0;
  parted_ = uploadsToJoin_ = computeDirty_ = false;
  smallUploads_.clear();
  completer_->push(*queueState_, std::move(submission));
}

void CudaQueue::discard() noexcept {
  const bool started = parted_ || uploadsToJoin_ || computeDirty_ || !recorded_.blocks.empty() ||
                       recorded_.marks.uploadBegin || recorded_.marks.computeBegin || recorded_.marks.computeEnd;
  if (!started) return;
  drain();
  if (parted_) {  // their copies go to memory that the caller may now take back
    completer_->waitIdle(*queueState_);
    completer_->forgetPartError(*queueState_);
  }
  dropRecorded();
}

void CudaQueue::dropRecorded() noexcept {
  queueState_->giveBack(recorded_.marks);
  for (const PinnedBlock& block : recorded_.blocks) pool_->giveBack(block);
  recorded_ = {};
  blockUsed_ = stagedBytes_ = 0;
  parted_ = uploadsToJoin_ = computeDirty_ = false;
  smallUploads_.clear();
}

// Waits until the card has finished everything of this queue, in finite steps; a card that doesn't is lost.
void CudaQueue::drain() noexcept {
  const auto begin = Clock::now();
  for (cudaStream_t stream : {static_cast<cudaStream_t>(uploadStream_), static_cast<cudaStream_t>(stream_)}) {
    while (!state_->lost()) {
      const cudaError_t status = cudaStreamQuery(stream);
      if (status == cudaSuccess) break;
      if (status == cudaErrorNotReady) {
        if (Clock::now() - begin > kWatchdog) state_->lose("no answer while a failed job was dropped");
        std::this_thread::sleep_for(std::chrono::microseconds(50));
        continue;
      }
      cudaGetLastError();
      // Whatever it is, it can't be waited for.
      state_->lose(std::string("a failed job could not be dropped: ") + cudaGetErrorName(status), endsProcess(status));
    }
  }
}

}  // namespace switchyard::cuda
