// softmax_parts: of each part of a long row the largest element, and the sum of exponentials relative to it.
#include "parts.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

template <uint32_t kQuads>
__global__ void __launch_bounds__(kRowsBlock) softmaxPartsKernel(const void* input, void* out, SoftmaxPartsParams p) {
  const Part part = partOf(p);
  if (part.row >= p.rows) return;
  const Row<kRowsBlock> row;
  const In x = In(input, p.formats, 0).from(part.from);
  const auto values = elementsOf<kQuads>(row, x, uint32_t(part.length), x.hasFours());
  float most = -infinity(), sum = 0.0f;
  values.each([&](uint64_t, float v) { most = fmaxf(most, v); });
  most = row.reduce(most, Max());
  if (most == -infinity())  // nothing visible: no sum, unless there is a NaN
    values.each([&](uint64_t, float v) { sum += v != v ? v : 0.0f; });
  else
    values.each([&](uint64_t, float v) { sum += expf((v - most) * p.inverseTemperature); });
  sum = row.sum(sum);
  float* const partial = static_cast<float*>(out) + 2 * part.unit;
  if (row.lane == 0) partial[0] = most, partial[1] = sum;
}

SWITCHYARD_CHECK_CONTRACT(softmax_parts, softmaxPartsKernel<0>);
static const CudaVariant& softmaxPartsChoose(const void* params) {
  static const CudaVariant held = makeVariant(&softmaxPartsKernel<4>, kRowsBlock, 1);
  static const CudaVariant streamed = makeVariant(&softmaxPartsKernel<0>, kRowsBlock, 1);
  return static_cast<const SoftmaxPartsParams*>(params)->part <= 16 * kRowsBlock ? held : streamed;
}
const CudaKernel cudaKernel_softmax_parts = {softmax_partsContract::kBuffers, uint32_t(sizeof(SoftmaxPartsParams)),
                                             softmaxPartsChoose};

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
