// layout_move: all forces on each node, and its next position.
#include "layout.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 128;

struct Force {
  Point push;
  float stiffness;
  __device__ void add(float force, Point d) { push = push + force * d, stiffness += force; }
};

__device__ inline Point farField(const float4* fields, const LayoutParams& p, Point place, uint32_t x, uint32_t y,
                                 float cellSide) {
  Point push = {0.0f, 0.0f};
  for (uint32_t level = kLayoutTop; level <= p.level; ++level) {
    const uint32_t up = p.level - level;
    const float4* at = fields + 2 * (uint64_t(cellsAbove(level)) + ((y >> up) << level) + (x >> up));
    const float scale = 1.0f / float(1u << up);
    const Point u = {place.x * scale - float(x >> up) - 0.5f, place.y * scale - float(y >> up) - 0.5f};
    const float4 low = at[0], high = at[1];
    const Point f = lowOf(low) + times(u, highOf(low) + times(u, lowOf(high) + times(u, highOf(high))));
    push = push + (scale / cellSide) * Point{f.x, -f.y};
  }
  return push;
}

// The bounds of the next iteration: a warp's at once, and only where they are new. All lanes come here.
__device__ inline void widen(uint32_t* bounds, bool counts, Point at) {
  uint32_t lowX = counts ? orderOf(at.x) : 0xFFFFFFFFu, lowY = counts ? orderOf(at.y) : 0xFFFFFFFFu,
           highX = counts ? orderOf(at.x) : 0, highY = counts ? orderOf(at.y) : 0;
  for (uint32_t offset = kWarp / 2; offset > 0; offset /= 2) {
    const uint32_t x0 = __shfl_xor_sync(kAllLanes, lowX, offset), y0 = __shfl_xor_sync(kAllLanes, lowY, offset);
    const uint32_t x1 = __shfl_xor_sync(kAllLanes, highX, offset), y1 = __shfl_xor_sync(kAllLanes, highY, offset);
    lowX = x0 < lowX ? x0 : lowX, lowY = y0 < lowY ? y0 : lowY, highX = x1 > highX ? x1 : highX,
    highY = y1 > highY ? y1 : highY;
  }
  if (threadIdx.x % kWarp != 0) return;
  // What others may have widened by now: whether it is still worth an atomic operation.
  const volatile uint32_t* const now = bounds;
  if (lowX < now[0]) atomicMin(&bounds[0], lowX);
  if (lowY < now[1]) atomicMin(&bounds[1], lowY);
  if (highX > now[2]) atomicMax(&bounds[2], highX);
  if (highY > now[3]) atomicMax(&bounds[3], highY);
}

__global__ void __launch_bounds__(kThreads, 8)
    layoutMoveKernel(const float* positions, const float4* packed, const uint32_t* info, const float4* moments,
                     const float4* fields, uint32_t* work, float* next, LayoutParams p) {
  const uint64_t item = linearThread();
  const bool counts = item < p.n;
  const uint32_t node = counts ? uint32_t(item) : 0;
  const Square s = squareOf(work, p);
  const Point here = positionOf(positions, node), place = gridPlace(s, p, here), jitter = jitterOf(node);
  const uint32_t x = cellAlong(p, place.x), y = cellAlong(p, place.y), last = (1u << p.level) - 1;
  const float cellSide = s.side / float(1u << p.level), softening = 1e-2f * sqrtf(p.repulsion);
  Force force = {farField(fields, p, place, x, y, cellSide), 0.0f};
  for (uint32_t cy = y > 0 ? y - 1 : 0; cy <= (y < last ? y + 1 : last); ++cy)
    for (uint32_t cx = x > 0 ? x - 1 : 0; cx <= (x < last ? x + 1 : last); ++cx) {
      const uint64_t cell = (uint64_t(cy) << p.level) + cx;
      const uint32_t first = info[2 * cell], count = info[2 * cell + 1];
      if (count == kLayoutFull) {
        const float4 low = moments[2 * (uint64_t(cellsAbove(p.level)) + cell)];
        const Point centre = {float(cx) + 0.5f, float(cy) + 0.5f};
        const Point d = cellSide * (place - centre - (1.0f / low.x) * highOf(low) + 0.1f * jitter);
        force.add(low.x / (dot(d, d) + 0.25f * cellSide * cellSide), d);
        continue;
      }
      for (uint32_t i = first; i < first + count; ++i) {
        const float4 q = packed[i];
        const uint32_t id = uint32_t(__float_as_int(q.w));
        if (id == node) continue;
        Point d = here - lowOf(q);
        if (d.x == 0.0f && d.y == 0.0f) d = softening * (jitter - jitterOf(id));
        force.add(q.z / (dot(d, d) + softening * softening), d);
      }
    }
  uint32_t* pulled = work + pullAt(p, node);
  const Point pull =
      counts ? (s.side / 1073741824.0f) * Point{float(int(pulled[0])), float(int(pulled[1]))} : Point{0.0f, 0.0f};
  Point way = (p.step / (1.0f + p.gravity + p.repulsion * force.stiffness)) *
              (p.repulsion * force.push + pull - p.gravity * here);
  const float far = sqrtf(dot(way, way)), limit = p.limit * fmaxf(s.side, p.natural);
  if (far > limit) way = (limit / far) * way;
  const Point there = here + way;
  widen(work + 4 * (1 - p.parity), counts, there);
  if (!counts) return;
  pulled[0] = pulled[1] = 0;
  next[2 * item] = there.x, next[2 * item + 1] = there.y;
  work[kLayoutMoved + item] = uint32_t(__float_as_int(far < limit ? far : limit));
}

SWITCHYARD_KERNEL(layout_move, layoutMoveKernel, kThreads, kThreads)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
