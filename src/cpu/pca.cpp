// Kernels of pca-fit: column_mean and covariance.
#include <cstring>
#include <vector>

#include "blas/blas.h"
#include "blas/buffers.h"
#include "cpu/kernels.h"
#include "cpu/matmul.h"
#include "cpu/scratch.h"

namespace switchyard::cpu {
namespace {

constexpr size_t kBlockRows = 256;  // float32 partial sums are no longer than this
// up to here every thread has its own partial covariance; beyond, threads share one by tiles
constexpr size_t kPartialColumns = 1024;
constexpr size_t kTile = 256;

// The compiler's vectors do: these loops run in cache beside a matrix product or at the speed of memory.
void addRow(float* sum, const float* row, size_t d) {
  for (size_t j = 0; j < d; ++j) sum[j] += row[j];
}
void addRows4(float* sum, const float* row, size_t d) {
  for (size_t j = 0; j < d; ++j) sum[j] += (row[j] + row[d + j]) + (row[2 * d + j] + row[3 * d + j]);
}

void subtractMean(const float* in, const float* mean, float* out, size_t rows, size_t d) {
  for (size_t r = 0; r < rows; ++r)
    for (size_t j = 0; j < d; ++j) out[r * d + j] = in[r * d + j] - mean[j];
}

struct Covariance {
  const float *in, *mean;
  float* out;
  size_t rows, d;
  float factor;
};

void mirror(float* out, size_t d) {
  for (size_t i = 0; i < d; ++i)
    for (size_t j = 0; j < i; ++j) out[i * d + j] = out[j * d + i];
}

// Each thread adds its blocks' products to a matrix of its own; the sum of those is the result. The library's
// column-major lower triangle is the row-major upper one.
void byPartials(const Covariance& job, const Budget& budget) {
  const size_t d = job.d, blocks = (job.rows - 1) / kBlockRows + 1;
  const uint32_t lanes = static_cast<uint32_t>(std::min<size_t>({budget.threads, usableCpus(), blocks}));
  Scratch partials(lanes * d * d * sizeof(float));
  std::memset(partials.as<float>(), 0, lanes * d * d * sizeof(float));
  const double blockNs = static_cast<double>(kBlockRows) * static_cast<double>(d) * (0.5 + static_cast<double>(d) / 80);
  const int size = static_cast<int>(d);
  parallelFor(budget, blocks, grainFor(budget, blocks, blockNs), [&](uint64_t begin, uint64_t end, uint32_t lane) {
    Scratch centred(kBlockRows * d * sizeof(float));
    float* const partial = partials.as<float>() + lane * d * d;
    for (uint64_t block = begin; block < end && !budget.stopped(); ++block) {
      const size_t row = block * kBlockRows, n = std::min(kBlockRows, job.rows - row);
      subtractMean(job.in + row * d, job.mean, centred.as<float>(), n, d);
      const int k = static_cast<int>(n);
      const float one = 1;
      const BlasBuffers buffers;
      ssyrk_("L", "N", &size, &k, &job.factor, centred.as<float>(), &size, &one, partial, &size);
    }
  });
  for (size_t i = 0; i < d; ++i)
    for (size_t j = i; j < d; ++j) {
      float sum = 0;
      for (uint32_t lane = 0; lane < lanes; ++lane) sum += partials.as<float>()[lane * d * d + i * d + j];
      job.out[i * d + j] = sum;
    }
  mirror(job.out, d);
}

// Wide matrices: all threads centre a block, then share the tiles of the upper triangle.
void byTiles(const Covariance& job, const Budget& budget) {
  const size_t d = job.d, side = (d - 1) / kTile + 1;
  std::vector<std::pair<size_t, size_t>> tiles;
  for (size_t i = 0; i < side; ++i)
    for (size_t j = i; j < side; ++j) tiles.emplace_back(i * kTile, j * kTile);
  Scratch centred(kBlockRows * d * sizeof(float));
  for (size_t row = 0; row < job.rows && !budget.stopped(); row += kBlockRows) {
    const size_t n = std::min(kBlockRows, job.rows - row);
    parallelFor(budget, n, grainFor(budget, n, 0.3 * static_cast<double>(d)),
                [&](uint64_t begin, uint64_t end, uint32_t) {
                  subtractMean(job.in + (row + begin) * d, job.mean, centred.as<float>() + begin * d, end - begin, d);
                });
    parallelFor(budget, tiles.size(),
                grainFor(budget, tiles.size(), 2.0 * kTile * kTile * static_cast<double>(n) / 100),
                [&](uint64_t begin, uint64_t end, uint32_t) {
                  for (uint64_t t = begin; t < end; ++t) {
                    const auto [i, j] = tiles[t];
                    gemm({.m = std::min(kTile, d - i),
                          .n = std::min(kTile, d - j),
                          .k = n,
                          .transposeA = true,
                          .alpha = job.factor,
                          .beta = row ? 1.0f : 0.0f},
                         centred.as<float>() + i, d, centred.as<float>() + j, d, job.out + i * d + j, d);
                  }
                });
  }
  mirror(job.out, d);
}

}  // namespace

namespace kernels {

void column_mean(const Call& call) {
  const auto params = call.as<ColumnMeanParams>();
  const float* const in = call.view(0);
  float* const mean = call.view(1);
  const size_t d = params.d, rows = params.rows, blocks = (rows - 1) / kBlockRows + 1;
  const uint32_t lanes = static_cast<uint32_t>(std::min<size_t>({call.budget.threads, usableCpus(), blocks}));
  Scratch totals(lanes * d * sizeof(double));
  std::fill_n(totals.as<double>(), lanes * d, 0.0);
  const uint64_t grain = grainFor(call.budget, blocks, static_cast<double>(kBlockRows * d) * 0.2);
  parallelFor(call.budget, blocks, grain, [&](uint64_t begin, uint64_t end, uint32_t lane) {
    Scratch sums(d * sizeof(float));
    float* const sum = sums.as<float>();
    double* const total = totals.as<double>() + lane * d;
    for (uint64_t block = begin; block < end; ++block) {
      std::fill_n(sum, d, 0.0f);
      const size_t last = std::min(rows, (block + 1) * kBlockRows);
      size_t row = block * kBlockRows;
      for (; row + 4 <= last; row += 4) addRows4(sum, in + row * d, d);
      for (; row < last; ++row) addRow(sum, in + row * d, d);
      for (size_t j = 0; j < d; ++j) total[j] += sum[j];
    }
  });
  for (size_t j = 0; j < d; ++j) {
    double total = 0;
    for (uint32_t lane = 0; lane < lanes; ++lane) total += totals.as<double>()[lane * d + j];
    mean[j] = static_cast<float>(total / params.over);
  }
}

void covariance(const Call& call) {
  const auto params = call.as<MeanParams>();
  const size_t rows = params.rows;
  const Covariance job{call.view(0), call.view(1), call.view(2),
                       rows,         params.d,     static_cast<float>(1.0 / (static_cast<double>(rows) - 1))};
  if (job.d <= kPartialColumns)
    byPartials(job, call.budget);
  else
    byTiles(job, call.budget);
}

}  // namespace kernels
}  // namespace switchyard::cpu
