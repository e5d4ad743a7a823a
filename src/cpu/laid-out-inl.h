// A product as our tiles take it: what it is multiplied by, and its factors laid out in words (tiles.h). Built once for
// each instruction set.
#if defined(SWITCHYARD_CPU_LAID_OUT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SWITCHYARD_CPU_LAID_OUT_INL_H
#undef SWITCHYARD_CPU_LAID_OUT_INL_H
#else
#define SWITCHYARD_CPU_LAID_OUT_INL_H
#endif

#include <algorithm>
#include <vector>

#include "cpu/product_sets.h"
#include "cpu/words-inl.h"
#include "device.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

constexpr size_t kStretch = 384;      // words along k that a tile takes at once: its rows stay in the first cache
constexpr size_t kMostExact = 32768;  // products of codes whose sum fits an int32

size_t roundUp(size_t value, size_t step) { return (value + step - 1) / step * step; }

// How the k elements of a row lie in words: in blocks that have sums of their own, each from a whole step of words on.
struct Layout {
  size_t k, block, blocks, stride;  // elements of a row and of a block; words from one block to the next
  size_t each, step;

  Layout(const Matmul& op, const TileKernel& tile, size_t step)
      : k(op.k), block(op.k), blocks(op.k ? 1 : 0), each(elementsOf(tile.words)), step(step) {
    if (areIntegers(tile.words)) {
      block = op.group ? op.group : std::min<size_t>(op.k, kMostExact);
      blocks = block ? (k + block - 1) / block : 0;
    }
    stride = roundUp((block + each - 1) / each, step);
  }
  size_t elements(size_t index) const { return HWY_MIN(block, k - index * block); }
  size_t words(size_t index) const { return roundUp((elements(index) + each - 1) / each, step); }
  size_t rowWords() const { return blocks * stride; }
  // Rows whose distance is a multiple of a page would share a few sets of the cache.
  size_t rowDistance() const { return rowWords() % 1024 == 0 ? rowWords() + 16 : rowWords(); }
};

TileKernel tilesFor(const Matmul& op) {
  if (op.integerA) return integerTiles();
  const bool bfloats = op.formatA == kFormatBfloat16 && (op.bits ? !op.group : op.formatB == kFormatBfloat16);
  const bool mayRound = op.fast && !op.group;
  if (bfloats || mayRound)
    if (const TileKernel tile = bfloatTiles(); tile.multiply) return tile;
  return floatTiles();
}

// What all threads of a job know.
struct Product {
  const Matmul& op;
  const Budget& budget;
  TileKernel tile;
  bool isInteger;

  Product(const Matmul& op, const Budget& budget)
      : op(op), budget(budget), tile(tilesFor(op)), isInteger(areIntegers(tile.words)) {}
  Factor a(uint64_t item) const {
    const size_t bytes = op.formatA == kFormatFloat32 ? 4 : 2;
    if (op.k == 0) return {nullptr, op.formatA, 0, op.lda, !op.transposeA};  // there may be no memory
    return {op.a.host<std::byte>() + item * op.strideA * bytes, op.formatA, 0, op.lda, !op.transposeA};
  }
  Factor b(uint64_t item) const {
    const size_t bytes = op.formatB == kFormatFloat32 ? 4 : 2;
    if (op.k == 0) return {nullptr, op.formatB, op.bits, op.ldb, op.transposeB};
    return {op.b.host<std::byte>() + item * op.strideB * bytes, op.formatB, op.bits, op.ldb, op.transposeB};
  }
  // Scales that go into float words as they are made: those of groups.
  const float* groupScales(size_t column) const {
    if (isInteger || !op.group) return nullptr;
    return op.scales.host<const float>() + column * (op.k / op.group);
  }
};

