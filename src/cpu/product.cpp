// Products in our own tiles (tiles.h). A thread takes a part of the output. Of many rows it lays the weights of a few
// hundred columns out as the tiles read them, in its own scratch, and goes over all its rows with them: that costs a
// hundredth of the products, and no process has a copy that outlives the job. Few rows are multiplied with the weights
// as they lie. Sums are finished (scales, bias, activation, residual, format) while they are in the cache.
#include "cpu/product.h"

#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/product.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include "cpu/finish-inl.h"
#include "cpu/laid-out-inl.h"
#include "cpu/parts.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

constexpr size_t kFewRows = 32;             // up to so many rows are multiplied with the weights as they lie
constexpr size_t kFewColumns = 64;          // sums that few rows have at once
constexpr size_t kWeightBytes = 512 << 10;  // of the second-level cache, for the weights laid out
constexpr size_t kRowBytes = 192 << 10;     // the same, for rows of a, and for sums
constexpr size_t kRowsHeld = 1984 << 10;    // of a, as words: with what keeps rows apart, memory that threads keep
constexpr size_t kFewTileRows = 6;          // so many rows find room in one set of the first-level cache

// Sums of some rows and columns: those of one block of integers, and what they come to over all blocks.
class Sums {
 public:
  Sums(const Product& p, const Layout& layout, size_t rows, size_t columns)
      : ld(columns),
        inBlocks_(p.isInteger && layout.blocks > 1),
        bytes_(rows * columns * sizeof(float)),
        sums_(bytes_),
        total_(inBlocks_ ? bytes_ : 0) {}

  void begin(bool nothing) {
    if (nothing) std::memset(sums_.as<void>(), 0, bytes_);
    if (inBlocks_) std::memset(total_.as<void>(), 0, bytes_);
  }
  uint32_t* at(size_t row, size_t column) const { return sums_.as<uint32_t>() + row * ld + column; }
  void endBlock(size_t rows, size_t columns, const int32_t* shift, const float* scales) {
    for (size_t r = 0; r < rows && inBlocks_; ++r)
      addBlock(sums_.as<int32_t>() + r * ld, columns, shift, scales, total_.as<float>() + r * ld);
  }
  float* row(size_t r) const { return (inBlocks_ ? total_ : sums_).as<float>() + r * ld; }
  bool inBlocks() const { return inBlocks_; }

  const size_t ld;

 private:
  const bool inBlocks_;
  const size_t bytes_;
  Scratch sums_, total_;
};

struct Part {
  uint64_t item;
  size_t row, rows, column, columns;
};

// Sums that overflowed on the way, or before alpha, are made again in double. What a NaN or an infinity among the
// factors made so stays.
class Mender {
 public:
  Mender(const Product& p, const Part& part) : op_(p.op), part_(part), a_(p.a(part.item)), b_(p.b(part.item)) {}

  // `sums` of row `row`, columns from `column` on, become products with alpha and scales.
  void mend(size_t row, size_t column, size_t n, const float* scales, float* sums) {
    bool isFinite = true, known = false;
    for (size_t c = 0; c < n; ++c) {
      const bool overflowed = !std::isfinite(sums[c]);
      sums[c] *= op_.alpha * (scales ? scales[c] : 1.0f);
      if (!overflowed) continue;
      if (!known) isFinite = rowIsFinite(row), known = true;
      if (!isFinite || !columnIsFinite(column + c)) continue;
      double sum = 0;
      for (size_t i = 0; i < op_.k; ++i)
        sum += double{a_.floatAt(row, i)} * b_.floatAt(column + c, i) * scale(column + c, i);
      sums[c] = static_cast<float>(op_.alpha * sum);
    }
  }

 private:
  double scale(size_t column, size_t i) const {
    if (!op_.bits) return 1;
    const size_t groups = op_.group ? op_.k / op_.group : 1;
    return op_.scales.host<const float>()[column * groups + (op_.group ? i / op_.group : 0)];
  }
  bool rowIsFinite(size_t row) const {
    for (size_t i = 0; i < op_.k; ++i)
      if (!std::isfinite(a_.floatAt(row, i))) return false;
    return true;
  }
  bool columnIsFinite(size_t column) {
    if (columns_.empty()) columns_.assign(part_.columns, kUnknown);
    Known& known = columns_[column - part_.column];
    if (known == kUnknown) {
      known = kFinite;
      for (size_t i = 0; i < op_.k; ++i)
        if (!std::isfinite(b_.floatAt(column, i) * scale(column, i))) known = kNotFinite;
    }
    return known == kFinite;
  }

