// Figures of top-k: one long row on the CPU against what reads memory fastest here, rows and a long row on Vulkan.
#include <algorithm>
#include <cstring>

#include "bench.h"

namespace switchyard::bench {
namespace {

// Reads all of it on all threads, `ahead` bytes of it asked for beforehand; the result keeps the compiler honest.
uint64_t readOnce(const float* data, size_t count, size_t ahead) {
  typedef uint32_t Wide __attribute__((vector_size(64), aligned(4)));
  std::vector<uint64_t> bits(64);
  onAllThreads([&](uint32_t thread, uint32_t threads) {
    const size_t first = count * thread / threads / 64 * 64, last = count * (thread + 1) / threads / 64 * 64;
    Wide a{}, b{}, c{}, d{};
    for (size_t i = first; i < last; i += 64) {
      const char* const at = reinterpret_cast<const char*>(data + i);
      if (ahead)
        for (size_t line = 0; line < 4; ++line) __builtin_prefetch(at + ahead + 64 * line, 0, 3);
      a |= *reinterpret_cast<const Wide*>(at);
      b |= *reinterpret_cast<const Wide*>(at + 64);
      c |= *reinterpret_cast<const Wide*>(at + 128);
      d |= *reinterpret_cast<const Wide*>(at + 192);
    }
    const Wide all = a | b | c | d;
    for (int i = 0; i < 16; ++i) bits[thread % 64] |= all[i];
  });
  uint64_t any = 0;
  for (uint64_t b : bits) any |= b;
  return any;
}

// Against the fastest way to read there is: with and without asking beforehand.
void benchLongRow(const Options& options, std::vector<Figure>& figures) {
  constexpr uint64_t kCount = 16'000'000;
  auto context = Context::create(openDevice("cpu"));
  auto block = HostPool::shared().acquire(kCount * 4);
  float* const values = reinterpret_cast<float*>(block->data);
  const Data some({1, 1'000'003}, 31);
  for (uint64_t i = 0; i < kCount; ++i) values[i] = some.values[i % some.values.size()] + float(i % 17);
  Repeated ours(context, "top-k", {{{DType::Float32, {1, kCount}}, block->data, nullptr, true}}, {{"k", 100}});
  volatile uint64_t sink = 0;
  std::vector<Times> times =
      timeInTurns(options.rounds() * 2,
                  {[&] { ours.run(); }, [&] { sink = readOnce(values, kCount, 0); },
                   [&] { sink = readOnce(values, kCount, 2048); }, [&] { sink = readOnce(values, kCount, 8192); }});
  const double read = std::min({times[1].best, times[2].best, times[3].best}), bytes = 4.0 * kCount;
  figures.push_back(
      atLeast("cpu top-k 1 x 16M, k 100, against read bandwidth", read / times[0].best, "x", 0.85,
              format("%.2f ms (median %.2f), %.1f GB/s; reading alone %.2f ms, %.1f GB/s", times[0].best * 1e3,
                     times[0].median * 1e3, bytes / times[0].best / 1e9, read * 1e3, bytes / read / 1e9)));
}

void benchRows(const Options& options, const std::string& device, std::vector<Figure>& figures) {
  auto context = Context::create(openDevice(device));
  const Data rows({1000, 10000}, 32), row({1, 16'000'000}, 33);
  for (int k : {10, 100, 1000}) {
    Repeated ours(context, "top-k", {rows.arg()}, {{"k", double(k)}});
    const Times time = timeInTurns(options.rounds(), {[&] { ours.run(); }})[0];
    figures.push_back(plain(format("%s top-k 1,000 x 10,000, k %d", device.c_str(), k), time.best * 1e3, "ms",
                            format("median %.2f ms", time.median * 1e3)));
  }
  for (int k : {100, 100'000}) {
    Repeated ours(context, "top-k", {row.arg()}, {{"k", double(k)}});
    const Times time = timeInTurns(options.rounds(), {[&] { ours.run(); }})[0];
    figures.push_back(plain(format("%s top-k 1 x 16M, k %d", device.c_str(), k), time.best * 1e3, "ms",
                            format("median %.2f ms, %.1f GB/s", time.median * 1e3, 64e6 / time.best / 1e9)));
  }
}

}  // namespace

void benchTopK(const Options& options, std::vector<Figure>& figures) {
  benchLongRow(options, figures);
  for (const DeviceInfo& info : enumerateDevices().devices)
    if (info.backend != Backend::Cpu) benchRows(options, info.id, figures);
}

}  // namespace switchyard::bench
