// The scheduler of the emulated threads: each runs until a barrier, which opens when all that must be there are, or
// until it is another one's turn.
#include "blocks.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <numeric>
#include <vector>

#include "../../../kernels/registry.h"
#include "../../../src/error.h"
#include "cuda_shim.h"
#include "fiber.h"
#include "hazards.h"
#include "hooks.h"
#include "races.h"
#include "shared_memory.h"

namespace switchyard::cuda_shim {

thread_local uint3 threadIdx, blockIdx, blockDim, gridDim;

namespace {

constexpr unsigned kWarpThreads = 32, kWholeWarp = 0xFFFFFFFFu;

enum class At { Ready, Block, Warp, End };

struct Thread {
  Fiber fiber;
  At at = At::End;
  int line = 0;
  uint32_t barriers = 0, warpBarriers = 0;
  unsigned exchanges = 0;  // parity chooses the slots, so that one exchange cannot overwrite another's
};

// A block in flight.
struct Block {
  std::deque<Thread> threads;
  std::vector<unsigned> ready;  // who can go on, from `next` on
  size_t next = 0;
  std::vector<uint64_t> slots;   // of exchanges, two a thread
  std::vector<unsigned> inWarp;  // of each warp, how many wait at a barrier of the warp
  unsigned atBarrier = 0, ended = 0;
  SharedMemory shared;
  uint64_t number = 0;
  uint3 index;
};

// splitmix64
class Draw {
 public:
  void seed(uint64_t seed) { state_ = seed; }
  uint64_t next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
  }
  uint64_t below(uint64_t limit) { return (next() >> 32) * limit >> 32; }  // limit < 2^32
  bool oneIn(uint64_t count) { return below(count) == 0; }

 private:
  uint64_t state_ = 0;
};

// One launch at a time in the whole process.
struct Scheduler {
  std::mutex oneLaunch;
  std::optional<uint64_t> seed;
  uint64_t launches = 0;  // since the seed was set
  std::map<std::string, unsigned> mostInFlight;
  std::deque<Block> blocks;