  enum Known : uint8_t { kUnknown, kFinite, kNotFinite };
  const Matmul& op_;
  const Part& part_;
  const Factor a_, b_;
  std::vector<Known> columns_;
};

// Writes rows of sums to the output.
class Writer {
 public:
  Writer(const Product& p, const Part& part, size_t columns)
      : p_(p),
        part_(part),
        mender_(p, part),
        residual_(p.op.residual && p.op.formatResidual ? columns * sizeof(float) : 0),
        made_(p.op.formatOut ? columns * sizeof(float) : 0),
        stream_(uint64_t{p.op.m} * p.op.n * sizeof(float) >= kStreamBytes) {}
  ~Writer() {
    if (stream_) hwy::FlushStream();
  }

  void row(const Sums& sums, size_t r, size_t row, size_t column, size_t n, const int32_t* shift, float factor,
           const Columns& columns) {
    const Matmul& op = p_.op;
    const uint64_t at = uint64_t{row} * op.ldOut + column + part_.item * op.strideOut;
    Finish finish{sums.row(r), shift, columns.scales, columns.bias, nullptr, op.alpha * factor, nullptr, n, stream_};
    const bool isInteger = p_.isInteger && !sums.inBlocks();
    if (!p_.isInteger && !allFinite(sums.row(r), n)) {
      mender_.mend(row, column, n, columns.scales, sums.row(r));
      finish.scales = nullptr, finish.factor = 1;
    }
    if (op.residual)
      finish.residual =
          Columns::part(op.residual, op.formatResidual, uint64_t{row} * op.n + column, n, residual_.as<float>());
    finish.out = op.formatOut ? made_.as<float>() : op.out.host<float>() + at;
    if (op.formatOut) finish.stream = false;
    if (isInteger)
      finish.run<true>(op.activation);
    else
      finish.run<false>(op.activation);
    uint16_t* const halves = op.out.host<uint16_t>() + at;
    if (op.formatOut == kFormatFloat16)
      narrowInto<kFormatFloat16>(finish.out, halves, n, false);
    else if (op.formatOut == kFormatBfloat16)
      narrowInto<kFormatBfloat16>(finish.out, halves, n, false);
  }

 private:
  const Product& p_;
  const Part& part_;
  Mender mender_;
  Scratch residual_, made_;
  const bool stream_;
};

// ---- many rows: tiles

// Whether rows of a are read where they lie. Those whose distance is a multiple of a page share a set of the cache.
bool readsRowsInPlace(const Product& p) {
  return p.tile.words == Words::Float32 && liesAsWords(p.a(0), p.tile.words) &&
         (p.tile.rows <= kFewTileRows || p.op.lda % 1024 != 0);
}

class Panels {
 public:
  Panels(const Product& p, const Part& part)
      : p_(p),
        part_(part),
        tile_(p.tile),
        layout_(p.op, tile_, tile_.step),
        direct_(readsRowsInPlace(p)),
        ldA_(direct_ ? p.op.lda : layout_.rowDistance()),
        columns_(fitting(kWeightBytes, tile_.columns, part.columns, 512)),
        rows_(fitting(kRowBytes, tile_.rows, part.rows, 256)),
        held_(direct_ ? part.rows : fitting(kRowsHeld, tile_.rows, part.rows, roundUp(part.rows, tile_.rows))),
        words_(direct_ ? 0 : roundUp(held_, tile_.rows) * ldA_ * sizeof(uint32_t)),
        factors_(held_ * sizeof(float)),
        weights_(p, layout_, columns_),
        sums_(p, layout_, roundUp(rows_, tile_.rows), roundUp(columns_, tile_.columns)),
        writer_(p, part, sums_.ld),
        of_(p.op, sums_.ld, layout_.blocks) {}

  void run() {
    for (size_t row = 0; row < part_.rows; row += held_) {
      const size_t rows = HWY_MIN(held_, part_.rows - row);
      takeRows(part_.row + row, rows);
      for (size_t column = 0; column < part_.columns; column += columns_) {
        const size_t columns = HWY_MIN(columns_, part_.columns - column);
        weights_.take(part_.item, part_.column + column, columns);
        of_.take(part_.column + column, columns);
        for (size_t at = 0; at < rows && !p_.budget.stopped(); at += rows_)
          multiply(part_.row + row, at, HWY_MIN(rows_, rows - at), part_.column + column, columns);
      }
    }
  }

