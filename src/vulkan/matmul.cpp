// The planning of matrix products.
#include "vulkan/matmul.h"

#include <algorithm>

namespace switchyard::vulkan {
namespace {

struct Part {
  uint32_t batch0, batch, m0, m, n0, n, k0, k;
  bool accumulate, open;
};

constexpr uint64_t kMostNibbles = (uint64_t{1} << 31) - 256;  // bytes: shaders count codes of 4 bits with 32 bits

class Planner {
 public:
  Planner(const Matmul& op, uint64_t maxViewBytes, uint64_t alignment, uint32_t maxK)
      : op_(op),
        room_(std::min(maxViewBytes, op.bits == 4 ? kMostNibbles : ~uint64_t{0}) - alignment),
        alignment_(alignment),
        maxK_(maxK) {}

  void plan(const Part& p, std::vector<MatmulPiece>& into) const {
    const bool bigA = bytesA(p) > room_, bigB = bytesB(p) > room_ || bytesScales(p) > room_;
    const bool bigOut = bytesOut(p) > room_ || bytesResidual(p) > room_;
    if (p.k > maxK_) return splitK(p, into);
    if (!bigA && !bigB && !bigOut) return into.push_back(piece(p));
    if (p.batch > 1) return split(p, &Part::batch0, &Part::batch, into);
    // The long way through an operand is along its stored rows.
    if (bigA && p.k > 0 && (op_.transposeA ? p.k > 1 : p.m == 1)) return splitK(p, into);
    if (bigA) return split(p, &Part::m0, &Part::m, into);
    if (bigB && p.k > 0 && (op_.transposeB ? p.n == 1 : p.k > 1)) return splitK(p, into);
    if (bigB) return split(p, &Part::n0, &Part::n, into);
    if (p.m > 1) return split(p, &Part::m0, &Part::m, into);
    split(p, &Part::n0, &Part::n, into);
  }

 private:
  static uint64_t span(uint64_t rows, uint64_t columns, uint64_t ld, uint64_t batch, uint64_t stride, uint32_t bits) {
    return rows && columns ? (((batch - 1) * stride + (rows - 1) * ld + columns) * bits + 7) / 8 : 4;
  }
  static uint32_t bitsOf(uint32_t format) { return format == kFormatFloat32 ? 32 : 16; }
  uint32_t bitsA() const { return op_.rowScales ? 8 : bitsOf(op_.formatA); }
  uint32_t bitsB() const { return op_.bits ? op_.bits : bitsOf(op_.formatB); }
  bool hasCodes() const { return op_.bits && op_.k; }  // whose scales count
  // In elements; rows of codes of 4 bits begin at a byte.
  uint32_t ldb() const { return op_.bits == 4 ? op_.ldb + op_.ldb % 2 : op_.ldb; }
  uint32_t ldScales() const { return op_.group ? op_.k / op_.group : 1; }
  uint64_t bytesA(const Part& p) const {
    return op_.transposeA ? span(p.k, p.m, op_.lda, p.batch, op_.strideA, bitsA())
                          : span(p.m, p.k, op_.lda, p.batch, op_.strideA, bitsA());
  }
  uint64_t bytesB(const Part& p) const {
    return op_.transposeB ? span(p.n, p.k, ldb(), p.batch, op_.strideB, bitsB())
                          : span(p.k, p.n, ldb(), p.batch, op_.strideB, bitsB());
  }
  uint64_t bytesOut(const Part& p) const {
    return span(p.m, p.n, op_.ldOut, p.batch, op_.strideOut, bitsOf(op_.formatOut));
  }
  uint64_t bytesResidual(const Part& p) const {
    return op_.residual ? span(p.m, p.n, op_.n, 1, 0, bitsOf(op_.formatResidual)) : 0;
  }
  uint64_t bytesScales(const Part& p) const { return hasCodes() ? uint64_t{p.n} * ldScales() * sizeof(float) : 0; }

  void split(const Part& p, uint32_t Part::*first, uint32_t Part::*count, std::vector<MatmulPiece>& into) const {
    Part low = p, high = p;
    low.*count = half(p.*count);
    high.*first += low.*count;
    high.*count -= low.*count;
    plan(low, into);
    plan(high, into);
  }
  void splitK(const Part& p, std::vector<MatmulPiece>& into) const {
    if (op_.formatOut != kFormatFloat32)
      throw Error(Code::Internal, "a matrix product that is added up in parts has an output of half precision");
    Part low = p, high = p;
    low.k = half(p.k);
    high.k0 += low.k;
    high.k -= low.k;
    low.open = high.accumulate = true;
    plan(low, into);
    plan(high, into);
  }
  static uint32_t half(uint32_t count) {  // whole tiles where that is possible, or fours
    if (count < 2) throw Error(Code::Internal, "a matrix product whose single row is larger than a view");
    return count >= 256 ? count / 2 / 128 * 128 : count > 4 ? (count + 4) / 8 * 4 : count / 2;
  }

  // A view of `bytes` that begins at element `first`, aligned down; the rest of the offset goes to the shader.
  BufferView window(const BufferView& view, uint64_t first, uint64_t bytes, uint& offset, uint32_t bits) const {
    const uint64_t from = view.offset + first * bits / 8, aligned = from / alignment_ * alignment_;
    offset = uint((from - aligned) * 8 / bits + first * bits % 8 / bits);
    return {view.buffer, aligned, bytes + (from - aligned)};
  }

