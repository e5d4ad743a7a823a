// Launches that take long, in pieces.
#include <algorithm>
#include <cstring>

#include "params.h"
#include "progress.h"
#include "vulkan/matmul_params.h"
#include "vulkan/queue.h"

namespace switchyard::vulkan {
namespace {

constexpr size_t kPiecesAhead = 1;
constexpr uint32_t kRows = 1024;  // into which the groups of a long launch are laid, a piece is some of them
// First guesses, on a software driver and a slow machine; a card is some fifty times as fast.
constexpr double kNsForFlop = 0.25, kNsForByte = 0.5, kNsForThread = 20, kCardSpeed = 50;
// Of a kernel that takes nobody knows how long, the threads in its first piece; and so many are not cut.
constexpr uint64_t kFirstThreads = 512, kUnknownThreads = 4096;
constexpr uint64_t kGrowth = 64;  // from the first piece of what nobody knows to the next
constexpr double kLeastFactor = 1e-4, kMostFactor = 1e6;
// A completion thread that comes late finds two pieces done, and the second seems to have taken no time: what is
// learned from one piece makes the next at most twice as long.
constexpr double kLeastChange = 0.5, kMostChange = 1e4;

}  // namespace

Instant Instant::now() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return {Clock::now(), double(used.tv_sec) * 1e9 + double(used.tv_nsec)};
}

double Instant::spent(bool software) const {
  const Instant end = now();
  const double byClock = std::chrono::duration<double, std::nano>(end.wall - wall).count();
  return software ? std::min(byClock, end.processorNs - processorNs) : byClock;
}

void Pace::set(double measuredFactor) {
  factor = std::clamp(measuredFactor, kLeastFactor, kMostFactor);
  measured = true;
}

void Pieces::begin() {
  std::lock_guard lock(mutex_);
  ++underWay_;
}

void Pieces::withdraw() noexcept {
  std::lock_guard lock(mutex_);
  --underWay_;
  changed_.notify_all();
}

double Pieces::learn(bool failed, const Submitted& piece) const {
  const Instant& start = lastEnd_.wall > piece.at.wall ? lastEnd_ : piece.at;
  const double took = start.spent(software_);
  double guessed = 0;
  for (const Work& part : piece.parts) guessed += part.pace->nanoseconds(part.guess);
  const double byClock = std::chrono::duration<double, std::milli>(Clock::now() - start.wall).count();
  if (failed || guessed <= 0) return byClock;
  const double change = std::clamp(took / guessed, kLeastChange, kMostChange);
  for (auto part = piece.parts.begin(); part != piece.parts.end(); ++part) {
    Pace& pace = *part->pace;  // once, however many of its launches the piece holds
    if (std::any_of(piece.parts.begin(), part, [&](const Work& before) { return before.pace == part->pace; })) continue;
    pace.set(pace.factor * change);
  }
  return byClock;
}

void Pieces::end(std::exception_ptr error, const QueueTimings& timings, const Submitted& piece) noexcept {
  std::lock_guard lock(mutex_);
  sum_.computeMs += learn(error != nullptr, piece);
  lastEnd_ = Instant::now();
  sum_.uploadMs += timings.uploadMs;
  sum_.readbackMs += timings.readbackMs;
  if (error && !error_) error_ = error;
  --underWay_;
  changed_.notify_all();
}

void Pieces::wait(size_t most) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return underWay_ <= most; });
  if (error_) std::rethrow_exception(error_);
}

void Pieces::waitAll() noexcept {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return underWay_ == 0; });
}

std::exception_ptr Pieces::finish(std::exception_ptr error, QueueTimings& timings, const Submitted& last) {
  std::lock_guard lock(mutex_);
  const double took = learn(error != nullptr, last);
  timings.uploadMs += sum_.uploadMs;
  timings.computeMs = sum_.computeMs + std::min(timings.computeMs, took);
  timings.readbackMs += sum_.readbackMs;
  return error_ ? error_ : error;
}