// Rows of a as words, and what each is to be multiplied with at last.
void rowsInto(const Product& p, const Layout& layout, bool isUnsigned, uint64_t item, size_t first, size_t rows,
              uint32_t* to, size_t ld, float* factors) {
  const Factor a = p.a(item);
  if (!p.isInteger) {
    std::fill_n(factors, rows, 1.0f);
    if (layout.blocks == 0) return;
    if (!a.along) {
      wordsAcross(a, p.tile.words, first, rows, layout.k, to, ld);
      const size_t used = (layout.k + layout.each - 1) / layout.each;
      for (size_t r = 0; r < rows; ++r) std::memset(to + r * ld + used, 0, (layout.stride - used) * sizeof(uint32_t));
      return;
    }
    for (size_t r = 0; r < rows; ++r)
      wordsFrom(a, p.tile.words, first + r, 0, layout.k, to + r * ld, layout.stride, nullptr, 0);
    return;
  }
  Scratch floats(a.format == kFormatFloat32 ? 0 : layout.k * sizeof(float)), codes(layout.k);
  for (size_t r = 0; r < rows; ++r) {
    const float* row = reinterpret_cast<const float*>(a.at(first + r, 0));
    if (a.format != kFormatFloat32) {
      floatsFrom(a.at(first + r, 0), a.format, layout.k, floats.as<float>());
      row = floats.as<float>();
    }
    factors[r] = quantizeRow(row, layout.k, codes.as<int8_t>());
    for (size_t block = 0; block < layout.blocks; ++block) {
      uint32_t* const words = to + r * ld + block * layout.stride;
      const int8_t* const from = codes.as<int8_t>() + block * layout.block;
      const size_t n = layout.elements(block);
      std::memset(words + n / layout.each, 0, (layout.stride - n / layout.each) * sizeof(uint32_t));
      if (p.tile.words == Words::Int16) {
        shortsFrom(from, n, reinterpret_cast<int16_t*>(words));
        continue;
      }
      uint8_t* const bytes = reinterpret_cast<uint8_t*>(words);
      const uint8_t flip = isUnsigned ? 0x80 : 0;
      for (size_t i = 0; i < n; ++i) bytes[i] = static_cast<uint8_t>(static_cast<uint8_t>(from[i]) ^ flip);
    }
  }
}

int32_t sumOfCodes(const uint32_t* words, size_t count) {
  const int8_t* const codes = reinterpret_cast<const int8_t*>(words);
  int32_t sum = 0;
  for (size_t i = 0; i < count * 4; ++i) sum += codes[i];
  return sum;
}

// The weights of some columns, laid out for tiles: of each block, panels of tile.columns, by words.
class Weights {
 public:
  Weights(const Product& p, const Layout& layout, size_t mostColumns)
      : p_(p),
        layout_(layout),
        wide_(p.tile.columns),
        columns_(roundUp(mostColumns, wide_)),
        words_(columns_ * layout.rowWords() * sizeof(uint32_t)),
        rows_(wide_ * kStretch * sizeof(uint32_t)),
        shift_(p.tile.unsignedTiles ? columns_ * layout.blocks : 0) {}

  void take(uint64_t item, size_t first, size_t columns) {
    const Factor b = p_.b(item);
    if (!b.along && p_.tile.words == Words::Float32 && b.format == kFormatFloat32) return takeLying(b, first, columns);
    for (size_t block = 0; block < layout_.blocks; ++block)
      for (size_t at = 0; at < columns; at += wide_) {
        const size_t n = HWY_MIN(wide_, columns - at);
        if (b.along)
          takeAlong(b, block, first + at, n, panel(block, at));
        else
          takeAcross(b, first + at, n, panel(block, at));
      }
  }
  uint32_t* panel(size_t block, size_t column) const {
    return words_.as<uint32_t>() + block * layout_.stride * columns_ + column * layout_.stride;
  }
  // What is to be taken off the sums of a block; null: nothing.
  const int32_t* shift(size_t block) const { return shift_.empty() ? nullptr : shift_.data() + block * columns_; }

