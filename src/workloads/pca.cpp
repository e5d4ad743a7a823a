// pca-fit and pca-transform: principal components by the symmetric eigenproblem of the covariance matrix, or, with
// fewer rows than columns, of the Gram matrix of the rows (the same nonzero eigenvalues, a smaller problem).
#include <algorithm>
#include <cmath>

#include "blas/eigen.h"
#include "workloads/common.h"
#include "workloads/long_rows.h"

namespace switchyard {
namespace {

// A quarter of what is left without the mean, as the kernel gives it: rows `first` .. `first + rows` of `in`.
void recordCenter(Recorder& r, BufferView in, BufferView mean, BufferView out, uint64_t first, uint32_t rows,
                  uint32_t d) {
  uint64_t rowBytes = uint64_t{d} * 4;
  r.forRowPieces(rows, {rowBytes}, [&](uint64_t from, uint32_t count) {
    r.launch(
        Kernel::center, uint64_t{count} * d,
        {in.slice((first + from) * rowBytes, count * rowBytes), mean, out.slice(from * rowBytes, count * rowBytes)},
        MeanParams{count, d});
  });
}

// Rows of scratch that stay within the budget, a multiple of 64 so that pieces start where any device accepts it.
uint64_t rowsInBudget(uint64_t rowBytes) { return std::max<uint64_t>(64, kScratchBudget / rowBytes / 64 * 64); }

Matmul product(BufferView a, BufferView b, BufferView out, uint64_t m, uint64_t n, uint64_t k, bool transposeA,
               bool transposeB) {
  Matmul op;
  op.a = a, op.b = b, op.out = out;
  op.m = static_cast<uint32_t>(m), op.n = static_cast<uint32_t>(n), op.k = static_cast<uint32_t>(k);
  op.transposeA = transposeA, op.transposeB = transposeB;
  op.lda = transposeA ? op.m : op.k, op.ldb = transposeB ? op.k : op.n, op.ldOut = op.n;
  return op;
}

// What products of two quarters, or of a quarter and a whole, are to be multiplied with.
constexpr double kBothQuarters = 16;
constexpr float kOneQuarter = 4;

// False where a covariance may have over- or underflowed in float32 (or holds NaN), where no entry is larger than the
// diagonal's; or where rows lie so far from zero, for their variances, that the rounding of the means, of a few units,
// counts: a mean that is off adds the square of that.
bool trusted(std::span<const float> matrix, uint64_t size, std::span<const float> means) {
  float largest = 0;
  for (uint64_t i = 0; i < size; ++i) largest = std::max(largest, matrix[i * size + i]);
  double offset = 0;
  for (float mean : means) offset += double{mean} * mean;
  return largest >= 1e-28f && largest <= 1e37f && offset * 0x1p-42 <= 1e-7 * largest &&
         std::all_of(matrix.begin(), matrix.end(), [](float value) { return std::isfinite(value); });
}

// The exponent that brings `largest` near 2^wanted, of a power that is a normal float32.
int exponentTo(int wanted, float largest) {
  return largest == 0 ? 0 : std::clamp(wanted - std::ilogb(largest), -126, 126);
}

double dot(const float* a, const float* b, size_t d) {
  double sum = 0;
  for (size_t i = 0; i < d; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

void subtractProjections(std::span<float> components, size_t row, size_t d) {
  float* v = components.data() + row * d;
  for (int pass = 0; pass < 2; ++pass)  // twice is enough
    for (size_t other = 0; other < row; ++other) {
      const float* u = components.data() + other * d;
      double along = dot(u, v, d);
      for (size_t i = 0; i < d; ++i) v[i] = static_cast<float>(v[i] - along * u[i]);
    }
}

// Makes rows that came from the Gram matrix orthonormal. A direction without variance has no vector of its own there:
// any unit vector orthogonal to the others serves, and the axes are tried in order.
void orthonormalize(std::span<float> components, std::span<const float> variances, size_t d) {
  float least = variances.empty() ? 0 : variances[0] * 1e-6f;
  size_t axis = 0;
  for (size_t row = 0; row < variances.size(); ++row) {
    float* v = components.data() + row * d;
    double norm = 0;
    if (variances[row] > least) {
      norm = std::sqrt(dot(v, v, d));
      if (norm > 0)
        for (size_t i = 0; i < d; ++i) v[i] = static_cast<float>(v[i] / norm);
      subtractProjections(components, row, d);
      norm = std::sqrt(dot(v, v, d));
    }
    while (!(norm > 0.1) && axis < d) {
      std::fill(v, v + d, 0.0f);
      v[axis++] = 1;
      subtractProjections(components, row, d);
      norm = std::sqrt(dot(v, v, d));
    }
    for (size_t i = 0; i < d; ++i) v[i] = static_cast<float>(v[i] / norm);
  }
}

void fixSigns(std::span<float> components, size_t d) {
  for (size_t from = 0; from < components.size(); from += d) {
    float* v = components.data() + from;
    float* largest = std::max_element(v, v + d, [](float a, float b) { return std::fabs(a) < std::fabs(b); });
    if (*largest < 0)
      for (size_t i = 0; i < d; ++i) v[i] = -v[i];
  }
}

class PcaFit final : public Workload {
 public:
  PcaFit()
      : Workload({"pca-fit",
                  WorkKind::Matrix,
                  kNotJoined,
                  {{"input"}},
                  {{.name = "components", .kind = ParamInfo::Kind::Integer, .min = 1, .max = 65535, .required = true},
                   precisionParam()},
                  {"mean", "components", "explainedVariance"}}) {}

  Cost check(Call& call) const override {
    requireRank(*this, call, 0, 2);
    uint64_t n = call.shape(0)[0], d = call.shape(0)[1], c = call.integer(0);
    for (uint64_t extent : {n, d}) checkedUint(*this, extent, "a size");
    if (n < 2)
      refuse(*this,
             "'input' " + call.shape(0).text() + " has " + std::to_string(n) + " rows, but variances need at least 2",
             "inputs.input");
    if (c > std::min(n, d))
      refuse(*this,
             "parameter 'components' is " + std::to_string(c) + ", but 'input' " + call.shape(0).text() +
                 " has at most " + std::to_string(std::min(n, d)),
             "params.components");
    if (std::min(n, d) > 32768)
      refuse(*this,
             "'input' " + call.shape(0).text() + " has more than 32768 rows and columns: reduce one of them first",
             "inputs.input");
    call.outputCount = 3;
    call.outputs[0].spec = {DType::Float32, Shape{d}};
    call.outputs[1].spec = {DType::Float32, Shape{c, d}};
    call.outputs[2].spec = {DType::Float32, Shape{c}};
    double small = static_cast<double>(std::min(n, d));
    return {static_cast<double>(n) * static_cast<double>(d) * small + 4 * small * small * small, bytesMoved(call)};
  }

  Task record(Recorder& r, const Call& call) const override {
    uint64_t n = call.shape(0)[0], d = call.shape(0)[1], c = call.integer(0);
    BufferView input = r.floats(call.inputs[0]), mean = call.outputs[0].view;
    recordMean(r, input, mean, n, static_cast<uint32_t>(d));
    bool gram = d > n;
    uint64_t size = gram ? n : d;
    BufferView centered = gram ? r.scratch(n * d * 4) : BufferView{}, square = r.scratch(size * size * 4);
    recordSquare(r, input, mean, centered, square, n, static_cast<uint32_t>(d), call.flag(1));
    std::span<float> matrix = r.hostMemory<float>(size * size), variances = r.hostMemory<float>(c),
                     vectors = r.hostMemory<float>(c * size), means = r.hostMemory<float>(d);
    r.download(std::as_writable_bytes(matrix), square);
    r.download(std::as_writable_bytes(means), mean);
    co_await r.sync();
    int exponent = 0;  // of the power of two by which the matrix is larger than that of the rows
    if (!trusted(matrix, size, means)) {
      // Again from differences to the first row, brought near 1: they are exact where rows lie close together, and 0 in
      // a column of one number. `work` holds rows that are scaled, `differences` quarters of what is left.
      std::span<float> extremes = r.hostMemory<float>(2 * n), scaledMeans = r.hostMemory<float>(d);
      recordExtremes(r, input, extremes, n, static_cast<uint32_t>(d));
      co_await r.sync();
      const int scale = exponentTo(100, largestOf(extremes));  // sums have room above, small elements below
      BufferView work = r.scratch(n * d * 4), workMean = r.scratch(d * 4),
                 differences = gram ? centered : r.scratch(n * d * 4);
      recordScaled(r, {input}, work, n * d, std::ldexp(1.0f, scale));
      recordMean(r, work, workMean, n, static_cast<uint32_t>(d));
      r.download(std::as_writable_bytes(scaledMeans), workMean);
      recordCenter(r, work, work.slice(0, d * 4), differences, 0, static_cast<uint32_t>(n), static_cast<uint32_t>(d));
      recordExtremes(r, differences, extremes, n, static_cast<uint32_t>(d));
      co_await r.sync();
      const int again = exponentTo(0, largestOf(extremes));
      recordScaled(r, {differences}, work, n * d, std::ldexp(1.0f, again));
      recordMean(r, work, workMean, n, static_cast<uint32_t>(d));
      recordSquare(r, work, workMean, centered, square, n, static_cast<uint32_t>(d), false);
      r.download(std::as_writable_bytes(matrix), square);
      co_await r.sync();
      exponent = scale - 2 + again;
      for (uint64_t i = 0; i < d; ++i)  // those whose sums overflowed
        if (!std::isfinite(means[i])) means[i] = std::ldexp(scaledMeans[i], -scale);
      r.upload(mean, std::as_bytes(means));
      for (BufferView used : {work, workMean, gram ? BufferView{} : differences}) r.release(used);
    }
    r.release(square);
    refuseNotFinite(matrix);
    // The solver multiplies entries with each other: near 1 they are in no danger.
    float largest = 0;
    for (uint64_t i = 0; i < size; ++i) largest = std::max(largest, matrix[i * size + i]);
    const int scaled = exponentTo(0, largest);
    if (std::abs(scaled) > 20)
      for (float& entry : matrix) entry = std::ldexp(entry, scaled);
    symmetricEigen(matrix.data(), static_cast<uint32_t>(size), static_cast<uint32_t>(c), variances.data(),
                   vectors.data());
    for (float& variance : variances) variance = std::max(variance, 0.0f);
    std::span<float> components = vectors;
    if (gram) {
      BufferView left = r.fresh(c * n * 4), result = r.scratch(c * d * 4);
      r.upload(left, std::as_bytes(vectors));
      r.matmul(product(left, centered, result, c, d, n, false, false));
      components = r.hostMemory<float>(c * d);
      r.download(std::as_writable_bytes(components), result);
      co_await r.sync();
      r.release(result);
      orthonormalize(components, variances, d);
    }
    exponent = 2 * exponent + (std::abs(scaled) > 20 ? scaled : 0);
    for (float& variance : variances) variance = std::ldexp(variance, -exponent);
    refuseNotFinite(variances);
    fixSigns(components, d);
    r.upload(call.outputs[1].view, std::as_bytes(components));
    r.upload(call.outputs[2].view, std::as_bytes(variances));
  }

 private:
  // The covariance of the columns, or with `centered` the Gram matrix of the rows.
  static void recordSquare(Recorder& r, BufferView input, BufferView mean, BufferView centered, BufferView square,
                           uint64_t n, uint32_t d, bool fast) {
    if (!centered) return recordCovariance(r, input, mean, square, n, d, fast);
    recordCenter(r, input, mean, centered, 0, static_cast<uint32_t>(n), d);
    Matmul op = product(centered, centered, square, n, n, d, false, true);
    op.alpha = static_cast<float>(kBothQuarters / static_cast<double>(n - 1)), op.fast = fast;
    r.matmul(op);
  }

  // The least and the largest element of every row, to the host.
  static void recordExtremes(Recorder& r, BufferView input, std::span<float> extremes, uint64_t n, uint32_t d) {
    BufferView out = r.scratch(n * 4);
    for (uint32_t kind : {kReduceMin, kReduceMax}) {
      recordReduce(r, {input}, {out}, n, d, kind);
      r.download(std::as_writable_bytes(extremes.subspan(kind == kReduceMin ? 0 : n, n)), out);
    }
    r.release(out);
  }

  // The largest magnitude. NaN and infinities are refused.
  float largestOf(std::span<const float> extremes) const {
    refuseNotFinite(extremes);
    float largest = 0;
    for (float value : extremes) largest = std::max(largest, std::fabs(value));
    return largest;
  }

  static void recordMean(Recorder& r, BufferView input, BufferView mean, uint64_t n, uint32_t d) {
    uint64_t rowBytes = uint64_t{d} * 4, bindable = r.device().maxViewBytes;
    if (n * rowBytes <= bindable) {
      recordColumnMean(r, input, mean, n, d);
      return;
    }
    // The mean of the whole is the sum of the pieces' means, each weighted by its share of the rows.
    BufferView part = r.scratch(rowBytes), share = r.scratch(rowBytes);
    bool isFirst = true;
    r.forRowPieces(n, {rowBytes}, [&](uint64_t first, uint32_t rows) {
      recordColumnMean(r, input.slice(first * rowBytes, rows * rowBytes), part, rows, d);
      float weight = static_cast<float>(static_cast<double>(rows) / static_cast<double>(n));
      r.launch(Kernel::scale, d, {part, isFirst ? mean : share}, ScaleParams{d, weight, 0, 0});
      if (!isFirst) accumulate(r, mean, share, part, d);
      isFirst = false;
    });
    r.release(part);
    r.release(share);
  }

  // sum += addend, through `spare`: a kernel's output is not also its input.
  static void accumulate(Recorder& r, BufferView sum, BufferView addend, BufferView spare, uint64_t count) {
    r.forRowPieces(count, {4}, [&](uint64_t first, uint32_t elements) {
      uint64_t offset = first * 4, bytes = uint64_t{elements} * 4;
      r.launch(Kernel::binary, elements,
               {sum.slice(offset, bytes), addend.slice(offset, bytes), spare.slice(offset, bytes)},
               BinaryParams{elements, kBinaryAdd, kBroadcastNone, 0, 0});
    });
    r.copy(sum, spare);
  }

  static void recordCovariance(Recorder& r, BufferView input, BufferView mean, BufferView out, uint64_t n, uint32_t d,
                               bool fast) {
    uint64_t rowBytes = uint64_t{d} * 4, size = uint64_t{d} * d;
    if (r.onCpu()) {
      r.launch(Kernel::covariance, 1, {input, mean, out}, MeanParams{static_cast<uint32_t>(n), d});
      return;
    }
    uint64_t most = std::min(n, rowsInBudget(rowBytes));
    BufferView centered = r.scratch(most * rowBytes), part, spare;
    if (most < n) part = r.scratch(size * 4), spare = r.scratch(size * 4);
    for (uint64_t first = 0; first < n; first += most) {
      uint32_t rows = static_cast<uint32_t>(std::min(most, n - first));
      recordCenter(r, input, mean, centered, first, rows, d);
      Matmul op = product(centered, centered, first ? part : out, d, d, rows, true, false);
      op.alpha = static_cast<float>(kBothQuarters / static_cast<double>(n - 1)), op.fast = fast;
      r.matmul(op);
      if (first) accumulate(r, out, part, spare, size);
    }
    for (BufferView used : {centered, part, spare}) r.release(used);
  }

  void refuseNotFinite(std::span<const float> matrix) const {
    for (float value : matrix)
      if (!std::isfinite(value))
        refuse(*this, "'input' holds NaN, infinities or values whose variance overflows float32", "inputs.input");
  }
};

class PcaTransform final : public Workload {
 public:
  PcaTransform()
      : Workload({"pca-transform",
                  WorkKind::Matrix,
                  JoinRule{Join::Rows, Join::Same, Join::Same},
                  {{"input"}, {"mean"}, {"components"}},
                  {precisionParam(), dtypeParam()},
                  {"output"},
                  {},
                  {{{Cut::Rows, Cut::Whole, Cut::Whole}}}}) {}

  Cost check(Call& call) const override {
    requireRank(*this, call, 0, 2);
    requireRank(*this, call, 2, 2);
    uint64_t n = call.shape(0)[0], d = call.shape(0)[1], c = call.shape(2)[0];
    if (!(call.shape(1) == Shape{d}) || call.shape(2)[1] != d)
      refuse(*this, "'input' [n, d] " + call.shape(0).text() + ", 'mean' [d] " + call.shape(1).text() +
                        " and 'components' [c, d] " + call.shape(2).text() + " don't fit each other");
    for (uint64_t extent : {n, d, c}) checkedUint(*this, extent, "a size");
    call.outputCount = 1;
    call.outputs[0].spec = {outputDType(*this, call), Shape{n, c}};
    return {2.0 * static_cast<double>(call.inputs[0].spec.elements()) * static_cast<double>(c), bytesMoved(call)};
  }

  Task record(Recorder& r, const Call& call) const override {
    uint64_t n = call.shape(0)[0], d = call.shape(0)[1], c = call.shape(2)[0], rowBytes = d * 4;
    BufferView out = r.floatTarget(call.outputs[0]);
    if (d == 0) {
      r.fill(out, 0);
    } else {
      BufferView input = r.floats(call.inputs[0]), mean = r.floats(call.inputs[1]),
                 components = r.floats(call.inputs[2]);
      uint64_t most = std::min(n, rowsInBudget(rowBytes));
      BufferView centered = r.scratch(most * rowBytes);
      for (uint64_t first = 0; first < n; first += most) {
        uint32_t rows = static_cast<uint32_t>(std::min(most, n - first));
        recordCenter(r, input, mean, centered, first, rows, static_cast<uint32_t>(d));
        Matmul op = product(centered, components, out.slice(first * c * 4, rows * c * 4), rows, c, d, false, true);
        op.alpha = kOneQuarter, op.fast = call.flag(0);
        r.matmul(op);
      }
      r.release(centered);
    }
    r.finishTarget(call.outputs[0], out);
    co_return;
  }
};

}  // namespace

const Workload& pcaFitWorkload() {
  static const PcaFit w;
  return w;
}
const Workload& pcaTransformWorkload() {
  static const PcaTransform w;
  return w;
}

}  // namespace switchyard
