// The scheduler of the emulated threads: each runs until a barrier; a barrier opens when all that must be there are.
#include "cuda_shim.h"

#include <algorithm>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "../../../kernels/registry.h"
#include "../../../src/error.h"
#include "fiber.h"

namespace switchyard::cuda_shim {

thread_local uint3 threadIdx, blockIdx, blockDim, gridDim;

namespace {

enum class At { Running, Block, Warp, End };

struct Thread {
  Fiber fiber;
  At at = At::End;
  int line = 0;
  unsigned mask = 0;
  unsigned exchanges = 0;  // parity chooses the slots, so that one exchange cannot overwrite another's
  std::exception_ptr error;
};

// One block of threads at a time; the kernels' shared memory is static.
struct Block {
  std::deque<Thread> threads;
  std::vector<uint64_t> slots;  // two a thread
  unsigned count = 0, current = 0;
  const void* function = nullptr;
  void (*call)(const void*, void**) = nullptr;
  void** arguments = nullptr;
  const char* name = "";
  bool backwards = false;
};
std::mutex oneLaunch;
Block block;

[[noreturn]] void fail(const std::string& text) {
  throw Error(Code::Internal, std::string("emulated CUDA kernel '") + block.name + "': " + text);
}

void enter(void*) {
  Thread& self = block.threads[block.current];
  try {
    block.call(block.function, block.arguments);
  } catch (...) {
    self.error = std::current_exception();
  }
  self.at = At::End;
}

void waitAt(At at, unsigned mask, int line) {
  Thread& self = block.threads[block.current];
  self.at = at, self.mask = mask, self.line = line;
  Fiber::yield();
}

std::string whereabouts() {
  std::string text;
  At last = At::Running;
  int lastLine = -1;
  for (unsigned t = 0; t < block.count; ++t) {
    const Thread& thread = block.threads[t];
    if (thread.at == last && thread.line == lastLine) continue;
    last = thread.at, lastLine = thread.line;
    const char* kind = last == At::Block  ? "at __syncthreads, line "
                       : last == At::Warp ? "at a warp barrier, line "
                                          : "ended, after line ";
    text += "\n  from thread " + std::to_string(t) + ": " + kind + std::to_string(lastLine);
  }
  return text;
}

// Opens the barriers that are complete; whether any was.
bool openBarriers() {
  bool opened = false;
  for (unsigned first = 0; first < block.count; first += 32) {
    const Thread& lead = block.threads[first];
    bool complete = lead.at == At::Warp;
    for (unsigned lane = 0; lane < 32 && complete; ++lane) {
      const Thread& thread = block.threads[first + lane];
      complete = thread.at == At::Warp && thread.line == lead.line && thread.mask == lead.mask;
    }
    if (!complete) continue;
    for (unsigned lane = 0; lane < 32; ++lane) block.threads[first + lane].at = At::Running;
    opened = true;
  }
  if (opened) return true;
  for (unsigned t = 0; t < block.count; ++t)
    if (block.threads[t].at != At::Block || block.threads[t].line != block.threads[0].line) return false;
  for (unsigned t = 0; t < block.count; ++t) block.threads[t].at = At::Running;
  return true;
}

void runBlock() {
  for (unsigned t = 0; t < block.count; ++t) {
    Thread& thread = block.threads[t];
    thread.at = At::Running, thread.exchanges = 0, thread.line = 0, thread.error = nullptr;
    thread.fiber.start(enter, nullptr);
  }
  for (;;) {
    bool ended = true;
    for (unsigned i = 0; i < block.count; ++i) {
      block.current = block.backwards ? block.count - 1 - i : i;
      Thread& thread = block.threads[block.current];
      if (thread.at == At::Running) {
        threadIdx = {block.current, 0, 0};
        thread.fiber.resume();
        if (thread.error) std::rethrow_exception(thread.error);
      }
      ended = ended && thread.at == At::End;
    }
    if (ended) return;
    if (!openBarriers()) fail("threads of a block part at a barrier" + whereabouts());
  }
}

}  // namespace

void __syncthreads(int line) { waitAt(At::Block, 0, line); }

void __syncwarp(unsigned mask, int line) {
  if (mask != 0xFFFFFFFFu) fail("only whole warps are emulated");
  waitAt(At::Warp, mask, line);
}

uint64_t exchange(unsigned mask, uint64_t mine, unsigned lane, int line) {
  if (mask != 0xFFFFFFFFu) fail("only whole warps are emulated");
  const unsigned self = block.current, parity = block.threads[self].exchanges++ & 1;
  block.slots[2 * self + parity] = mine;
  waitAt(At::Warp, mask, line);
  return block.slots[2 * ((self & ~31u) | lane) + parity];
}

void runKernel(const CudaVariant& variant, unsigned gridX, unsigned gridY, void** arguments, const char* name) {
  const std::lock_guard<std::mutex> lock(oneLaunch);
  block.name = name;
  if (variant.threads % 32 != 0 || variant.threads > 1024 || variant.threads == 0)
    fail("a block is 1 to 32 whole warps");
  while (block.threads.size() < variant.threads) block.threads.emplace_back();
  block.slots.assign(2 * size_t(variant.threads), 0);
  block.count = variant.threads;
  block.call = variant.call, block.function = variant.function, block.arguments = arguments;
  gridDim = {gridX, gridY, 1};
  blockDim = {variant.threads, 1, 1};
  for (unsigned y = 0; y < gridY; ++y) {
    for (unsigned x = 0; x < gridX; ++x) {
      blockIdx = {x, y, 0};
      block.backwards = !block.backwards;
      runBlock();
    }
  }
}

// Round to nearest even, as the hardware does; every NaN becomes 0x7FFF.
half __float2half_rn(float value) {
  const uint32_t bits = uint32_t(__float_as_int(value));
  const unsigned short sign = (bits >> 16) & 0x8000u;
  const float magnitude = std::fabs(value);
  if (value != value) return {0x7FFFu};
  if (magnitude >= 65520.0f) return {static_cast<unsigned short>(sign | 0x7C00u)};
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  const int step = std::max(exponent - 11, -24);  // the last place: 11 bits of significand, or the subnormals' 2^-24
  const auto places = static_cast<unsigned>(std::nearbyint(std::ldexp(magnitude, -step)));
  if (places == 0) return {sign};
  // In units of the last place, with the exponent above: a carry moves into it by itself.
  const unsigned field = step == -24 ? 0u : unsigned(step + 24);
  return {static_cast<unsigned short>(sign | ((field << 10) + places))};
}

float __half2float(half value) {
  const int exponent = (value.bits >> 10) & 0x1F, fraction = value.bits & 0x3FF;
  float magnitude;
  if (exponent == 31)
    magnitude = fraction ? std::nanf("") : HUGE_VALF;
  else if (exponent == 0)
    magnitude = std::ldexp(float(fraction), -24);
  else
    magnitude = std::ldexp(float(fraction + 1024), exponent - 25);
  return value.bits & 0x8000u ? -magnitude : magnitude;
}

void mmaM16N8K16(float (&sums)[4], const uint32_t (&left)[4], const uint32_t (&right)[2], bool isBfloat, int line) {
  const auto half_ = [&](uint32_t word, size_t part) -> double {
    const uint32_t bits = word >> 16 * part & 0xFFFFu;
    return isBfloat ? __int_as_float(int32_t(bits << 16)) : __half2float({static_cast<unsigned short>(bits)});
  };
  const unsigned lane = threadIdx.x & 31, group = lane / 4, pair = lane % 4 * 2;
  double rows[2][16], columns[2][16];
  for (unsigned t = 0; t < 4; ++t) {
    // Of the lanes that hold this lane's two rows, and of those that hold its two columns.
    for (unsigned i = 0; i < 4; ++i) {
      const uint32_t word = exchangeAs(0xFFFFFFFFu, left[i], group * 4 + t, line);
      for (unsigned part = 0; part < 2; ++part) rows[i % 2][i / 2 * 8 + 2 * t + part] = half_(word, part);
    }
    for (unsigned column = 0; column < 2; ++column)
      for (unsigned i = 0; i < 2; ++i) {
        const uint32_t word = exchangeAs(0xFFFFFFFFu, right[i], (pair + column) * 4 + t, line);
        for (unsigned part = 0; part < 2; ++part) columns[column][i * 8 + 2 * t + part] = half_(word, part);
      }
  }
  for (unsigned i = 0; i < 4; ++i) {
    double sum = sums[i];
    for (unsigned k = 0; k < 16; ++k) sum += rows[i / 2][k] * columns[i % 2][k];
    sums[i] = static_cast<float>(sum);
  }
}

}  // namespace switchyard::cuda_shim