double GpuQueue::guessOf(const Shader& shader, std::span<const BufferView> views,
                         std::span<const std::byte> params) const {
  double guess = 0;
  switch (shader.guess) {
    case Guess::Matmul: {
      MatmulParams p;
      std::memcpy(&p, params.data(), sizeof p);
      guess = 2.0 * p.m * p.n * p.k * p.batch * kNsForFlop;
      break;
    }
    case Guess::Search: {
      SearchParams p;
      std::memcpy(&p, params.data(), sizeof p);
      const double rows = p.listed ? double(p.listed) * (p.how & kSearchRows ? 1 : kSearchBlock) : p.n;
      // A list of rows is compared with itself.
      const double compared = p.how & kSearchRows ? double(p.listed) * p.listed : 0;
      guess = p.q * (2.0 * rows * p.d + compared) * kNsForFlop;
      break;
    }
    case Guess::Attention: {
      FusedAttentionParams p;
      std::memcpy(&p, params.data(), sizeof p);
      guess = 2.0 * double(p.steps) * kNsForFlop;
      break;
    }
    case Guess::Bytes:
      for (const BufferView& view : views) guess += double(view.size) * kNsForByte;
  }
  return gpu_->software() ? guess : guess / kCardSpeed;
}

double GpuQueue::guessOf(const GpuProgram& program, Extent groups) const {
  double guess = kNsForThread;
  for (uint32_t i = 0; i < 3; ++i) guess *= double(groups[i]) * program.info().groupSize[i];
  return gpu_->software() ? guess : guess / kCardSpeed;
}

// Whether what is to be recorded is too long to be submitted with what is open.
bool GpuQueue::isLong(const Pace& pace, double guess) const { return openNs_ + pace.nanoseconds(guess) > pieceNs_; }

void GpuQueue::note(const std::shared_ptr<Pace>& pace, double guess) {
  openNs_ += pace->nanoseconds(guess);
  openWork_.push_back({pace, guess});
}

// Whether it is worth learning from what was not cut, too: the next one may have to be.
bool GpuQueue::isWorthLearning() const { return openNs_ > pieceNs_ / 16; }

Extent GpuQueue::rowsOf(uint64_t groups) const {
  const uint64_t most = gpu_->physical.limits.maxComputeWorkGroupCount[0];
  const uint64_t x = std::min((groups - 1) / kRows + 1, most);
  return {uint32_t(x), uint32_t((groups - 1) / x + 1), 1};
}

bool GpuQueue::dispatchLong(const Shader& shader, const Pipeline& pipeline, uint64_t groups,
                            std::span<const BufferView> views, std::span<const std::byte> params, const Bind& bind) {
  const double guess = guessOf(shader, views, params);
  const bool isCut = isLong(*pipeline.pace, guess);
  if (isCut)
    dispatchInPieces(rowsOf(groups), Cut::Rows, {pipeline.pace, guess}, ~uint64_t{0}, bind);
  else
    note(pipeline.pace, guess);
  return isCut;
}

bool GpuQueue::dispatchLong(const GpuProgram& program, Extent groups, std::span<const std::byte> params,
                            const Bind& bind) {
  const double guess = guessOf(program, groups);
  const Extent& size = program.info().groupSize;
  const uint64_t groupThreads = uint64_t{size[0]} * size[1] * size[2];
  const double threads = double(groups[0]) * groups[1] * groups[2] * double(groupThreads);
  const bool known = program.pace->measured && program.paceIsOf(params, threads);
  const bool begins = !known && threads > double(kUnknownThreads);
  if (program.countsGroups() || !(isLong(*program.pace, guess) || (begins && gpu_->software()))) {
    note(program.pace, guess);
    return false;
  }
  const uint64_t first = begins ? std::max<uint64_t>(kFirstThreads / groupThreads, 1) : ~uint64_t{0};
  dispatchInPieces(groups, Cut::Boxes, {program.pace, guess}, first, bind);
  if (program.pace->measured) program.setPaceOf(params, threads);
  return true;
}

