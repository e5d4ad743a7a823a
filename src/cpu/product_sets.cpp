// Finds out what the processor and its kernel give, and chooses.
#include "cpu/product_sets.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <vector>

#include "cpu/highway_target.h"
#include "cpu/simd.h"
#include "cpu/tiles_x86.h"
#include "hwy/targets.h"

#if HWY_ARCH_X86
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace switchyard::cpu {
namespace {

#if HWY_ARCH_X86
bool has(unsigned leaf, unsigned subleaf, int word, int bit) {
  unsigned words[4] = {};
  return __get_cpuid_count(leaf, subleaf, &words[0], &words[1], &words[2], &words[3]) && words[word] >> bit & 1;
}

// The kernel lets a process have the state of AMX's tiles when it asks, once.
bool mayUseTiles() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

uint32_t readSets() {
  enum { kEax, kEbx, kEcx, kEdx };
  uint32_t sets = 0;
  // These look at what the kernel saves of the vectors, too. Highway's own list is what tests hold it to.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx512 && has(7, 1, kEax, 5)) sets |= kProductBfloat16;
  if (avx512 && has(7, 0, kEcx, 11)) sets |= kProductVnni512;
  if (avx2 && has(7, 1, kEax, 4)) sets |= kProductVnni256;
  if (avx512 && has(7, 0, kEdx, 24) && has(7, 0, kEdx, 22) && has(7, 0, kEdx, 25) && mayUseTiles()) sets |= kProductAmx;
  return sets;
}
#else
uint32_t readSets() { return 0; }
#endif

std::atomic<uint32_t> allowed{kProductAll | kProductQuick};

// The best of a few times that a tile of so many words takes, in seconds.
double timeOf(const TileKernel& tile, size_t words) {
  std::vector<uint32_t> a(tile.rows * words), b(tile.columns * words), sums(tile.rows * tile.columns);
  double best = 1;
  for (int i = 0; i < 12; ++i) {
    const auto from = std::chrono::steady_clock::now();
    for (int j = 0; j < 4; ++j)
      tile.multiply(tile.rows, a.data(), words, b.data(), words, sums.data(), tile.columns, j > 0);
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - from).count());
  }
  return best;
}

// Intel's Emerald Rapids does half as many products a second with vdpbf16ps as with FMA (measured: 75 against 155
// GFLOP/s), others twice as many. So it is tried, once: a tenth of a millisecond.
bool bfloatsAreSlow() {
  static const bool slow = timeOf(bfloat512Tiles(), 64) * 0.8 > timeOf(floatTiles(), 128);
  return slow;
}

uint32_t quickOf(uint32_t sets) {
  const bool plain = sets & kProductBfloat16 && !(sets & kProductAmx);
  return allowed & kProductQuick && plain && bfloatsAreSlow() ? sets & ~kProductBfloat16 : sets;
}
}  // namespace

void allowProductSets(uint32_t sets) noexcept { allowed = sets; }

uint32_t productSets() noexcept {
  static const uint32_t there = readSets();
  // Tests hold Highway to a target for a while: what belongs to a higher one goes with it.
  const int64_t target = highwayTarget();
  const uint32_t sets = there & allowed;
  if (target <= HWY_AVX3) return quickOf(sets);
  return target <= HWY_AVX2 ? sets & kProductVnni256 : 0;
}

TileKernel floatTiles() { return highwayFloatTiles(); }

TileKernel bfloatTiles() {
  const uint32_t sets = productSets();
  return sets & kProductAmx && sets & kProductBfloat16 ? amxBfloatTiles()
         : sets & kProductBfloat16                     ? bfloat512Tiles()
                                                       : TileKernel{};
}

TileKernel integerTiles() {
  const uint32_t sets = productSets();
  if (sets & kProductAmx && sets & kProductVnni512) return amxIntegerTiles();
  if (sets & kProductVnni512) return vnni512Tiles();
  if (sets & kProductVnni256) return vnni256Tiles();
  return highwayInt16Tiles();
}

}  // namespace switchyard::cpu
