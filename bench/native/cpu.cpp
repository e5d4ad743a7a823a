// The CPU backend's figures: against the matrix library called directly, and against what memory gives.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "bench.h"
#include "blas/blas.h"
#include "cpu/team.h"

namespace switchyard::bench {
namespace {

// Row-major out[m, n] = a[m, k] b[k, n] by the library, rows divided between threads.
void librarySgemm(int m, int n, int k, const float* a, const float* b, float* out) {
  onAllThreads([&](uint32_t thread, uint32_t threads) {
    int first = int(int64_t(m) * thread / threads), rows = int(int64_t(m) * (thread + 1) / threads) - first;
    const float one = 1, zero = 0;
    sgemm_("N", "N", &n, &rows, &k, &one, b, &n, a + size_t(first) * size_t(k), &k, &zero,
           out + size_t(first) * size_t(n), &n);
  });
}

// On all but the figures asked for, the time of each round's two rivals is taken one after the other.
void benchMatmul(const Options& options, std::shared_ptr<Context> context, std::vector<Figure>& figures) {
  for (int n : {1024, 256}) {
    Data a({uint64_t(n), uint64_t(n)}, 1), b({uint64_t(n), uint64_t(n)}, 2);
    std::vector<float> out(size_t(n) * size_t(n));
    Repeated ours(context, "matmul", {a.arg(), b.arg()}, {});
    auto times = timeInTurns(
        options.rounds() * 3,
        {[&] { ours.run(); }, [&] { librarySgemm(n, n, n, a.values.data(), b.values.data(), out.data()); }});
    double flops = 2.0 * n * n * n;
    std::string detail =
        format("%.2f ms, %.0f GFLOP/s; OpenBLAS directly on %u threads %.2f ms, %.0f GFLOP/s; ratio of medians %.3f",
               times[0].best * 1e3, flops / times[0].best / 1e9, cpu::usableCpus(), times[1].best * 1e3,
               flops / times[1].best / 1e9, times[1].median / times[0].median);
    double ratio = times[1].best / times[0].best;
    std::string name = format("cpu matmul %d against the library", n);
    figures.push_back(n == 1024 ? atLeast(name, ratio, "x", 0.95, detail) : plain(name, ratio, "x", detail));
  }
}

void benchBandwidth(const Options& options, std::shared_ptr<Context> context, std::vector<Figure>& figures) {
  struct Row {
    const char* workload;
    Shape shape;
  };
  for (const Row& row : {Row{"normalize", {20000, 384}}, Row{"softmax", {8192, 1024}}, Row{"quantize", {20000, 384}},
                         Row{"evidence-timeline", {1 << 20, 4}}}) {
    Data input(row.shape, 3);
    Repeated ours(context, row.workload, {input.arg()}, {});
    double bytes = double(input.spec.bytes() + ours.outputBytes());
    auto from = HostPool::shared().acquire(input.spec.bytes());
    Times best{1e9, 1e9};
    std::vector<double> ratios;
    for (int i = 0; i < (options.quick ? 1 : 5); ++i) {  // the copy before and after, in the same seconds
      double bandwidth = copyBandwidth(input.spec.bytes(), options.rounds());
      Times times = timeInTurns(options.rounds(), {[&] { ours.run(); }})[0];
      ratios.push_back(bytes / times.best / bandwidth);
      if (times.best < best.best) best = times;
    }
    std::sort(ratios.begin(), ratios.end());
    figures.push_back(atLeast(format("cpu %s against copy bandwidth", row.workload), ratios.back(), "x", 0.85,
                              format("%s, %.1f MB moved in %.3f ms (median %.3f): %.1f GB/s; best of the rounds, each "
                                     "against a copy of its own seconds; their median %.2f",
                                     row.shape.text().c_str(), bytes / 1e6, best.best * 1e3, best.median * 1e3,
                                     bytes / best.best / 1e9, ratios[ratios.size() / 2])));
  }
}

// What pca-fit can't do without, by the library: the mean, the centred rows, ssyrk on every thread, and ssyevr for the
// first 64.
struct DirectPca {
  const Data& input;
  int rows, columns, components;
  std::vector<float> centred, partial, covariance, values, vectors;

  DirectPca(const Data& data, int wanted)
      : input(data),
        rows(int(data.spec.shape[0])),
        columns(int(data.spec.shape[1])),
        components(wanted),
        centred(data.values.size()),
        partial(size_t(cpu::usableCpus()) * size_t(columns) * size_t(columns)),
        covariance(size_t(columns) * size_t(columns)),
        values(size_t(columns)),
        vectors(size_t(columns) * size_t(wanted)) {}

