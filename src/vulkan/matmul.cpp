// The planning of matrix products.
#include "vulkan/matmul.h"

#include <algorithm>

namespace switchyard::vulkan {
namespace {

struct Part {
  uint32_t batch0, batch, m0, m, n0, n, k0, k;
  bool accumulate;
};

class Planner {
 public:
  Planner(const Matmul& op, uint64_t maxViewBytes, uint64_t alignment, uint32_t maxK)
      : op_(op), room_(maxViewBytes - alignment), alignment_(alignment), maxK_(maxK) {}

  void plan(const Part& p, std::vector<MatmulPiece>& into) const {
    const bool bigA = bytesA(p) > room_, bigB = bytesB(p) > room_, bigOut = bytesOut(p) > room_;
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
  static uint64_t span(uint64_t rows, uint64_t columns, uint64_t ld, uint64_t batch, uint64_t stride) {
    return rows && columns ? ((batch - 1) * stride + (rows - 1) * ld + columns) * sizeof(float) : sizeof(float);
  }
  uint64_t bytesA(const Part& p) const {
    return op_.transposeA ? span(p.k, p.m, op_.lda, p.batch, op_.strideA)
                          : span(p.m, p.k, op_.lda, p.batch, op_.strideA);
  }
  uint64_t bytesB(const Part& p) const {
    return op_.transposeB ? span(p.n, p.k, op_.ldb, p.batch, op_.strideB)
                          : span(p.k, p.n, op_.ldb, p.batch, op_.strideB);
  }
  uint64_t bytesOut(const Part& p) const { return span(p.m, p.n, op_.ldOut, p.batch, op_.strideOut); }

  void split(const Part& p, uint32_t Part::*first, uint32_t Part::*count, std::vector<MatmulPiece>& into) const {
    Part low = p, high = p;
    low.*count = half(p.*count);
    high.*first += low.*count;
    high.*count -= low.*count;
    plan(low, into);
    plan(high, into);
  }
  void splitK(const Part& p, std::vector<MatmulPiece>& into) const {
    Part low = p, high = p;
    low.k = half(p.k);
    high.k0 += low.k;
    high.k -= low.k;
    high.accumulate = true;
    plan(low, into);
    plan(high, into);
  }
  static uint32_t half(uint32_t count) {  // whole tiles where that is possible
    if (count < 2) throw Error(Code::Internal, "a matrix product whose single row is larger than a view");
    return count >= 256 ? count / 2 / 128 * 128 : count / 2;
  }

  // A view of `bytes` that begins at element `first`, aligned down; the rest of the offset goes to the shader.
  BufferView window(const BufferView& view, uint64_t first, uint64_t bytes, uint& offset) const {
    const uint64_t from = view.offset + first * sizeof(float), aligned = from / alignment_ * alignment_;
    offset = uint((from - aligned) / sizeof(float));
    return {view.buffer, aligned, bytes + (from - aligned)};
  }

  MatmulPiece piece(const Part& p) const {
    MatmulPiece made{};
    MatmulParams& q = made.params;
    q.m = p.m, q.n = p.n, q.k = p.k, q.batch = p.batch;
    q.lda = op_.lda, q.ldb = op_.ldb, q.ldOut = op_.ldOut;
    if (p.batch > 1) q.strideA = uint(op_.strideA), q.strideB = uint(op_.strideB), q.strideOut = uint(op_.strideOut);
    q.transposeA = op_.transposeA, q.transposeB = op_.transposeB, q.accumulate = p.accumulate;
    q.alpha = op_.alpha;
    const uint64_t a =
        p.batch0 * op_.strideA + (op_.transposeA ? uint64_t(p.k0) * op_.lda + p.m0 : uint64_t(p.m0) * op_.lda + p.k0);
    const uint64_t b =
        p.batch0 * op_.strideB + (op_.transposeB ? uint64_t(p.n0) * op_.ldb + p.k0 : uint64_t(p.k0) * op_.ldb + p.n0);
    const uint64_t out = p.batch0 * op_.strideOut + uint64_t(p.m0) * op_.ldOut + p.n0;
    made.out = window(op_.out, out, bytesOut(p), q.offsetOut);
    // Nothing of a and b is read when k is 0; they may be empty then.
    made.a = p.k ? window(op_.a, a, bytesA(p), q.offsetA) : made.out;
    made.b = p.k ? window(op_.b, b, bytesB(p), q.offsetB) : made.out;
    const auto fours = [](uint columns, uint ld, uint stride, uint offset) {
      return (columns | ld | stride | offset) % 4 == 0;
    };
    q.foursA = fours(q.transposeA ? q.m : q.k, q.lda, q.strideA, q.offsetA);
    q.foursB = fours(q.transposeB ? q.k : q.n, q.ldb, q.strideB, q.offsetB);
    q.foursOut = fours(q.n, q.ldOut, q.strideOut, q.offsetOut);
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
    Planner(op, maxViewBytes, alignment, maxK).plan({0, op.batch, 0, op.m, 0, op.n, 0, op.k, false}, pieces);
  return pieces;
}

}  // namespace switchyard::vulkan