  uint formats() const {
    const uint32_t a = op_.rowScales ? kFormatFloat32 : op_.formatA, b = op_.bits ? kFormatFloat32 : op_.formatB;
    return a | b << 2 | op_.formatBias << 8 | op_.formatResidual << 10 | op_.formatOut << 12;
  }
  uint how() const {
    uint how = op_.activation == kActivationNone ? 0 : op_.activation + 1;
    if (hasCodes()) how |= op_.bits == 8 ? kHowInt8 : kHowInt4;
    if (hasCodes() && op_.group) how |= op_.group % 4 ? kHowGroups : kHowGroups | kHowGroupsOfFours;
    if (hasCodes() && op_.rowScales) how |= kHowIntegers;
    return how;
  }
  // What linear_*.comp bind beside the factors. What there is none of is bound to `out`, and not read.
  void addRest(const Part& p, MatmulPiece& made) const {
    MatmulParams& q = made.params;
    made.scales = made.rowScales = made.bias = made.residual = made.out;
    if (hasCodes()) {
      q.ldScales = ldScales(), q.group = op_.group;
      made.scales = window(op_.scales, uint64_t{p.n0} * q.ldScales, bytesScales(p), q.offsetScales, 32);
    }
    if (hasCodes() && op_.rowScales)
      made.rowScales = window(op_.rowScales, p.m0, uint64_t{p.m} * 4, q.offsetRowScales, 32);
    const uint32_t bitsBias = bitsOf(op_.formatBias), bitsResidual = bitsOf(op_.formatResidual);
    if (op_.bias) made.bias = window(op_.bias, p.n0, uint64_t{p.n} * bitsBias / 8, q.offsetBias, bitsBias);
    if (!op_.residual) return;
    q.ldResidual = op_.n;
    made.residual =
        window(op_.residual, uint64_t{p.m0} * op_.n + p.n0, bytesResidual(p), q.offsetResidual, bitsResidual);
  }

  MatmulPiece piece(const Part& p) const {
    MatmulPiece made{};
    MatmulParams& q = made.params;
    q.m = p.m, q.n = p.n, q.k = p.k, q.batch = p.batch;
    q.lda = op_.lda, q.ldb = ldb(), q.ldOut = op_.ldOut;
    if (p.batch > 1) q.strideA = uint(op_.strideA), q.strideB = uint(op_.strideB), q.strideOut = uint(op_.strideOut);
    q.transposeA = op_.transposeA, q.transposeB = op_.transposeB, q.alpha = op_.alpha;
    q.added = (p.accumulate ? kAddedOut : 0) | (p.open ? kAddedMore : 0) | (op_.bias ? kAddedBias : 0) |
              (op_.residual ? kAddedResidual : 0);
    q.formats = formats(), q.how = how(), q.firstK = p.k0;
    const uint64_t a =
        p.batch0 * op_.strideA + (op_.transposeA ? uint64_t(p.k0) * op_.lda + p.m0 : uint64_t(p.m0) * op_.lda + p.k0);
    const uint64_t b =
        p.batch0 * op_.strideB + (op_.transposeB ? uint64_t(p.n0) * ldb() + p.k0 : uint64_t(p.k0) * ldb() + p.n0);
    const uint64_t out = p.batch0 * op_.strideOut + uint64_t(p.m0) * op_.ldOut + p.n0;
    made.out = window(op_.out, out, bytesOut(p), q.offsetOut, bitsOf(op_.formatOut));
    // Nothing of a and b is read when k is 0; they may be empty then.
    made.a = p.k ? window(op_.a, a, bytesA(p), q.offsetA, bitsA()) : made.out;
    made.b = p.k ? window(op_.b, b, bytesB(p), q.offsetB, bitsB()) : made.out;
    addRest(p, made);
    const auto fours = [](uint columns, uint ld, uint stride, uint offset) {
      return (columns | ld | stride | offset) % 4 == 0;
    };
    q.foursA = fours(q.transposeA ? q.m : q.k, q.lda, q.strideA, q.offsetA);
    q.foursB = fours(q.transposeB ? q.k : q.n, q.ldb, q.strideB, q.offsetB);
    q.foursOut = fours(q.n | q.offsetBias, q.ldOut | q.ldResidual, q.strideOut, q.offsetOut | q.offsetResidual);
    if (op_.formatOut != kFormatFloat32 && !q.foursOut)
      throw Error(Code::Internal, "a matrix product that is written in half precision has rows of no whole fours");
    return made;
  }

  const Matmul& op_;
  const uint64_t room_, alignment_;
  const uint32_t maxK_;
};

}  // namespace

std::vector<MatmulPiece> planMatmul(const Matmul& op, uint64_t maxViewBytes, uint64_t alignment, uint32_t maxK) {
  std::vector<MatmulPiece> pieces;
  if (op.m && op.n && op.batch)
    Planner(op, maxViewBytes, alignment, maxK).plan({0, op.batch, 0, op.m, 0, op.n, 0, op.k, false, false}, pieces);
  return pieces;
}

}  // namespace switchyard::vulkan