  void run() {
    std::vector<double> mean(size_t(columns), 0.0);
    for (int r = 0; r < rows; ++r)
      for (int c = 0; c < columns; ++c) mean[size_t(c)] += input.values[size_t(r) * size_t(columns) + size_t(c)];
    std::vector<float> shift(size_t(columns), 0.0f);
    for (int c = 0; c < columns; ++c) shift[size_t(c)] = float(mean[size_t(c)] / rows);
    size_t square = size_t(columns) * size_t(columns);
    onAllThreads([&](uint32_t thread, uint32_t threads) {
      int first = int(int64_t(rows) * thread / threads), count = int(int64_t(rows) * (thread + 1) / threads) - first;
      float* own = centred.data() + size_t(first) * size_t(columns);
      const float* from = input.values.data() + size_t(first) * size_t(columns);
      for (int r = 0; r < count; ++r)
        for (int c = 0; c < columns; ++c)
          own[size_t(r) * size_t(columns) + size_t(c)] =
              from[size_t(r) * size_t(columns) + size_t(c)] - shift[size_t(c)];
      const float alpha = 1.0f / float(rows - 1), zero = 0;
      ssyrk_("L", "N", &columns, &count, &alpha, own, &columns, &zero, partial.data() + thread * square, &columns);
    });
    for (size_t i = 0; i < square; ++i) {
      covariance[i] = 0;
      for (uint32_t t = 0; t < cpu::usableCpus(); ++t) covariance[i] += partial[t * square + i];
    }
    solve();
  }

  void solve() {
    const float unused = 0;
    int first = columns - components + 1, found = 0, info = 0, workSize = 40 * columns, intWorkSize = 12 * columns;
    std::vector<float> work(static_cast<size_t>(workSize));
    std::vector<int> intWork(static_cast<size_t>(intWorkSize)), support(2 * size_t(columns));
    ssyevr_("V", "I", "L", &columns, covariance.data(), &columns, &unused, &unused, &first, &columns, &unused, &found,
            values.data(), vectors.data(), &columns, support.data(), work.data(), &workSize, intWork.data(),
            &intWorkSize, &info);
    if (info != 0 || found != components) throw Error(Code::Internal, "ssyevr failed in the bench");
  }
};

void benchPca(const Options& options, std::shared_ptr<Context> context, std::vector<Figure>& figures) {
  Data input({10000, 256}, 9);
  Repeated ours(context, "pca-fit", {input.arg()}, {{"components", 64}});
  DirectPca direct(input, 64);
  auto times = timeInTurns(options.rounds(), {[&] { ours.run(); }, [&] { direct.run(); }});
  figures.push_back(
      atMost("cpu pca-fit 10k x 256 to 64 against ssyrk and ssyevr", times[0].best / times[1].best, "x", 2,
             format("%.2f ms (median %.2f); the library directly %.2f ms (median %.2f)", times[0].best * 1e3,
                    times[0].median * 1e3, times[1].best * 1e3, times[1].median * 1e3)));
}

void benchRoundTrip(const Options& options, std::shared_ptr<Context> context, std::vector<Figure>& figures) {
  Data a({1024}, 10), b({1024}, 11);
  Repeated job(context, "add", {a.arg(), b.arg()}, {});
  constexpr int kRuns = 500;
  auto times = timeInTurns(options.rounds(), {[&] {
                                                for (int i = 0; i < kRuns; ++i) job.run(true);
                                              },
                                              [&] {
                                                for (int i = 0; i < kRuns; ++i) job.run();
                                              }});
  figures.push_back(plain("cpu round trip of 1K elements, inline", times[0].best / kRuns * 1e6, "us",
                          "in plain C++, on the calling thread"));
  figures.push_back(plain("cpu round trip of 1K elements, through the lane", times[1].best / kRuns * 1e6, "us",
                          "in plain C++, with the hop to the lane thread and back"));
}

}  // namespace

void benchCpu(const Options& options, std::vector<Figure>& figures) {
  auto context = Context::create(openDevice("cpu"));
  benchMatmul(options, context, figures);
  benchBandwidth(options, context, figures);
  benchSearch(options, context, librarySgemm, figures);
  benchPca(options, context, figures);
  benchRows(options, "cpu", context, figures);
  benchRoundTrip(options, context, figures);
}

}  // namespace switchyard::bench
