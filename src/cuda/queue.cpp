// Recording: launches, and what orders the streams and the submissions.
#include "queue.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include "program.h"

namespace switchyard::cuda {
namespace {

constexpr size_t kMaxBuffers = 16, kMaxParams = 128;
constexpr uint64_t kMaxGridX = 0x7FFFFFFF;
constexpr uint32_t kMaxGridY = 65535;
constexpr uint32_t kAtOnce = 2;

[[noreturn]] void refuse(const std::string& text) { throw Error(Code::Internal, "cuda: " + text); }

}  // namespace

CudaBuffer::CudaBuffer(std::shared_ptr<DeviceMemory> from, size_t bytes)
    : Buffer(bytes, nullptr), from_(std::move(from)) {
  from_->state->enter();
  memory_ = from_->take(bytes);
}

CudaBuffer::~CudaBuffer() { from_->giveBack(memory_, size); }

Stream::Stream(std::shared_ptr<DeviceState> state) : state_(std::move(state)) {
  state_->enter();
  state_->check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
}

Stream::~Stream() {
  if (!state_->lost() && cudaSetDevice(state_->ordinal) == cudaSuccess) cudaStreamDestroy(stream_);
}

CudaQueue::CudaQueue(std::shared_ptr<DeviceMemory> memory, std::shared_ptr<PinnedPool> pool,
                     std::shared_ptr<Completer> completer, const DeviceTraits& traits)
    : memory_(std::move(memory)),
      state_(memory_->state),
      pool_(std::move(pool)),
      completer_(std::move(completer)),
      stream_(state_),
      uploadStream_(state_),
      graphs_(state_),
      support_(memory_),
      library_(state_, traits, support_),
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

// `later` goes on when `earlier` has done what it was asked so far.
void CudaQueue::order(cudaStream_t earlier, cudaStream_t later) {
  const cudaEvent_t event = mark(earlier);
  const cudaError_t status = cudaStreamWaitEvent(later, event, 0);
  queueState_->giveBack(event);  // the wait is on what was recorded, not on the event
  check(status, "cudaStreamWaitEvent");
}

// Large uploads overtake earlier submissions, whose memory they may not touch, but not what this submission did before.
void CudaQueue::orderLargeUpload(const std::byte* to, size_t bytes) {
  finishReads(to, bytes, true);
  const bool overlaps = std::any_of(smallUploads_.begin(), smallUploads_.end(), [&](const auto& small) {
    return small.first < to + bytes && to < small.first + small.second;
  });
  if (!computeDirty_ && !overlaps) return;
  sendSmall();
  order(compute(), uploadStream_);
  computeDirty_ = false;
  smallUploads_.clear();
}

// What stream_, or the upload stream, is asked for from here on may write to these bytes.
void CudaQueue::finishReads(const std::byte* at, size_t bytes, bool forUpload) {
  if (reading_.empty()) return;
  std::erase_if(reading_, [settled = queueState_->settled()](const Reading& r) { return r.number < settled; });
  const bool overlaps = std::any_of(reading_.begin(), reading_.end(), [&](const Reading& r) {
    return (forUpload || !r.isBefore) && r.from < at + bytes && at < r.from + r.bytes;
  });
  if (!overlaps) return;
  order(*downloadStream_, forUpload ? static_cast<cudaStream_t>(uploadStream_) : compute());
  if (forUpload) return;
  for (Reading& reading : reading_) reading.isBefore = true;
}

// From here on stream_ comes after all uploads.
void CudaQueue::joinUploads() {
  sendSmall();
  if (!uploadsToJoin_) return;
  const cudaEvent_t uploaded = mark(uploadStream_);
  const cudaError_t status = cudaStreamWaitEvent(compute(), uploaded, 0);
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
  if (!recorded_.marks.computeBegin && !recorded_.marks.computeEnd) recorded_.marks.computeBegin = mark(compute());
  computeDirty_ = true;
}

// Behind everything that was recorded so far.
cudaEvent_t CudaQueue::markEnd() {
  joinUploads();
  if (!readsToJoin_) return mark(compute());
  order(compute(), *downloadStream_);
  readsToJoin_ = false;
  return mark(*downloadStream_);
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
  for (size_t i = 0; i < views.size(); ++i) {
    buffers[i] = addressOf(views[i], views[i].size);
    finishReads(buffers[i], views[i].size);
  }
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
  for (size_t i = 0; i < views.size(); ++i) {
    buffers[i] = addressOf(views[i].view, views[i].view.size);
    finishReads(buffers[i], views[i].view.size);
  }
  ProgramArguments arguments(plan, {buffers, views.size()}, params);
  beginCompute();
  compute();  // what was launched before goes first
  check(cudaLaunchKernel(kernel->function(), dim3(shape.grid[0], shape.grid[1], shape.grid[2]),
                         dim3(shape.block[0], shape.block[1], shape.block[2]), arguments.pointers(), plan.sharedBytes,
                         stream_),
        plan.who.c_str());
}

// The first launch of a kernel would load its code, which takes milliseconds and may wait for what the card computes.
void CudaQueue::load(const void* function, const char* name) {
  if (loaded_.contains(function)) return;
  if (!mayTakeLong_) throw MustWait();
  cudaFuncAttributes attributes{};
  check(cudaFuncGetAttributes(&attributes, function), name);
  loaded_.insert(function);
}

void CudaQueue::launchKernel(const CudaKernel& kernel, const char* name, uint64_t count,
                             std::span<std::byte* const> buffers, const void* params) {
  const CudaVariant& variant = kernel.choose(params);
  const Grid grid = foldGrid(count / variant.unitsPerBlock + (count % variant.unitsPerBlock != 0), kMaxGridX);
  if (grid.y > kMaxGridY) throw Error(Code::Unsupported, std::string(name) + ": more blocks than a launch can have");
  load(variant.function, name);
  // The first of a row go at once, so that the card has begun when the others are known.
  if (launchedInARow_ >= kAtOnce) {
    later_.add(variant.function, name, grid, variant.threads, buffers, params, kernel.paramsBytes);
    if (later_.size() == LaunchList::kMost) playLater();
    return;
  }
  ++launchedInARow_;
  const void* pointers[kMaxBuffers];
  void* arguments[kMaxBuffers + 1];
  for (size_t i = 0; i < buffers.size(); ++i) {
    pointers[i] = buffers[i];
    arguments[i] = &pointers[i];
  }
  arguments[buffers.size()] = const_cast<void*>(params);  // copied by the launch
  check(cudaLaunchKernel(variant.function, dim3(grid.x, grid.y), dim3(variant.threads), arguments, 0, stream_), name);
}

// stream_, which has been asked for all launches so far.
cudaStream_t CudaQueue::compute() {
  launchedInARow_ = 0;
  if (!later_.empty()) playLater();
  return stream_;
}

cudaStream_t CudaQueue::downloads() {
  if (!downloadStream_) {
    if (!mayTakeLong_) throw MustWait();
    downloadStream_.emplace(state_);
  }
  return *downloadStream_;
}

void CudaQueue::playLater() {
  graphs_.play(later_, stream_, mayTakeLong_);
  later_.clear();
}

// From here on the card never fails the caller: `done` hears of it, on the completion thread, after all earlier
// submissions.
void CudaQueue::submit(Completion done) {
  try {
    state_->enter();
    recorded_.end = markEnd();
  } catch (...) {
    recorded_.error = std::current_exception();
    drain();
  }
  recorded_.done = std::move(done);
  Submission submission = std::exchange(recorded_, {});
  forgetRecorded();
  ++pushed_;
  completer_->push(*queueState_, std::move(submission));
}

void CudaQueue::discard() noexcept {
  const bool started = parted_ || uploadsToJoin_ || readsToJoin_ || computeDirty_ || !small_.empty() ||
                       !later_.empty() || !recorded_.blocks.empty() || recorded_.marks.uploadBegin ||
                       recorded_.marks.computeBegin || recorded_.marks.computeEnd;
  if (!started) {
    recorded_.limit = {};  // what the dropped job was said to take
    return;
  }
  drain();
  if (parted_) {  // their copies go to memory that the caller may now take back
    completer_->waitIdle(*queueState_);
    completer_->forgetPartError(*queueState_);
  }
  dropRecorded();
}

void CudaQueue::forgetRecorded() noexcept {
  blockUsed_ = stagedBytes_ = 0;
  parted_ = uploadsToJoin_ = readsToJoin_ = computeDirty_ = false;
  small_.clear();
  smallUploads_.clear();
  later_.clear();
  launchedInARow_ = 0;
}

void CudaQueue::dropRecorded() noexcept {
  queueState_->giveBack(recorded_.marks);
  for (const PinnedBlock& block : recorded_.blocks) pool_->giveBack(block);
  recorded_ = {};
  reading_.clear();  // drain() has waited for them
  forgetRecorded();
}

// Waits until the card has finished everything of this queue, in finite steps; a card that doesn't is lost. Its time
// begins when what may go before it, and takes as long as it was said to, has been answered.
void CudaQueue::drain() noexcept {
  auto begin = Clock::now();
  for (const Stream* each : {&uploadStream_, &stream_, downloadStream_ ? &*downloadStream_ : nullptr}) {
    if (!each) continue;
    const cudaStream_t stream = *each;
    while (!state_->lost()) {
      const cudaError_t status = cudaStreamQuery(stream);
      if (status == cudaSuccess) break;
      if (status == cudaErrorNotReady) {
        if (completer_->awaits(*queueState_)) begin = Clock::now();
        if (Clock::now() - begin > std::max(watchdog.load(), recorded_.limit))
          state_->lose("no answer while a failed job was dropped");
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
