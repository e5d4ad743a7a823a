// The matrix library called from several threads at once, as the threads of a budget and several contexts do.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "cpu/matmul.h"

namespace switchyard::test {
namespace {

// Equal operands give equal bits: any difference comes from a neighbour's packing buffer.
TEST(Gemm, ManyThreadsAtOnce) {
  // Above the size up to which the library needs no packing buffer.
  constexpr size_t kThreads = 2, kSide = 112, kRounds = 20'000;
  std::atomic<size_t> wrong{0}, arrived{0};
  std::vector<std::thread> threads;
  for (size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      std::vector<float> a(kSide * kSide), b(kSide * kSide), first(kSide * kSide), out(kSide * kSide);
      for (size_t i = 0; i < a.size(); ++i) {
        a[i] = static_cast<float>((i * 7 + thread * 13) % 31) - 15;
        b[i] = static_cast<float>((i * 5 + thread * 3) % 29) - 14;
      }
      // Small whole numbers: the expected product is exact in any order of addition.
      for (size_t row = 0; row < kSide; ++row)
        for (size_t column = 0; column < kSide; ++column)
          for (size_t k = 0; k < kSide; ++k) first[row * kSide + column] += a[row * kSide + k] * b[k * kSide + column];
      for (size_t round = 0; round < kRounds; ++round) {
        // All start each round at the same moment, as far as a spinning barrier can bring that about.
        ++arrived;
        while (arrived < (round + 1) * kThreads) std::this_thread::yield();
        cpu::gemm({.m = kSide, .n = kSide, .k = kSide}, a.data(), kSide, b.data(), kSide, out.data(), kSide);
        if (std::memcmp(out.data(), first.data(), out.size() * sizeof(float)) != 0) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0u) << "of " << kThreads * kRounds << " products";
}

}  // namespace
}  // namespace switchyard::test
