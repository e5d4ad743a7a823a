// Rows of pagerank's layout (kernels.def): slices of kPagerankSlice, a warp, of each row four neighbours after the
// other.
#pragma once
#include "rows.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

struct alignas(16) Sources {
  uint32_t x, y, z, w;
};

// What comes in by the edges of a row: sums of fours, so that it keeps its digits. A row has at most kPagerankRow.
__device__ inline float sumOfRow(const uint32_t* starts, const int32_t* sources, const float* weights,
                                 const float* shares, uint64_t row, const PagerankParams& p) {
  const uint64_t slice = row / kPagerankSlice, end = (starts[slice + 1] - p.firstEdge) / 4;
  float total = 0.0f;
  for (uint64_t quad = (starts[slice] - p.firstEdge) / 4 + row % kPagerankSlice; quad < end; quad += kPagerankSlice) {
    const Sources s = reinterpret_cast<const Sources*>(sources)[quad];
    float4 x = make_float4(shares[s.x], shares[s.y], shares[s.z], shares[s.w]);
    if (p.weighted) {
      const float4 w = reinterpret_cast<const float4*>(weights)[quad];
      x = make_float4(x.x * w.x, x.y * w.y, x.z * w.z, x.w * w.w);
    }
    total += (x.x + x.y) + (x.z + x.w);
  }
  return total;
}

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
