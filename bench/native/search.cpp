// Searches on the CPU: against what the best reader of memory gives, and int8 bases and masks against plain ones.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "bench.h"

namespace switchyard::bench {
namespace {

constexpr uint64_t kRows = 100000, kColumns = 384;

// Reads all of it with as many threads as there are, `ahead` floats ahead of what it adds up; the sum keeps the
// compiler honest.
double readOnce(const float* data, size_t count, size_t ahead) {
  std::vector<double> sums(64);
  onAllThreads([&](uint32_t thread, uint32_t threads) {
    size_t first = count * thread / threads / 64 * 64,
           last = thread + 1 == threads ? count / 64 * 64 : count * (thread + 1) / threads / 64 * 64;
    typedef float Wide __attribute__((vector_size(64), aligned(4)));
    Wide a{}, b{}, c{}, d{};
    for (size_t i = first; i < last; i += 64) {
      if (ahead)
        for (size_t line = 0; line < 64; line += 16) __builtin_prefetch(data + i + ahead + line);
      a += *reinterpret_cast<const Wide*>(data + i);
      b += *reinterpret_cast<const Wide*>(data + i + 16);
      c += *reinterpret_cast<const Wide*>(data + i + 32);
      d += *reinterpret_cast<const Wide*>(data + i + 48);
    }
    Wide all = a + b + c + d;
    for (int i = 0; i < 16; ++i) sums[thread % 64] += double(all[i]);
  });
  double sum = 0;
  for (double s : sums) sum += s;
  return sum;
}

// What memcpy's read side gives: into a block that stays in the cache.
void copyAway(const float* data, size_t count) {
  onAllThreads([&](uint32_t thread, uint32_t threads) {
    std::vector<float> block(8192);
    const size_t first = count * thread / threads, last = count * (thread + 1) / threads;
    for (size_t i = first; i + block.size() <= last; i += block.size())
      std::memcpy(block.data(), data + i, block.size() * sizeof(float));
  });
}

// The base as int8, with its scales.
struct Codes {
  std::vector<int8_t> codes;
  std::vector<float> scales;

  explicit Codes(const Data& base) : codes(base.values.size()), scales(kRows) {
    for (size_t row = 0; row < kRows; ++row) {
      const float* const from = base.values.data() + row * kColumns;
      float largest = 0;
      for (size_t i = 0; i < kColumns; ++i) largest = std::max(largest, std::fabs(from[i]));
      scales[row] = largest / 127;
      for (size_t i = 0; i < kColumns; ++i) codes[row * kColumns + i] = int8_t(std::nearbyint(from[i] / scales[row]));
    }
  }
  TensorArg arg() const { return {{DType::Int8, {kRows, kColumns}}, bytesOf(codes), nullptr, true}; }
  TensorArg scalesArg() const { return {{DType::Float32, {kRows}}, bytesOf(scales), nullptr, true}; }

