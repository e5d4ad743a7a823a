// What the layout kernel works on: the levels of its grid, its nodes sorted by cell, and their edges. For
// force_layout.cpp only.
#pragma once
#include <cstdint>
#include <vector>

#include "cpu/kernels.h"

namespace switchyard::cpu {

constexpr size_t kMoments = 7, kFields = 8;  // a_0 is real
constexpr size_t kPad = 2;                   // columns left and right of a plane, always 0

// One level of the grid. Plane c of parity x % 2 is [width rows, stride], column x / 2 at kPad.
struct LayoutLevel {
  uint32_t level = 0;
  size_t width = 0, stride = 0;
  std::vector<float> moments, fields;

  explicit LayoutLevel(uint32_t level)
      : level(level),
        width(size_t{1} << level),
        stride(width / 2 + 2 * kPad + 16),
        moments(kMoments * 2 * width * stride),
        fields(kFields * 2 * width * stride) {}
  size_t at(size_t plane, size_t x, size_t y) const {
    return ((plane * 2 + x % 2) * width + y) * stride + x / 2 + kPad;
  }
};

// The nodes in the order of their cells.
struct LayoutNodes {
  uint32_t n = 0;
  std::vector<float> x, y, mass;
  std::vector<uint32_t> id;
};

struct LayoutForce {
  float x = 0, y = 0, stiffness = 0;
};

// From -0.5 to 0.5 in both directions, another for each node: what parts nodes that lie on one another.
inline void layoutJitter(uint32_t node, float& x, float& y) {
  uint32_t h = node * 747796405u + 2891336453u;
  h = ((h >> ((h >> 28u) + 4u)) ^ h) * 277803737u;
  h = (h >> 22u) ^ h;
  x = static_cast<float>(h & 0xFFFFu) / 65535.0f - 0.5f, y = static_cast<float>(h >> 16u) / 65535.0f - 0.5f;
}

// Both ends' edges of each node, without self loops.
struct LayoutLinks {
  std::vector<uint32_t> first, other;
  std::vector<float> weight;

  LayoutLinks(const Call& call, const LayoutParams& p) : first(size_t{p.n} + 1) {
    const int32_t *offsets = call.view<int32_t>(2), *columns = call.view<int32_t>(3);
    const auto each = [&](auto&& fn) {
      for (uint32_t i = 0; i < p.n; ++i)
        for (int32_t e = offsets[i]; e < offsets[i + 1]; ++e)
          if (const auto j = static_cast<uint32_t>(columns[e]); j != i) fn(i, j, e);
    };
    each([&](uint32_t i, uint32_t j, int32_t) { ++first[i + 1], ++first[j + 1]; });
    for (size_t i = 0; i < p.n; ++i) first[i + 1] += first[i];
    other.resize(first[p.n]), weight.resize(first[p.n]);
    std::vector<uint32_t> next(first.begin(), first.end() - 1);
    each([&](uint32_t i, uint32_t j, int32_t e) {
      const float w = p.weightScale * (p.hasWeights ? call.view(4)[e] : 1.0f);
      other[next[i]] = j, weight[next[i]++] = w;
      other[next[j]] = i, weight[next[j]++] = w;
    });
  }
};

}  // namespace switchyard::cpu
