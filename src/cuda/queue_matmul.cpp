// Matrix products: by cuBLASLt, by it and a pass of ours, or by our own kernel.
#include "queue.h"

namespace switchyard::cuda {

void CudaQueue::matmul(const Matmul& op) {
  if (op.m == 0 || op.n == 0 || op.batch == 0) return;
  state_->enter();
  const MatmulPointers at = pointersOf(op);
  finishReads(at.out, op.out.size);
  if (at.sums) finishReads(at.sums, op.sums.size);
  if (op.k != 0) requireKnown(op, at);
  beginCompute();
  compute();  // what was launched before is before the library's own launches
  // Our own kernel where the library is not installed or knows no way, and for the zeros of k = 0.
  if (op.k == 0 || !multiplyByLibrary(op, at)) matmulTiled(op, at);
}

// The first product of a shape has the library loaded, and asked for a way to do it, which takes from a tenth of a
// millisecond to a second.
void CudaQueue::requireKnown(const Matmul& op, const MatmulPointers& at) const {
  if (mayTakeLong_) return;
  const auto [product, to] = plainProduct(op, at);
  if (!op.rowScales && !library_.isReady(op, at)) throw MustWait();
  if (to.out && !library_.isReady(product, to)) throw MustWait();
}

// What the library makes into float32 or int32, where a pass of ours follows; nowhere to: it does not.
std::pair<Matmul, MatmulPointers> CudaQueue::plainProduct(const Matmul& op, const MatmulPointers& at) {
  Matmul product = op;
  MatmulPointers to = at;
  product.bias = product.residual = {}, product.activation = kActivationNone, product.formatOut = kFormatFloat32;
  if (op.formatOut != kFormatFloat32) product.ldOut = op.n, to.out = at.sums;
  if (op.batch > 1 || (op.rowScales ? op.group != 0 : !op.hasEpilogue() && !op.sums)) to.out = nullptr;
  return {product, to};
}

// By the library with all that follows, or by the library into float32 or int32, and what follows in a pass of its own:
// our own tiles have no tensor cores.
bool CudaQueue::multiplyByLibrary(const Matmul& op, const MatmulPointers& at) {
  if (!op.rowScales && library_.multiply(op, at, stream_, mayWait_)) return true;
  const auto [product, to] = plainProduct(op, at);
  if (!to.out || !library_.multiply(product, to, stream_, mayWait_)) return false;
  const MatmulFinishParams params = matmulFinishParams(op, product.ldOut);
  std::byte* const buffers[] = {to.out, at.scales, at.rowScales, at.bias, at.residual, at.out};
  launchKernel(cudaKernel_matmul_finish, "matmul_finish", uint64_t(op.m) * op.n, buffers, &params);
  return true;
}

// Of what there is, checked to lie within its views; null for the rest.
MatmulPointers CudaQueue::pointersOf(const Matmul& op) const {
  const uint64_t rowsA = op.transposeA ? op.k : op.m, columnsA = op.transposeA ? op.m : op.k;
  const uint64_t rowsB = op.transposeB ? op.n : op.k, columnsB = op.transposeB ? op.k : op.n;
  const auto bitsOf = [](uint32_t format) -> uint64_t { return format == kFormatFloat32 ? 32 : 16; };
  const auto span = [&](uint64_t rows, uint64_t columns, uint64_t ld, uint64_t stride, uint64_t bits) {
    if (rows == 0 || columns == 0) return uint64_t(0);
    if (ld < columns) throw Error(Code::Internal, "cuda: matmul: a row length below the columns");
    return (((op.batch - 1) * stride + (rows - 1) * ld + columns) * bits + 7) / 8;
  };
  MatmulPointers at;
  at.out = addressOf(op.out, span(op.m, op.n, op.ldOut, op.strideOut, bitsOf(op.formatOut)));
  if (op.sums) at.sums = addressOf(op.sums, uint64_t(op.m) * op.n * sizeof(float));
  if (op.bias) at.bias = addressOf(op.bias, op.n * bitsOf(op.formatBias) / 8);
  if (op.residual) at.residual = addressOf(op.residual, uint64_t(op.m) * op.n * bitsOf(op.formatResidual) / 8);
  if (op.k == 0) return at;
  at.a = addressOf(op.a, span(rowsA, columnsA, op.lda, op.strideA, op.rowScales ? 8 : bitsOf(op.formatA)));
  const uint64_t ldb = op.bits == 4 ? op.ldb + op.ldb % 2 : op.ldb;  // rows of codes of 4 bits begin at a byte
  at.b = addressOf(op.b, span(rowsB, columnsB, ldb, op.strideB, op.bits ? op.bits : bitsOf(op.formatB)));
  const uint64_t groups = op.group ? op.k / op.group : 1;
  if (op.bits) at.scales = addressOf(op.scales, op.n * groups * sizeof(float));
  if (op.rowScales) at.rowScales = addressOf(op.rowScales, uint64_t(op.m) * sizeof(float));
  return at;
}

void CudaQueue::matmulTiled(const Matmul& op, const MatmulPointers& at) {
  const MatmulTiledParams params = matmulTiledParams(op);
  std::byte* const buffers[] = {at.a, at.b, at.scales, at.rowScales, at.bias, at.residual, at.out};
  launchKernel(cudaKernel_matmul_tiled, "matmul_tiled", matmulTiles(params), buffers, &params);
}

}  // namespace switchyard::cuda
