// Which kernels a card with tensor cores is given, and where `fast` gives others.
#include <gtest/gtest.h>

#include "../../../kernels/registry.h"
#include "../../../src/tensor_cores.h"
#include "../cuda_shim/cuda_shim.h"
#include "runtime_fixture.h"

namespace switchyard::test {
namespace {

using namespace switchyard::cuda_shim;

const void* searchOf(uint32_t base, uint32_t d, uint32_t how, uint32_t metric = kMetricCosine) {
  SearchParams p{};
  p.q = 64, p.n = 1000, p.d = d, p.metric = metric, p.base = base, p.how = how;
  return cudaKernel_search_scores.choose(&p).function;
}

TEST(TensorCores, searchTheBestOfBlocksWhereRowsAreOfWholePieces) {
  const uint32_t card = kSearchBlocks | kSearchTensorCores;
  for (const uint32_t base : {kFormatFloat32, kFormatFloat16, kFormatBfloat16, kElementInt8}) {
    const void* const plain = searchOf(base, 64, kSearchBlocks);
    EXPECT_NE(searchOf(base, 64, card), plain);
    EXPECT_EQ(searchOf(base, 64, card | kSearchFast) != searchOf(base, 64, card), base == kFormatFloat32);
    EXPECT_EQ(searchOf(base, 64, kSearchTensorCores), plain);  // all scores are exact
    EXPECT_EQ(searchOf(base, 64, card, kMetricL2), plain);     // differences are no products
    EXPECT_EQ(searchOf(base, 68, card), plain);
    EXPECT_EQ(searchOf(base, 72, card) == plain, base == kElementInt8);  // 16 codes are a piece
  }
}

const void* attentionOf(uint32_t format, uint32_t d, uint32_t e, uint32_t ways) {
  FusedAttentionParams p{};
  p.d = d, p.e = e, p.hides = ways;
  p.formats = format | format << 2 | format << 4;  // the output is float32
  return cudaKernel_fused_attention.choose(&p).function;
}

TEST(TensorCores, attendInHalves) {
  for (const uint32_t format : {kFormatFloat16, kFormatBfloat16})
    for (const uint32_t d : {32u, 128u}) {
      EXPECT_NE(attentionOf(format, d, 64, kAttentionTensorCores), attentionOf(format, d, 64, 0));
      EXPECT_EQ(attentionOf(format, d, 160, kAttentionTensorCores), attentionOf(format, d, 160, 0));
    }
  EXPECT_EQ(attentionOf(kFormatFloat16, 33, 64, kAttentionTensorCores), attentionOf(kFormatFloat16, 33, 64, 0));
  EXPECT_EQ(attentionOf(kFormatFloat32, 64, 64, kAttentionTensorCores), attentionOf(kFormatFloat32, 64, 64, 0));
}

// A newer card runs code that was made for an older one, which has none of this.
class TensorCoresOfABuild : public OnCudaRuntime {};
TEST_F(TensorCoresOfABuild, AreThoseThatKernelsWereCompiledFor) {
  for (const int architecture : {75, 80, 90}) {
    ShimRuntime::setBuiltFor(architecture);
    const std::shared_ptr<Device> device = openOnShimRuntime();
    EXPECT_EQ(device->info.computeCapability, 90u);
    EXPECT_EQ(hasTensorCores(device->info), architecture >= 80) << architecture;
  }
}

}  // namespace
}  // namespace switchyard::test