  // of the launch under way
  const CudaVariant* variant = nullptr;
  void** arguments = nullptr;
  const char* name = "";
  bool drawn = false, backwards = false;
  Draw draw;
  uint64_t threadTurns = 1, blockTurns = 1;  // how long one goes on, on average
  Races races;
  Hazards hazards;
  // A write over a write of another thread, which may be of the same.
  struct Pending {
    const void* at = nullptr;
    size_t bytes = 0;
    std::byte before[16];
    std::string text;
  } pending;
  Block* block = nullptr;  // whose turn it is
  unsigned thread = 0;
  std::exception_ptr error;
};
Scheduler scheduler;
// Of the system's thread that runs the launch, while a fiber of it runs.
thread_local bool inKernel = false;

[[noreturn]] void fail(const std::string& text) {
  throw Error(Code::Internal, std::string("emulated CUDA kernel '") + scheduler.name + "': " + text);
}

void enter(void*) {
  try {
    scheduler.variant->call(scheduler.variant->function, scheduler.arguments);
  } catch (...) {
    scheduler.error = std::current_exception();
  }
  scheduler.block->threads[scheduler.thread].at = At::End;
}

void leave() {
  inKernel = false;
  Fiber::yield();
}

void waitAt(At at, int line) {
  Thread& self = scheduler.block->threads[scheduler.thread];
  self.at = at, self.line = line;
  leave();
}

std::string whereabouts(const Block& block) {
  std::string text;
  At last = At::Ready;
  int lastLine = -1;
  for (unsigned t = 0; t < scheduler.variant->threads; ++t) {
    const Thread& thread = block.threads[t];
    if (thread.at == last && thread.line == lastLine) continue;
    last = thread.at, lastLine = thread.line;
    const char* kind = last == At::Block  ? "at __syncthreads, line "
                       : last == At::Warp ? "at a warp barrier, line "
                       : last == At::End  ? "ended, after line "
                                          : "under way, after line ";
    text += "\n  from thread " + std::to_string(t) + ": " + kind + std::to_string(lastLine);
  }
  return text;
}

// Lets `count` threads from `first` on go on, which have all come to one barrier.
void open(Block& block, unsigned first, unsigned count) {
  const At at = block.threads[first].at;
  const int line = block.threads[first].line;
  for (unsigned i = 0; i < count; ++i) {
    const unsigned t = first + (scheduler.backwards ? count - 1 - i : i);
    Thread& thread = block.threads[t];
    if (thread.at != at || thread.line != line) fail("threads of a block part at a barrier" + whereabouts(block));
    thread.at = At::Ready;
    block.ready.push_back(t);
  }
}

void begin(Block& block, uint64_t number) {
  const unsigned count = scheduler.variant->threads;
  while (block.threads.size() < count) block.threads.emplace_back();
  block.number = number;
  block.index = {unsigned(number % gridDim.x), unsigned(number / gridDim.x), 0};
  block.slots.assign(2 * size_t{count}, 0);
  block.inWarp.assign(count / kWarpThreads, 0);
  block.atBarrier = block.ended = 0;
  block.shared.clear();
  block.ready.clear();
  block.next = 0;
  scheduler.backwards = !scheduler.backwards;
  for (unsigned i = 0; i < count; ++i) {
    const unsigned t = scheduler.backwards ? count - 1 - i : i;
    Thread& thread = block.threads[t];
    thread.at = At::Ready, thread.line = 0, thread.exchanges = thread.barriers = thread.warpBarriers = 0;
    thread.fiber.start(enter, nullptr);
    block.ready.push_back(t);
  }
}

// Of a block in which a thread can go on.
unsigned takeReady(Block& block) {
  if (scheduler.drawn) std::swap(block.ready[scheduler.draw.below(block.ready.size())], block.ready.back());
  const unsigned t = scheduler.drawn ? block.ready.back() : block.ready[block.next++];
  if (scheduler.drawn) block.ready.pop_back();
  if (!scheduler.drawn && block.next == block.ready.size()) block.ready.clear(), block.next = 0;
  return t;
}

void report(const std::string& text) {
  if (scheduler.error) return;
  try {
    fail(text);
  } catch (...) {
    scheduler.error = std::current_exception();
  }
}

// What the thread under way had been about to write is written by now.
void settle() {
  Scheduler::Pending& pending = scheduler.pending;
  if (pending.at && std::memcmp(pending.at, pending.before, pending.bytes) != 0) report(pending.text);
  pending.at = nullptr;
}

void resume(Block& block, unsigned t) {
  Thread& thread = block.threads[t];
  scheduler.block = &block, scheduler.thread = t;
  threadIdx = {t, 0, 0};
  blockIdx = block.index;
  inKernel = true;
  thread.fiber.resume();
  inKernel = false;
  settle();
  if (scheduler.error) std::rethrow_exception(scheduler.error);
  const unsigned warp = t / kWarpThreads;
  switch (thread.at) {
    case At::Ready: block.ready.push_back(t); break;
    case At::End: ++block.ended; break;
    case At::Block:
      if (++block.atBarrier < scheduler.variant->threads) break;
      block.atBarrier = 0;
      open(block, 0, scheduler.variant->threads);
      break;
    case At::Warp:
      if (++block.inWarp[warp] < kWarpThreads) break;
      block.inWarp[warp] = 0;
      open(block, warp * kWarpThreads, kWarpThreads);
      break;
  }
}

void prepareToDraw() {
  // The seed is hashed, for neighbouring ones would else give one stream, begun a draw apart: splitmix64 counts by such
  // a step, too.
  Draw hashed;
  hashed.seed(*scheduler.seed);
  scheduler.draw.seed(hashed.next() ^ (scheduler.launches++ * 0xD1342543DE82EF95u));
  // Long turns bring blocks far apart, short ones mix what lies near.
  scheduler.threadTurns = uint64_t{1} << scheduler.draw.below(7);
  scheduler.blockTurns = uint64_t{1} << scheduler.draw.below(10);
  scheduler.races.beginLaunch();
  scheduler.hazards.beginLaunch();
  scheduler.pending.at = nullptr;
}

void runBlocks() {
  constexpr size_t kMostInFlight = 4;
  const size_t count = size_t{gridDim.x} * gridDim.y;
  const size_t width = !scheduler.drawn ? 1 : std::min<size_t>(count, 2 + scheduler.draw.below(kMostInFlight - 1));
  std::vector<uint64_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  if (scheduler.drawn)
    for (size_t i = count; i > 1; --i) std::swap(order[i - 1], order[scheduler.draw.below(i)]);
  while (scheduler.blocks.size() < width) scheduler.blocks.emplace_back();
  std::vector<Block*> running;
  size_t begun = 0;
  for (; begun < width; ++begun) {
    running.push_back(&scheduler.blocks[begun]);
    begin(*running.back(), order[begun]);
  }
  if (scheduler.drawn) {
    unsigned& most = scheduler.mostInFlight[scheduler.name];
    most = std::max(most, unsigned(width));
  }
  size_t at = 0;
  while (!running.empty()) {
    Block& block = *running[at];
    if (!block.ready.empty()) {
      resume(block, takeReady(block));
    } else if (block.ended < scheduler.variant->threads) {
      fail("threads of a block part at a barrier" + whereabouts(block));
    } else if (begun < count) {
      begin(block, order[begun++]);
    } else {
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(at));
      at = 0;
    }
    if (scheduler.drawn && running.size() > 1 && scheduler.draw.oneIn(scheduler.blockTurns))
      at = scheduler.draw.below(running.size());
  }
}