void GpuQueue::dispatchInPieces(Extent groups, Cut cut, const Work& work, uint64_t most, const Bind& bind) {
  struct Box {
    Extent base{}, size;
    uint64_t groups() const { return uint64_t{size[0]} * size[1] * size[2]; }
  };
  if (!mayWait_) throw MustWait();
  std::vector<Box> left{{{}, groups}};  // the next one last
  const double all = double(left[0].groups());
  if (openNs_ > 0) flush(kPiecesAhead);
  while (!left.empty()) {
    Box box = left.back();
    left.pop_back();
    const double each = std::max(work.pace->nanoseconds(work.guess) / all, 1e-3);
    const uint64_t room = std::min(uint64_t(std::max(pieceNs_ / each, 1.0)), most);
    const size_t axis = cut == Cut::Rows ? 1 : size_t(std::ranges::max_element(box.size) - box.size.begin());
    if (box.groups() > room && box.size[axis] > 1) {
      const uint64_t slice = box.groups() / box.size[axis];
      Box rest = box;
      box.size[axis] = uint32_t(std::clamp<uint64_t>(room / slice, 1, box.size[axis] - 1));
      rest.base[axis] += box.size[axis], rest.size[axis] -= box.size[axis];
      left.push_back(rest);
      if (slice > room && cut == Cut::Boxes) {  // along another axis, too
        left.push_back(box);
        continue;
      }
    }
    bind();
    gpu_->api.vkCmdDispatchBase(commands(), box.base[0], box.base[1], box.base[2], box.size[0], box.size[1],
                                box.size[2]);
    note(work.pace, work.guess * double(box.groups()) / all);
    if (left.empty()) return;
    flush(double(most) < all || !work.pace->measured ? 0 : kPiecesAhead);
    uint64_t groupsLeft = 0;
    for (const Box& next : left) groupsLeft += next.groups();
    tellPart(1 - double(groupsLeft) / all);  // but for the piece that is still under way
    most = double(most) < all / kGrowth ? most * kGrowth : ~uint64_t{0};
  }
}

// Submits what is recorded as a piece, and waits until the device has room for the next.
void GpuQueue::flush(size_t ahead) {
  if (!pieces_) pieces_ = std::make_shared<Pieces>(gpu_->software());
  Completion ended = [pieces = pieces_, piece = Submitted{std::exchange(openWork_, {}), Instant::now()}](
                         std::exception_ptr error, const QueueTimings& timings) { pieces->end(error, timings, piece); };
  openNs_ = 0;
  pieces_->begin();
  try {
    submitRecording(std::move(ended));
  } catch (...) {  // nobody will tell of its end
    pieces_->withdraw();
    throw;
  }
  pieces_->wait(ahead);
  throwIfStopped();
}

void GpuQueue::tellPart(double share) {
  if (progress_) progress_->part(share);
}

void GpuQueue::submitLast(Completion&& done) {
  if (!pieces_ && isWorthLearning()) pieces_ = std::make_shared<Pieces>(gpu_->software());
  openNs_ = 0;
  if (!pieces_) {
    openWork_.clear();
    return submitRecording(std::move(done));
  }
  submitRecording(
      [pieces = std::exchange(pieces_, nullptr), done = std::move(done),
       last = Submitted{std::exchange(openWork_, {}), Instant::now()}](std::exception_ptr error, QueueTimings timings) {
        error = pieces->finish(error, timings, last);
        if (done) done(error, timings);
      });
}

void GpuQueue::throwIfStopped() const {
  if (stop_ && stop_->load(std::memory_order_relaxed)) throw Error(Code::Canceled, "the job was canceled while it ran");
}

}  // namespace switchyard::vulkan
