// What the kernels of force-layout share: the square that the nodes lie in, the grid's levels, complex numbers.
#pragma once
#include "kernel.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

struct Point {
  float x, y;
};
__device__ inline Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y}; }
__device__ inline Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }
__device__ inline Point operator*(float factor, Point a) { return {factor * a.x, factor * a.y}; }
__device__ inline float dot(Point a, Point b) { return a.x * b.x + a.y * b.y; }
__device__ inline Point times(Point a, Point b) { return {a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x}; }

// As two or four floats of memory, and back.
__device__ inline Point lowOf(float4 v) { return {v.x, v.y}; }
__device__ inline Point highOf(float4 v) { return {v.z, v.w}; }
__device__ inline float4 joined(Point low, Point high) { return make_float4(low.x, low.y, high.x, high.y); }

__device__ inline uint32_t orderOf(float x) {
  const uint32_t bits = uint32_t(__float_as_int(x));
  return (bits & 0x80000000u) ? ~bits : bits | 0x80000000u;
}
__device__ inline float ofOrder(uint32_t key) {
  return __int_as_float(int32_t((key & 0x80000000u) ? key & 0x7FFFFFFFu : ~key));
}

// Where in the work memory (params.h) a node or cell has its words.
__device__ inline uint64_t listAt(const LayoutParams& p, uint32_t node) { return uint64_t(kLayoutMoved) + p.n + node; }
__device__ inline uint64_t pullAt(const LayoutParams& p, uint32_t node) {
  return uint64_t(kLayoutMoved) + 2 * uint64_t(p.n) + 2 * uint64_t(node);
}
// count, list, and of the nodes past the cap: mass, mass * x, mass * y
__device__ inline uint64_t cellAt(const LayoutParams& p, uint32_t cell) {
  return uint64_t(kLayoutMoved) + 4 * uint64_t(p.n) + 5 * uint64_t(cell);
}

__device__ inline uint32_t cellsOf(uint32_t level) { return 1u << (2 * level); }
__device__ inline uint32_t cellsAbove(uint32_t level) { return (cellsOf(level) - cellsOf(kLayoutTop)) / 3; }

struct Square {
  Point origin;
  float side;
};
__device__ inline Square squareOf(const uint32_t* work, const LayoutParams& p) {
  const uint32_t* bounds = work + 4 * p.parity;
  const Point low = {ofOrder(bounds[0]), ofOrder(bounds[1])}, high = {ofOrder(bounds[2]), ofOrder(bounds[3])};
  const float far = fmaxf(fmaxf(fabsf(low.x), fabsf(low.y)), fmaxf(fabsf(high.x), fabsf(high.y)));
  const float least = fmaxf(1e-3f * p.natural, 1e-5f * far);
  const float side = fmaxf(1.0001f * fmaxf(high.x - low.x, high.y - low.y), least);
  return {{0.5f * low.x + 0.5f * high.x - 0.5f * side, 0.5f * low.y + 0.5f * high.y - 0.5f * side}, side};
}

// In finest cells from the square's corner, and the cell there.
__device__ inline Point gridPlace(const Square& s, const LayoutParams& p, Point at) {
  return (float(1u << p.level) / s.side) * (at - s.origin);
}
__device__ inline uint32_t cellAlong(const LayoutParams& p, float place) {
  const int cell = int(floorf(place)), last = int(1u << p.level) - 1;
  return uint32_t(cell < 0 ? 0 : cell > last ? last : cell);
}

// Sums of masses in a full cell: the whole graph, whose mass is n, is 2^30.
__device__ inline int fixedMass(const LayoutParams& p, float mass) {
  return int(rintf(mass * (1073741824.0f / float(p.n))));
}

// From -0.5 to 0.5 in both directions, another for each node: what parts nodes that lie on one another.
__device__ inline Point jitterOf(uint32_t node) {
  uint32_t x = node * 747796405u + 2891336453u;
  x = ((x >> ((x >> 28u) + 4u)) ^ x) * 277803737u;
  x = (x >> 22u) ^ x;
  return {float(x & 0xFFFFu) / 65535.0f - 0.5f, float(x >> 16u) / 65535.0f - 0.5f};
}

__device__ inline Point positionOf(const float* positions, uint64_t node) {
  return {positions[2 * node], positions[2 * node + 1]};
}

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