// A place where another thread may go on.
void maybeYield() {
  if (scheduler.drawn && scheduler.draw.oneIn(scheduler.threadTurns)) leave();
}

void visit(const void* at, size_t bytes, Access access) {
  settle();
  if (scheduler.error) leave();
  maybeYield();
  inKernel = false;  // what is called here may be watched, too
  const Block& block = *scheduler.block;
  const Thread& self = block.threads[scheduler.thread];
  std::string wrong;
  if (!block.shared.holds(at)) wrong = scheduler.races.touch(block.number, at, bytes, access);
  if (!wrong.empty()) report(wrong + ", in one launch: no order between blocks is promised");
  const Moment now{uint32_t(block.number), scheduler.thread, self.barriers, self.warpBarriers};
  const Hazards::Finding finding = scheduler.hazards.touch(now, at, bytes, access);
  if (finding.isWriteOverWrite && bytes <= sizeof scheduler.pending.before) {
    scheduler.pending.at = at, scheduler.pending.bytes = bytes, scheduler.pending.text = finding.text;
    std::memcpy(scheduler.pending.before, at, bytes);
  } else if (!finding.text.empty()) {
    report(finding.text);
  }
  if (scheduler.error) leave();  // for good: the launch ends here. Compiled code doesn't expect that an access throws.
  inKernel = true;
}

}  // namespace

void __syncthreads(int line) {
  waitAt(At::Block, line);
  ++scheduler.block->threads[scheduler.thread].barriers;
}

void __syncwarp(unsigned mask, int line) {
  if (mask != kWholeWarp) fail("only whole warps are emulated");
  waitAt(At::Warp, line);
  ++scheduler.block->threads[scheduler.thread].warpBarriers;
}

uint64_t exchange(unsigned mask, uint64_t mine, unsigned lane, int line) {
  if (mask != kWholeWarp) fail("only whole warps are emulated");
  Block& block = *scheduler.block;
  const unsigned self = scheduler.thread, parity = block.threads[self].exchanges++ & 1;
  block.slots[2 * self + parity] = mine;
  waitAt(At::Warp, line);
  return block.slots[2 * ((self & ~31u) | lane) + parity];
}

void* sharedMemory(const void* place, size_t bytes, size_t alignment) {
  void* const memory = scheduler.block->shared.of(place, bytes, alignment);
  if (!memory) fail("more shared memory than " + std::to_string(kSharedBytes) + " bytes");
  return memory;
}

void atAtomic(const void* at, size_t bytes) {
  if (scheduler.drawn) visit(at, bytes, Access::Atomic);
}

void onAccess(const void* at, size_t bytes, Access access) {
  if (!inKernel || !scheduler.drawn || scheduler.block->threads[scheduler.thread].fiber.holds(at)) return;
  // Where a thread is, it reads all the time.
  if (at == &threadIdx.x || at == &blockIdx.x || at == &blockIdx.y || at == &blockDim.x || at == &gridDim.x) return;
  visit(at, bytes, access);
}

void interleaveBlocks(std::optional<uint64_t> seed) {
  const std::lock_guard<std::mutex> lock(scheduler.oneLaunch);
  scheduler.seed = seed;
  scheduler.launches = 0;
}

std::map<std::string, unsigned> mostInFlight() {
  const std::lock_guard<std::mutex> lock(scheduler.oneLaunch);
  return scheduler.mostInFlight;
}

void runKernel(const CudaVariant& variant, unsigned gridX, unsigned gridY, void** arguments, const char* name) {
  const std::lock_guard<std::mutex> lock(scheduler.oneLaunch);
  scheduler.name = name;
  if (variant.threads % kWarpThreads != 0 || variant.threads > 1024 || variant.threads == 0)
    fail("a block is 1 to 32 whole warps");
  scheduler.variant = &variant, scheduler.arguments = arguments;
  scheduler.error = nullptr;
  scheduler.drawn = scheduler.seed.has_value();
  gridDim = {gridX, gridY, 1};
  blockDim = {variant.threads, 1, 1};
  if (scheduler.drawn) prepareToDraw();
  runBlocks();
}

}  // namespace switchyard::cuda_shim