 private:
  // How many rows of words, a multiple of `step`, are `bytes`; at most `most` and no more than there are.
  size_t fitting(size_t bytes, size_t step, size_t there, size_t most) const {
    const size_t row = HWY_MAX(size_t{1}, layout_.rowWords()) * sizeof(uint32_t);
    const size_t fit = HWY_MAX(step, HWY_MIN(bytes / row, most) / step * step);
    return HWY_MIN(fit, roundUp(there, step));
  }

  void takeRows(size_t first, size_t rows) {
    if (direct_) {
      std::fill_n(factors_.as<float>(), rows, 1.0f);
      from_ = reinterpret_cast<const uint32_t*>(p_.a(part_.item).at(first, 0));
    } else {
      rowsInto(p_, layout_, tile_.unsignedTiles, part_.item, first, rows, words_.as<uint32_t>(), ldA_,
               factors_.as<float>());
      // Those past the last row, which some tiles read.
      std::memset(words_.as<uint32_t>() + rows * ldA_, 0, (roundUp(rows, tile_.rows) - rows) * ldA_ * sizeof(uint32_t));
      from_ = words_.as<uint32_t>();
    }
  }

  // Rows at .. at + rows of those held, which begin with row `first`.
  void multiply(size_t first, size_t at, size_t rows, size_t column, size_t columns) {
    sums_.begin(layout_.blocks == 0);
    for (size_t block = 0; block < layout_.blocks; ++block) {
      const size_t words = layout_.words(block);
      for (size_t w = 0; w < words; w += kStretch)
        for (size_t r = 0; r < rows; r += tile_.rows)
          for (size_t c = 0; c < columns; c += tile_.columns)
            tile_.multiply(HWY_MIN(tile_.rows, rows - r), from_ + (at + r) * ldA_ + block * layout_.stride + w, ldA_,
                           weights_.panel(block, c) + w * tile_.columns, HWY_MIN(kStretch, words - w), sums_.at(r, c),
                           sums_.ld, w > 0);
      sums_.endBlock(rows, columns, weights_.shift(block), of_.groupScales(block));
    }
    const int32_t* const shift = sums_.inBlocks() || layout_.blocks == 0 ? nullptr : weights_.shift(0);
    for (size_t r = 0; r < rows; ++r)
      writer_.row(sums_, r, first + at + r, column, columns, shift, factors_.as<float>()[at + r], of_);
  }

  const Product& p_;
  const Part& part_;
  const TileKernel& tile_;
  const Layout layout_;
  const bool direct_;
  const size_t ldA_, columns_, rows_, held_;
  const uint32_t* from_ = nullptr;
  Scratch words_, factors_;
  Weights weights_;
  Sums sums_;
  Writer writer_;
  Columns of_;
};

// ---- few rows: dots with the weights as they lie

// Rows of weights that come next, a share of them at each step: they are read once each, from far away, and several
// side by side, which is not what a processor foresees.
class Ahead {
 public:
  Ahead(const void* next, size_t bytes, size_t steps)
      : at_(static_cast<const std::byte*>(next)), left_(bytes), share_((bytes / steps + 63) / 64 * 64) {}
  void step() {
    const size_t bytes = HWY_MIN(share_, left_);
    for (size_t i = 0; i < bytes; i += 64) hwy::Prefetch(at_ + i);
    at_ += bytes, left_ -= bytes;
  }

 private:
  const std::byte* at_;
  size_t left_;
  const size_t share_;
};