 private:
  void takeAlong(const Factor& b, size_t block, size_t first, size_t columns, uint32_t* to) {
    const Words words = p_.tile.words;
    const size_t from = block * layout_.block, n = layout_.elements(block), count = layout_.words(block);
    const uint32_t* rows[32];
    static_assert(sizeof rows / sizeof *rows >= 2 * 16, "tile.columns at most");
    const bool lies = liesAsWords(b, words);
    int32_t* const shift =
        shift_.empty() ? nullptr : shift_.data() + block * columns_ + (to - panel(block, 0)) / layout_.stride;
    for (size_t c = 0; c < wide_ && shift; ++c) shift[c] = 0;
    for (size_t w = 0; w < count; w += kStretch) {
      const size_t some = HWY_MIN(kStretch, count - w), begin = w * layout_.each;
      const size_t elements = begin < n ? HWY_MIN(some * layout_.each, n - begin) : 0;
      for (size_t c = 0; c < wide_; ++c) {
        uint32_t* const made = rows_.as<uint32_t>() + c * kStretch;
        rows[c] = made;
        if (c >= columns) {
          if (w == 0 || some < kStretch) std::memset(made, 0, some * sizeof(uint32_t));
        } else if (lies && elements == some * layout_.each) {
          rows[c] = reinterpret_cast<const uint32_t*>(b.at(first + c, from + begin));
        } else {
          wordsFrom(b, words, first + c, from + begin, elements, made, some, p_.groupScales(first + c), p_.op.group);
        }
        if (shift) shift[c] += 128 * sumOfCodes(rows[c], some);
      }
      transposeWords(rows, wide_, some, to + w * wide_);
    }
  }

  // Rows that have a float32 for each column: some rows at a time, of all panels, since those of one panel lie too far
  // apart for what a processor reads ahead.
  void takeLying(const Factor& b, size_t first, size_t columns) {
    constexpr size_t kRowsAtOnce = 8;
    for (size_t w = 0; w < layout_.k; w += kRowsAtOnce) {
      const size_t end = HWY_MIN(layout_.k, w + kRowsAtOnce), ahead = HWY_MIN(kRowsAtOnce, layout_.k - end);
      for (size_t at = 0; at < columns; at += wide_) {
        const size_t n = HWY_MIN(wide_, columns - at);
        float* to = reinterpret_cast<float*>(panel(0, at)) + w * wide_;
        for (size_t i = w; i < end; ++i, to += wide_) {
          const float* const from = reinterpret_cast<const float*>(b.at(first + at, i));
          if (i - w < ahead) hwy::Prefetch(from + kRowsAtOnce * b.ld);
          size_t c = 0;
          for (; c + kLanes <= n; c += kLanes) hn::StoreU(hn::LoadU(kF, from + c), kF, to + c);
          for (; c < n; ++c) to[c] = from[c];
          for (; c < wide_; ++c) to[c] = 0;
        }
      }
    }
    for (size_t at = 0; at < columns && layout_.words(0) > layout_.k; at += wide_)
      std::memset(panel(0, at) + layout_.k * wide_, 0, (layout_.words(0) - layout_.k) * wide_ * sizeof(uint32_t));
  }

  // Floats of rows that have an element of each column.
  void takeAcross(const Factor& b, size_t first, size_t columns, uint32_t* to) {
    const size_t count = layout_.words(0);
    for (size_t w = 0; w < count; ++w, to += wide_) {
      if (p_.tile.words == Words::Float32) {
        float* const floats = reinterpret_cast<float*>(to);
        const size_t n = w < layout_.k ? columns : 0;
        if (n) floatsFrom(b.at(first, w), b.format, n, floats);
        std::fill(floats + n, floats + wide_, 0.0f);
        continue;
      }
      HWY_ALIGN uint16_t pair[2][32] = {};
      for (size_t i = 0; i < 2; ++i)
        if (2 * w + i < layout_.k) bfloatsFrom(b.at(first, 2 * w + i), b.format, columns, pair[i]);
      for (size_t c = 0; c < wide_; ++c) to[c] = pair[0][c] | uint32_t{pair[1][c]} << 16;
    }
  }

  const Product& p_;
  const Layout& layout_;
  const size_t wide_, columns_;
  Scratch words_, rows_;
  std::vector<int32_t> shift_;
};

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // include guard
