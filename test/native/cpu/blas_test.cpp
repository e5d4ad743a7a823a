// The matrix library called from several threads at once, as the threads of a budget and several contexts do.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "blas/blas.h"
#include "blas/buffers.h"
#include "cpu/matmul.h"
#include "error.h"
#include "options.h"

namespace switchyard::test {
namespace {

// Whatever the processor's model: for those newer than the library it would take kernels without AVX by itself.
TEST(Gemm, ItsKernelsAreForTheFeaturesOfTheProcessor) {
  const std::string core = openblas_get_corename();
#if defined(__x86_64__)
  if (const char* const given = std::getenv("OPENBLAS_CORETYPE")) {
    EXPECT_STRCASEEQ(core.c_str(), given);
  } else if (__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")) {
    EXPECT_EQ(core, "SkylakeX");
  } else if (__builtin_cpu_supports("avx2")) {
    EXPECT_EQ(core, "Haswell");
  }
#endif
  EXPECT_FALSE(core.empty());
}

// Equal operands give equal bits: any difference comes from a neighbour's packing buffer.
TEST(Gemm, ManyThreadsAtOnce) {
  // Above the size up to which the library needs no packing buffer.
  constexpr size_t kThreads = 2, kSide = 112;
  const size_t rounds = options().full ? 20'000 : 4'000;
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
      for (size_t round = 0; round < rounds; ++round) {
        // All start each round at the same moment, as far as a spinning barrier can bring that about.
        ++arrived;
        while (arrived < (round + 1) * kThreads) std::this_thread::yield();
        cpu::gemm({.m = kSide, .n = kSide, .k = kSide}, a.data(), kSide, b.data(), kSide, out.data(), kSide);
        if (std::memcmp(out.data(), first.data(), out.size() * sizeof(float)) != 0) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0u) << "of " << kThreads * rounds << " products";
}

// The library itself would ask for a buffer again and again, for ever.
TEST(Gemm, WithoutAddressSpaceIsAnError) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "SKIPPED: sanitizers take all addresses themselves";
#endif
  const auto work = [] {
    alarm(60);
    unsigned long pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlim_t most = pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + (rlim_t{1200} << 20);
    const rlimit limit{.rlim_cur = most, .rlim_max = most};
    setrlimit(RLIMIT_AS, &limit);
    std::atomic<size_t> held{0}, refused{0};
    const std::function<void(size_t)> nested = [&](size_t depth) {  // each thread holds what it has until the end
      if (depth == 0 || refused > 0) return;
      std::thread thread([&] {
        try {
          const BlasBuffers buffers(2);
          ++held;
          nested(depth - 1);
        } catch (const Error& error) {
          if (error.code == Code::OutOfMemory) ++refused;
        }
      });
      thread.join();
    };
    nested(16);
    const bool refusedOne = held > 0 && refused == 1;
    { const BlasBuffers again(2); }  // what was given back is there
    std::_Exit(refusedOne ? 0 : 1);
  };
  testing::FLAGS_gtest_death_test_style = "fast";
  EXPECT_EXIT(work(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace switchyard::test