  template <class T>
  static const std::byte* bytesOf(const std::vector<T>& values) {
    return reinterpret_cast<const std::byte*>(values.data());
  }
};

// Rows by a share of them.
std::vector<uint8_t> maskOf(uint32_t every) {
  std::vector<uint8_t> mask(kRows / 8);
  for (uint32_t row = 0; row < kRows; ++row) mask[row / 8] |= uint8_t((row * 2654435761u >> 7) % every == 0) << row % 8;
  return mask;
}

std::string timesText(const Times& a, const char* nameB, const Times& b) {
  return format("%.2f ms, %s %.2f ms; ratio of medians %.2f", a.best * 1e3, nameB, b.best * 1e3, b.median / a.median);
}

void benchReading(const Options& options, std::shared_ptr<Context> context, const Data& base, const Data& one,
                  std::vector<Figure>& figures) {
  volatile double sink = 0;
  const float* const data = base.values.data();
  const size_t count = base.values.size();
  Repeated single(context, "similarity-search", {one.arg(), base.arg()}, {{"k", 10}});
  const auto times =
      timeInTurns(options.rounds() * 2, {[&] { single.run(); }, [&] { sink = readOnce(data, count, 0); },
                                         [&] { sink = readOnce(data, count, 1536); }, [&] { copyAway(data, count); }});
  const double bytes = double(base.spec.bytes());
  const double best = std::min({times[1].best, times[2].best, times[3].best});
  figures.push_back(
      atLeast("cpu search 100k x 384, 1 query, against read bandwidth", best / times[0].best, "x", 0.95,
              format("%.2f ms, %.1f GB/s; reading alone %.2f ms, with prefetches %.2f ms, as memcpy reads "
                     "%.2f ms",
                     times[0].best * 1e3, bytes / times[0].best / 1e9, times[1].best * 1e3, times[2].best * 1e3,
                     times[3].best * 1e3)));
}

void benchForms(const Options& options, std::shared_ptr<Context> context, const Data& base, const Data& queries,
                std::vector<Figure>& figures) {
  const Codes codes(base);
  const std::vector<uint8_t> all = maskOf(1), few = maskOf(100);
  const auto maskArg = [&](const std::vector<uint8_t>& mask) {
    return TensorArg{{DType::Uint8, {kRows / 8}}, Codes::bytesOf(mask), nullptr, true};
  };
  const auto search = [&](std::vector<TensorArg> inputs) {
    return Repeated(context, "similarity-search", std::move(inputs), {{"k", 10}});
  };
  const TensorArg none{};
  Repeated plainly = search({queries.arg(), base.arg()});
  Repeated coded = search({queries.arg(), codes.arg(), codes.scalesArg()});
  Repeated withAll = search({queries.arg(), base.arg(), none, maskArg(all)});
  Repeated withFew = search({queries.arg(), base.arg(), none, maskArg(few)});
  Repeated codedWithFew = search({queries.arg(), codes.arg(), codes.scalesArg(), maskArg(few)});
  const auto times =
      timeInTurns(options.rounds() * 2, {[&] { plainly.run(); }, [&] { coded.run(); }, [&] { withAll.run(); },
                                         [&] { withFew.run(); }, [&] { codedWithFew.run(); }});
  const uint64_t q = queries.spec.shape[0];
  const std::string of = format("cpu search 100k x 384, %d %s, ", int(q), q == 1 ? "query" : "queries");
  figures.push_back(atLeast(of + "int8 against float32", times[0].best / times[1].best, "x", q == 1 ? 3 : 4,
                            timesText(times[1], "float32", times[0])));
  figures.push_back(atMost(of + "a mask that leaves all", times[2].best / times[0].best, "x", 1.05,
                           timesText(times[2], "without", times[0])));
  figures.push_back(atMost(of + "a mask that leaves 1%", times[3].best / times[0].best, "x", 0.15,
                           timesText(times[3], "without", times[0])));
  figures.push_back(atMost(of + "int8, a mask that leaves 1%", times[4].best / times[1].best, "x", 0.15,
                           timesText(times[4], "without", times[1])));
}

}  // namespace

void benchSearch(const Options& options, std::shared_ptr<Context> context, Sgemm sgemm, std::vector<Figure>& figures) {
  const Data base({kRows, kColumns}, 4), one({1, kColumns}, 5), many({64, kColumns}, 6);
  benchReading(options, context, base, one, figures);
  benchForms(options, context, base, one, figures);
  benchForms(options, context, base, many, figures);
  // The matrix peak: what the library reaches on the best of shapes for it.
  constexpr int n = 1024;
  Data a({n, n}, 7), b({n, n}, 8);
  std::vector<float> out(n * n);
  Repeated batch(context, "similarity-search", {many.arg(), base.arg()}, {{"k", 10}});
  auto times = timeInTurns(
      options.rounds(), {[&] { batch.run(); }, [&] { sgemm(n, n, n, a.values.data(), b.values.data(), out.data()); }});
  double ours = 2.0 * 64 * kRows * kColumns / times[0].best, peak = 2.0 * n * n * n / times[1].best;
  figures.push_back(atLeast("cpu search 100k x 384, 64 queries, against the matrix peak", ours / peak, "x", 0.75,
                            format("%.2f ms, %.0f GFLOP/s; OpenBLAS at 1024 on all threads %.0f GFLOP/s",
                                   times[0].best * 1e3, ours / 1e9, peak / 1e9)));
}

}  // namespace switchyard::bench