void multiplyFew(const Product& p, const Part& part) {
  const TileKernel& tile = p.tile;
  const Layout layout(p.op, tile, tile.dotStep);
  const Factor b = p.b(part.item);
  const bool lies = liesAsWords(b, tile.words);
  const size_t ld = layout.rowDistance();
  Scratch words(part.rows * ld * sizeof(uint32_t)), factors(part.rows * sizeof(float));
  Scratch made(kDotColumns * layout.stride * sizeof(uint32_t));
  rowsInto(p, layout, tile.unsignedDots, part.item, part.row, part.rows, words.as<uint32_t>(), ld, factors.as<float>());
  Sums sums(p, layout, part.rows, kFewColumns);
  Writer writer(p, part, kFewColumns);
  Columns of(p.op, kFewColumns, layout.blocks);
  for (size_t at = 0; at < part.columns && !p.budget.stopped(); at += kFewColumns) {
    const size_t columns = HWY_MIN(kFewColumns, part.columns - at), first = part.column + at;
    of.take(first, columns);
    sums.begin(layout.blocks == 0);
    for (size_t block = 0; block < layout.blocks; ++block) {
      const size_t begin = block * layout.block, n = layout.elements(block), count = layout.words(block);
      const size_t bulk = lies ? n / layout.each / tile.dotStep * tile.dotStep : 0;
      for (size_t c = 0; c < columns; c += kDotColumns) {
        const uint32_t *lying[kDotColumns], *rest[kDotColumns];
        for (size_t q = 0; q < kDotColumns; ++q) {
          const size_t row = first + HWY_MIN(c + q, columns - 1);
          lying[q] = reinterpret_cast<const uint32_t*>(b.at(row, begin));
          rest[q] = made.as<uint32_t>() + q * layout.stride;
          if (bulk < count)
            wordsFrom(b, tile.words, row, begin + bulk * layout.each, n - bulk * layout.each,
                      made.as<uint32_t>() + q * layout.stride, count - bulk, p.groupScales(row), p.op.group);
        }
        const size_t last = part.column + part.columns, next = HWY_MIN(first + c + kDotColumns, last);
        const std::byte *const from = b.at(next, 0), *const to = b.at(HWY_MIN(next + kDotColumns, last), 0);
        Ahead ahead(from, lies && layout.blocks == 1 ? static_cast<size_t>(to - from) : 0,
                    (part.rows + tile.dotRows - 1) / tile.dotRows);
        for (size_t r = 0; r < part.rows; r += tile.dotRows) {
          const size_t rows = HWY_MIN(tile.dotRows, part.rows - r);
          ahead.step();
          const uint32_t* const row = words.as<uint32_t>() + r * ld + block * layout.stride;
          if (bulk) tile.dots(rows, row, ld, lying, bulk, sums.at(r, c), sums.ld, false);
          if (bulk < count) tile.dots(rows, row + bulk, ld, rest, count - bulk, sums.at(r, c), sums.ld, bulk > 0);
        }
      }
      sums.endBlock(part.rows, columns, nullptr, of.groupScales(block));
    }
    for (size_t r = 0; r < part.rows; ++r)
      writer.row(sums, r, part.row + r, first, columns, nullptr, factors.as<float>()[r], of);
  }
}

void product(const Matmul& op, const Budget& budget) {
  const Product p(op, budget);
  // Where tiles have units of their own, dots are slow beside them.
  if (op.m <= (p.tile.step > 1 ? kFewRows / 4 : kFewRows) && op.transposeB) {
    const double columnNs = 5 + 0.02 * op.m * op.k;
    const uint64_t units = (op.n + kFewColumns - 1) / kFewColumns;
    const uint64_t grain = grainFor(budget, units, columnNs * kFewColumns), pieces = (units - 1) / grain + 1;
    parallelFor(budget, pieces * op.batch, 1, [&](uint64_t begin, uint64_t end, uint32_t) {
      for (uint64_t i = begin; i < end; ++i) {
        const size_t column = i % pieces * grain * kFewColumns;
        multiplyFew(p, {i / pieces, 0, op.m, column, HWY_MIN(grain * kFewColumns, op.n - column)});
      }
    });
    return;
  }
  const Tiles tiles = tilesOf(op, budget.threads, readsRowsInPlace(p));
  const uint64_t each = uint64_t{tiles.countM} * tiles.countN;
  parallelFor(budget, each * op.batch, 1, [&](uint64_t begin, uint64_t end, uint32_t) {
    for (uint64_t i = begin; i < end; ++i) {
      const size_t row = i % each / tiles.countN * tiles.tileM, column = i % each % tiles.countN * tiles.tileN;
      const Part part{i / each, row, HWY_MIN(tiles.tileM, op.m - row), column, HWY_MIN(tiles.tileN, op.n - column)};
      Panels(p, part).run();
    }
  });
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace switchyard::cpu {
HWY_EXPORT(product);
void multiplyInTiles(const Matmul& op, const Budget& budget) { HWY_DYNAMIC_DISPATCH(product)(op, budget); }
}  // namespace switchyard::cpu
#endif
