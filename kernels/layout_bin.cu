// layout_bin: the nodes of each cell, and what edges pull.
#include "layout.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;

// Two's complement: sums of ints are those of uints.
__device__ inline void addPull(uint32_t* pull, Point by) {
  atomicAdd(&pull[0], uint32_t(int(rintf(by.x))));
  atomicAdd(&pull[1], uint32_t(int(rintf(by.y))));
}

__device__ inline void putIntoCell(uint32_t* work, const LayoutParams& p, const Square& s, uint32_t node, Point here,
                                   float mass) {
  const Point place = gridPlace(s, p, here);
  const uint32_t x = cellAlong(p, place.x), y = cellAlong(p, place.y);
  uint32_t* cell = work + cellAt(p, (y << p.level) + x);
  if (atomicAdd(&cell[0], 1u) < kLayoutCap) {
    work[listAt(p, node)] = atomicExch(&cell[1], node + 1);
    return;
  }
  const int fixed = fixedMass(p, mass);
  atomicAdd(&cell[2], uint32_t(fixed < 1 ? 1 : fixed));
  atomicAdd(&cell[3], uint32_t(fixedMass(p, mass * (place.x - float(x) - 0.5f))));
  atomicAdd(&cell[4], uint32_t(fixedMass(p, mass * (place.y - float(y) - 0.5f))));
}

__global__ void __launch_bounds__(kThreads)
    layoutBinKernel(const float* positions, const float* mass, const int32_t* offsets, const int32_t* columns,
                    const float* weights, const uint32_t* extras, uint32_t* work, LayoutParams p) {
  const uint64_t item = linearThread();
  if (item >= uint64_t(p.n) + p.extras) return;
  const Square s = squareOf(work, p);
  uint32_t node = uint32_t(item), edge, end;
  if (item < p.n) {
    edge = uint32_t(offsets[item]), end = uint32_t(offsets[item + 1]);
    if (end > edge + kLayoutRow) end = edge + kLayoutRow;
  } else {
    const uint32_t* extra = extras + 4 * (item - p.n);
    edge = extra[0], end = extra[1], node = extra[2];
  }
  const Point here = positionOf(positions, node);
  const float own = mass[node];
  if (item < p.n) putIntoCell(work, p, s, node, here, own);
  if (item == 0) work[kLayoutCursor] = 0;
  // What all edges of a node pull is less than the side: it fits.
  const float fixedPoint = 1073741824.0f / s.side;
  Point total = {0.0f, 0.0f};
  for (; edge < end; ++edge) {
    const uint32_t other = uint32_t(columns[edge]);
    if (other == node) continue;
    const Point pull = (p.hasWeights ? p.weightScale * weights[edge] : p.weightScale) *
                       (fixedPoint * (positionOf(positions, other) - here));
    total = total + pull;
    addPull(work + pullAt(p, other), (-1.0f / mass[other]) * pull);
  }
  if (total.x != 0.0f || total.y != 0.0f) addPull(work + pullAt(p, node), (1.0f / own) * total);
}

SWITCHYARD_KERNEL(layout_bin, layoutBinKernel, kThreads, kThreads)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
