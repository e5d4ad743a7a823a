// Recording and submission.
#include "vulkan/queue.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "params.h"

namespace switchyard::vulkan {
namespace {

// Bytes for one group from which on it is made large on software drivers, which cut long loops off (shaders/rows.glsl).
constexpr uint64_t kLongRowBytes = 512 << 10;
// Of long work, a submission. Two are on the device at once, so that it never waits: a cancel is heard after both.
constexpr double kSoftwarePieceNs = 8e6, kCardPieceNs = 300e6;
constexpr size_t kCopyBytes = 16 << 20;  // that are copied without a look at whether the job is canceled
// The longest rows of a search where drivers cut loops, by its shader.
constexpr uint32_t kScanColumns = 4096, kTileColumns = 65536, kDirectColumns = 3584;
// Of a matrix product where drivers cut loops: of float32 alone, and of other formats.
constexpr uint32_t kLoopMaxK = 32768, kLoopMaxKOfAny = 8192;
constexpr VkPipelineStageFlags kWorkStages = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
constexpr VkPipelineStageFlags kDrawStages =
    VK_PIPELINE_STAGE_VERTEX_INPUT_BIT | VK_PIPELINE_STAGE_VERTEX_SHADER_BIT | VK_PIPELINE_STAGE_FRAGMENT_SHADER_BIT;
constexpr VkAccessFlags kWrites = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
constexpr VkAccessFlags kReads = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_TRANSFER_READ_BIT;

[[noreturn]] void misuse(const std::string& what) { throw Error(Code::Internal, "vulkan queue: " + what); }

const GpuBuffer& bufferOf(const BufferView& view) {
  if (!view.buffer) misuse("a view without a buffer");
  if (view.offset > view.buffer->size || view.size > view.buffer->size - view.offset)
    misuse("a view past the end of its buffer");
  return static_cast<const GpuBuffer&>(*view.buffer);
}

// Of a row as its kernel goes over it, in float32 whatever lies in memory; 0: that is what the views tell.
uint64_t rowBytes(Kernel kernel, std::span<const std::byte> params) {
  if (kernel != Kernel::reduce && kernel != Kernel::normalize && kernel != Kernel::softmax &&
      kernel != Kernel::layer_norm && kernel != Kernel::rms_norm)
    return 0;
  static_assert(offsetof(ReduceParams, d) == 4 && offsetof(NormalizeParams, d) == 4 &&
                offsetof(SoftmaxParams, d) == 4 && offsetof(LayerNormParams, d) == 4 &&
                offsetof(RmsNormParams, d) == 4);
  uint32_t d = 0;
  if (params.size() >= 8) std::memcpy(&d, params.data() + 4, sizeof d);
  return uint64_t{d} * sizeof(float);
}

}  // namespace

Range rangeOf(const BufferView& view) {
  const uint64_t begin = bufferOf(view).address() + view.offset;
  return {begin, begin + view.size};
}

GpuQueue::GpuQueue(std::shared_ptr<Gpu> gpu, std::shared_ptr<Pipelines> pipelines, std::shared_ptr<StagingPool> staging,
                   std::shared_ptr<Graphics> graphics, std::shared_ptr<Completer> completer)
    : gpu_(std::move(gpu)),
      pipelines_(std::move(pipelines)),
      graphics_(std::move(graphics)),
      completer_(std::move(completer)),
      state_(std::make_shared<QueueState>(gpu_, std::move(staging), graphics_)),
      queue_(gpu_->nextQueue()),
      pieceNs_(gpu_->software() ? kSoftwarePieceNs : kCardPieceNs) {}

GpuQueue::~GpuQueue() {
  discard();
  if (!completer_->onThread()) state_->waitSettled();  // on it, the state outlives what is pending
}

Submission& GpuQueue::record() {
  if (current_) return *current_;
  gpu_->throwIfLost();
  const uint64_t finished = state_->finishedSerial.load(std::memory_order_acquire);
  if (finished == state_->submittedSerial && !mustBarrier_) hazards_.clear();
  std::erase_if(unread_, [&](const Unread& u) { return u.serial <= finished; });
  if (!pieces_) touched_.clear();
  current_ = state_->take();
  return *current_;
}

VkCommandBuffer GpuQueue::commands() {
  Submission& s = record();
  if (!s.hasCommands) {
    VkCommandBufferBeginInfo info{VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    info.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
    check(gpu_->api.vkBeginCommandBuffer(s.commands, &info), "vkBeginCommandBuffer");
    s.hasCommands = true;
    boundPipeline_ = VK_NULL_HANDLE;
  }
  return s.commands;
}

void GpuQueue::barrier(VkPipelineStageFlags toStages, VkAccessFlags toAccess) {
  VkMemoryBarrier memory{VK_STRUCTURE_TYPE_MEMORY_BARRIER};
  memory.srcAccessMask = kWrites;
  memory.dstAccessMask = toAccess;
  gpu_->api.vkCmdPipelineBarrier(commands(), workStages(), toStages, 0, 1, &memory, 0, nullptr, 0, nullptr);
}

VkPipelineStageFlags GpuQueue::workStages() const { return drew_ ? kWorkStages | kDrawStages : kWorkStages; }

// Called before every command, with what it reads and what it writes (or reads and writes).
void GpuQueue::before(std::span<const Range> reads, std::span<const Range> writes) {
  for (const Range& range : writes) keepReadbacks(range);
  bool needed = mustBarrier_;
  for (const Range& range : reads) needed = needed || hazards_.conflicts(range, false);
  for (const Range& range : writes) needed = needed || hazards_.conflicts(range, true);
  if (needed) {
    barrier(workStages(), kReads | kWrites | (drew_ ? VK_ACCESS_VERTEX_ATTRIBUTE_READ_BIT : 0));
    hazards_.clear();
    mustBarrier_ = false;
  }
  for (const Range& range : reads) hazards_.add(range, false), touched_.push_back(range);
  for (const Range& range : writes) hazards_.add(range, true), touched_.push_back(range);
}

bool GpuQueue::touchedNow(const Range& range) const {
  return std::any_of(touched_.begin(), touched_.end(), [&](const Range& t) { return t.overlaps(range); });
}

// Memory that is read in place after the fence must not be overwritten by a later command: what this recording reads is
// copied aside first, what an earlier submission reads is waited for (rare: a context reuses memory after completion).
void GpuQueue::keepReadbacks(const Range& range) {
  for (size_t i = 0; i < record().readbacks.size(); ++i) {
    const Readback r = current_->readbacks[i];
    if (!r.from) continue;
    const uint64_t begin = r.from->address() + r.offset;
    if (!range.overlaps({begin, begin + r.bytes})) continue;
    const Piece piece = stage(r.bytes);
    const Range read{begin, begin + r.bytes};
    before({&read, 1}, {});
    recordCopy(piece.block->handle(), piece.offset, r.from->handle(), r.from->base() + r.offset, r.bytes);
    current_->readbacks[i].src = piece.block->mapped() + piece.offset;
    current_->readbacks[i].from = nullptr;
  }
  for (const Unread& u : unread_) {
    if (!u.range.overlaps(range) || state_->finishedSerial.load(std::memory_order_acquire) >= u.serial) continue;
    if (!mayWait_) throw MustWait();
    state_->waitFinished(u.serial);
  }
}

GpuQueue::Piece GpuQueue::stage(size_t bytes) {
  Submission& s = record();
  if (s.blocks.empty() || s.blocks.back()->size - s.blockUsed < bytes) {
    s.blocks.push_back(state_->staging->take(bytes));
    s.blockUsed = 0;
  }
  const Piece piece{s.blocks.back().get(), s.blockUsed};
  s.blockUsed = std::min<size_t>((s.blockUsed + bytes + 255) / 256 * 256, s.blocks.back()->size);
  return piece;
}

void GpuQueue::recordCopy(VkBuffer to, uint64_t toOffset, VkBuffer from, uint64_t fromOffset, uint64_t bytes) {
  const VkBufferCopy region{fromOffset, toOffset, bytes};
  gpu_->api.vkCmdCopyBuffer(commands(), from, to, 1, &region);
}

void GpuQueue::upload(BufferView dst, std::span<const std::byte> src) {
  if (src.empty()) return;
  if (src.size() > dst.size) misuse("an upload larger than its target");
  const GpuBuffer& buffer = bufferOf(dst);
  const Range range{buffer.address() + dst.offset, buffer.address() + dst.offset + src.size()};
  Submission& s = record();
  const auto start = Clock::now();
  if (buffer.mapped() && !touchedNow(range)) {
    for (size_t at = 0; at < src.size(); at += kCopyBytes) {
      if (at) throwIfStopped();
      std::memcpy(buffer.mapped() + dst.offset + at, src.data() + at, std::min(kCopyBytes, src.size() - at));
    }
  } else {
    const Piece piece = stage(src.size());
    std::memcpy(piece.block->mapped() + piece.offset, src.data(), src.size());
    before({}, {&range, 1});
    recordCopy(buffer.handle(), buffer.base() + dst.offset, piece.block->handle(), piece.offset, src.size());
  }
  s.timings.uploadMs += std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

void GpuQueue::download(std::span<std::byte> dst, BufferView src) {
  if (dst.empty()) return;
  if (dst.size() > src.size) misuse("a download larger than its source");
  const GpuBuffer& buffer = bufferOf(src);
  const Range range{buffer.address() + src.offset, buffer.address() + src.offset + dst.size()};
  Submission& s = record();
  if (buffer.host) {  // cached: fast to read where it lies
    s.readbacks.push_back({dst.data(), buffer.host + src.offset, dst.size(), &buffer, src.offset});
    touched_.push_back(range);
    return;
  }
  const Piece piece = stage(dst.size());
  before({&range, 1}, {});
  recordCopy(piece.block->handle(), piece.offset, buffer.handle(), buffer.base() + src.offset, dst.size());
  s.readbacks.push_back({dst.data(), piece.block->mapped() + piece.offset, dst.size(), nullptr, 0});
}

void GpuQueue::copy(BufferView dst, BufferView src) {
  if (dst.size != src.size) misuse("a copy between views of different sizes");
  if (dst.size == 0) return;
  const Range read = rangeOf(src), written = rangeOf(dst);
  if (read.overlaps(written)) misuse("a copy between overlapping views");
  before({&read, 1}, {&written, 1});
  const GpuBuffer &from = bufferOf(src), &to = bufferOf(dst);
  recordCopy(to.handle(), to.base() + dst.offset, from.handle(), from.base() + src.offset, src.size);
}

void GpuQueue::fill(BufferView dst, uint32_t word) {
  if (dst.size == 0) return;
  const GpuBuffer& buffer = bufferOf(dst);
  if (dst.size % 4 || (buffer.base() + dst.offset) % 4) misuse("a fill that is not of whole words");
  const Range range = rangeOf(dst);
  before({}, {&range, 1});
  gpu_->api.vkCmdFillBuffer(commands(), buffer.handle(), buffer.base() + dst.offset, dst.size, word);
}

BoundView GpuQueue::bind(const BufferView& view) const {
  const GpuBuffer& buffer = bufferOf(view);
  const uint64_t offset = buffer.base() + view.offset;
  if (view.size > gpu_->physical.info.maxViewBytes) misuse("a view of more than maxViewBytes");
  if (offset % gpu_->physical.info.viewAlignment) misuse("a view that is not aligned to viewAlignment");
  // Kernels read whole words: up to three bytes past the end.
  const uint64_t bytes = std::min(std::max<uint64_t>((view.size + 3) & ~3ull, 4), buffer.bound() - offset);
  const uint64_t begin = buffer.address() + view.offset;
  return {{buffer.handle(), offset, bytes}, {begin, begin + view.size}};
}

void GpuQueue::checkArguments(const Shader& shader, std::span<const BufferView> views,
                              std::span<const std::byte> params) const {
  if (views.size() != shader.buffers || views.size() > kMaxBindings)
    misuse(std::string(shader.name) + " has " + std::to_string(shader.buffers) + " buffers, " +
           std::to_string(views.size()) + " were given");
  if (params.size() != shader.paramBytes) misuse(std::string(shader.name) + " got parameters of the wrong size");
}

void GpuQueue::launch(Kernel kernel, uint64_t count, std::span<const BufferView> views,
                      std::span<const std::byte> params) {
  if (kernel == Kernel::search_scan || kernel == Kernel::search_scores || kernel == Kernel::search_listed)
    return launchSearch(kernel, count, views, params);
  launchShader(shaderOf(kernel), count, views, params, rowBytes(kernel, params));
}

void GpuQueue::launchSearch(Kernel kernel, uint64_t count, std::span<const BufferView> views,
                            std::span<const std::byte> params) {
  SearchParams p;
  if (params.size() != sizeof p) misuse("a search with parameters of the wrong size");
  std::memcpy(&p, params.data(), sizeof p);
  const bool isTiled = kernel == Kernel::search_scores, cutsLoops = gpu_->physical.info.maxLoopTurns;
  if (isTiled && !gpu_->tuneAsHardware && gpu_->physical.broadcast && (!cutsLoops || p.d <= kDirectColumns)) {
    const uint64_t tiles = (p.q - 1) / kSearchDirectQueries + 1, blocks = (p.n - 1) / kSearchBlock + 1;
    return launchShader(searchDirectShader(), tiles * blocks, views, params, 1);
  }
  // Loops too long for the driver (loops.h): a pair at a time, with the same result.
  if (kernel != Kernel::search_listed && cutsLoops && p.d > (isTiled ? kTileColumns : kScanColumns)) {
    if (p.how & kSearchBlocks) misuse("a search by blocks of rows that are too long");
    return launchShader(searchLongShader(), uint64_t(p.q) * p.n, views, params, uint64_t(p.d) * sizeof(float));
  }
  launchShader(shaderOf(kernel), count, views, params, uint64_t{kSearchBlock} * p.d * sizeof(float));
}

void GpuQueue::launchShader(const Shader& shader, uint64_t count, std::span<const BufferView> views,
                            std::span<const std::byte> params, uint64_t groupBytes) {
  checkArguments(shader, views, params);
  if (count == 0) return;
  if (!groupBytes) {
    for (const BufferView& view : views) groupBytes = std::max(groupBytes, view.size);
    groupBytes /= count;
  }
  const Pipeline& pipeline = pipelines_->get(shader, {count, groupBytes > kLongRowBytes, params}, mayTakeLong_);
  const uint64_t perGroup = shader.countsItems ? uint64_t(pipeline.groupThreads) * pipeline.itemsPerThread : 1;
  dispatch(shader, pipeline, (count - 1) / perGroup + 1, views, params);
}

void GpuQueue::dispatch(const Shader& shader, const Pipeline& pipeline, uint64_t groups,
                        std::span<const BufferView> views, std::span<const std::byte> params) {
  const uint64_t maxX = gpu_->physical.limits.maxComputeWorkGroupCount[0];
  const uint64_t y = (groups - 1) / maxX + 1, x = (groups - 1) / y + 1;
  if (y > gpu_->physical.limits.maxComputeWorkGroupCount[1] || x * y > ~0u)
    misuse(std::string(shader.name) + " was given too large a count");

  DescriptorWrites writes;
  Range ranges[kMaxBindings];
  for (uint32_t i = 0; i < views.size(); ++i) {
    const BoundView bound = bind(views[i]);
    writes.buffer(i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, bound.info);
    ranges[i] = bound.range;
  }
  const size_t reads = views.size() - shader.outputs;
  const DeviceApi& api = gpu_->api;
  const auto bindAll = [&] {
    before({ranges, reads}, {ranges + reads, shader.outputs});
    const VkCommandBuffer to = commands();
    if (boundPipeline_ != pipeline.pipeline.get()) {
      boundPipeline_ = pipeline.pipeline.get();
      api.vkCmdBindPipeline(to, VK_PIPELINE_BIND_POINT_COMPUTE, boundPipeline_);
    }
    const DescriptorLayout layout{pipeline.setLayout, pipeline.layout.get(), gpu_->physical.maxPushDescriptors > 0};
    writes.bind(*gpu_, to, VK_PIPELINE_BIND_POINT_COMPUTE, layout, current_->descriptors);
    api.vkCmdPushConstants(to, pipeline.layout.get(), VK_SHADER_STAGE_COMPUTE_BIT, 0, uint32_t(params.size()),
                           params.data());
  };
  if (stop_ && dispatchLong(shader, pipeline, groups, views, params, bindAll)) return;
  bindAll();
  api.vkCmdDispatch(current_->commands, uint32_t(x), uint32_t(y), 1);
}

// The seam for products by other means (cooperative matrices): chosen here, by what the device can and what is asked.
void GpuQueue::matmul(const Matmul& op) {
  const bool direct = !gpu_->tuneAsHardware && gpu_->physical.broadcast;
  if (op.isPlain()) return matmulWith(direct ? MatmulShader::Direct : MatmulShader::Tiled, op);
  if (direct) return matmulWith(MatmulShader::LinearDirect, op);
  // Codes by codes, a word of four at a time, where the card can; else as floats, whose sums are as exact.
  const bool dot = gpu_->physical.features.integerDot && op.rowScales && op.bits == 8 && !op.group && op.k % 4 == 0;
  matmulWith(dot ? MatmulShader::LinearDot : MatmulShader::LinearTiled, op);
}

void GpuQueue::matmulWith(MatmulShader which, const Matmul& op) {
  const Shader& shader = shaderOf(which);
  const DeviceInfo& info = gpu_->physical.info;
  const uint32_t maxK = !info.maxLoopTurns ? ~0u : which < MatmulShader::LinearDirect ? kLoopMaxK : kLoopMaxKOfAny;
  for (const MatmulPiece& piece : planMatmul(op, info.maxViewBytes, info.viewAlignment, maxK)) {
    const MatmulParams& p = piece.params;
    const BufferView all[] = {piece.a, piece.b, piece.scales, piece.rowScales, piece.bias, piece.residual, piece.out};
    const BufferView plain[] = {piece.a, piece.b, piece.out};
    std::span<const BufferView> views = all;
    if (shader.buffers == std::size(plain)) views = plain;
    const auto params = std::as_bytes(std::span(&p, 1));
    const Pipeline& pipeline = pipelines_->get(shader, {p.batch, false, params}, mayTakeLong_);
    const uint64_t tiles = uint64_t((p.m - 1) / pipeline.tileRows + 1) * ((p.n - 1) / pipeline.tileColumns + 1);
    dispatch(shader, pipeline, tiles * p.batch, views, params);
  }
}

void GpuQueue::finishRecording(Submission& s) {
  barrier(VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT);
  check(gpu_->api.vkEndCommandBuffer(s.commands), "vkEndCommandBuffer");
  if (s.fenceUsed) {
    const VkFence fence = s.fence.get();
    s.fenceUsed = false;
    check(gpu_->api.vkResetFences(gpu_->device, 1, &fence), "vkResetFences");
  }
  VkSubmitInfo info{VK_STRUCTURE_TYPE_SUBMIT_INFO};
  info.commandBufferCount = 1;
  info.pCommandBuffers = &s.commands;
  std::lock_guard lock(queue_.mutex);
  const VkResult result = gpu_->api.vkQueueSubmit(queue_.queue, 1, &info, s.fence.get());
  if (result == VK_ERROR_DEVICE_LOST) gpu_->markLost();
  check(result, "vkQueueSubmit");
  s.fenceUsed = true;
}

void GpuQueue::submit(Completion done) {
  if (pieces_ || !openWork_.empty()) return submitLast(std::move(done));
  submitRecording(std::move(done));
}

// Whatever goes wrong from here on is told to `done`: nothing of the recording is left to discard.
void GpuQueue::submitRecording(Completion&& done) {
  Submission& s = record();
  s.submitted = Clock::now();
  try {
    unread_.reserve(unread_.size() + s.readbacks.size());
    if (s.hasCommands) finishRecording(s);
  } catch (...) {
    s.error = std::current_exception();
    mustBarrier_ = true;
  }
  s.serial = ++state_->submittedSerial;
  for (const Readback& r : s.readbacks)  // none, of one that has failed
    if (r.from && !s.error)
      unread_.push_back({{r.from->address() + r.offset, r.from->address() + r.offset + r.bytes}, s.serial});
  s.state = state_;
  s.done = std::move(done);
  completer_->push(std::move(current_));
}

void GpuQueue::discard() noexcept {
  openNs_ = 0;
  openWork_.clear();
  if (const auto pieces = std::exchange(pieces_, nullptr)) pieces->waitAll();  // what they use may go now
  if (!current_) return;
  mustBarrier_ = mustBarrier_ || current_->hasCommands;
  // a failure shows at the next begin
  if (current_->hasCommands) gpu_->api.vkResetCommandBuffer(current_->commands, 0);
  state_->recycle(std::move(current_));
}

}  // namespace switchyard::vulkan
