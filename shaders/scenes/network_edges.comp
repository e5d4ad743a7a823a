#version 450
// Each edge adds its coverage to the pixels that it crosses, exactly along its longer axis: sums do not depend on the
// order.
#extension GL_GOOGLE_include_directive : require
#include "network.glsl"
layout(local_size_x = 64) in;
layout(std430, set = 0, binding = 0) readonly buffer Offsets { int offsets[]; };
layout(std430, set = 0, binding = 1) readonly buffer Columns { int columns[]; };
layout(std430, set = 0, binding = 2) readonly buffer Weights { float weights[]; };
layout(std430, set = 0, binding = 3) readonly buffer Nodes { Node nodes[]; };
layout(std430, set = 0, binding = 4) buffer Ink { uint ink[]; };

const uint kThreads = 4u;   // for each edge, so that long ones keep fewer waiting

// The last row that begins at or before the edge.
uint rowOf(int edge) {
  uint low = 0u, high = p.nodes;
  while (high - low > 1u) {
    const uint middle = (low + high) / 2u;
    if (offsets[middle] <= edge) low = middle;
    else high = middle;
  }
  return low;
}

void main() {
  const uint thread = threadIndex(gl_WorkGroupID, gl_LocalInvocationID.x), edge = thread / kThreads;
  if (edge >= p.edges) return;
  vec2 a = nodes[rowOf(int(edge))].at, b = nodes[columns[edge]].at;
  const bool steep = abs(b.y - a.y) > abs(b.x - a.x);
  if (steep) a = a.yx, b = b.yx;
  const bool turned = a.x > b.x;
  if (turned) {
    const vec2 swap = a;
    a = b, b = swap;
  }
  const float length_ = b.x - a.x;
  if (length_ < 0.001) return;
  const float slope = (b.y - a.y) / length_;
  const float fuller = sqrt(1.0 + slope * slope);
  const float weight = p.weightScale > 0.0 ? clamp((weights[edge] - p.weightLow) * p.weightScale, 0.0, 1.0) : 1.0;
  const float strength = kInk * (0.25 + 0.75 * weight) * float(p.stride);
  // half of what it covers across
  const float rise = 0.5 * fuller * max(p.lineWidth * (p.weightScale > 0.0 ? 0.5 + weight : 1.0), 1.0);

  const vec2 room = steep ? p.size.yx : p.size;
  float from = max(a.x, 0.0), to = min(b.x, room.x);
  if (abs(slope) > 1e-6) {
    const float above = a.x + (-rise - a.y) / slope, below = a.x + (room.y + rise - a.y) / slope;
    from = max(from, min(above, below)), to = min(to, max(above, below));
  } else if (a.y < -rise || a.y > room.y + rise) return;

  float spark = -1e9, reach = 1.0;  // of the light that runs along the edge: where, and how far it is seen
  if (p.beat != 0.0 && chance(edge) < p.pulses) {
    const float way = fract(p.beat * (chance(edge + 77777u) < 0.5 ? 0.25 : 1.0 / 3.0) + chance(edge + 33333u));
    spark = mix(a.x, b.x, turned ? 1.0 - way : way);
    reach = 1.0 / (4.0 + 10.0 * p.lineWidth);
  }
  const int across = int(p.size.x), rows = int(room.y), along = steep ? across : 1, aside = steep ? 1 : across;
  const uint first = (thread % kThreads) * p.stride + uint(chance(edge + 55555u) * float(p.stride)),
             hop = kThreads * p.stride;
  for (float x = floor(from) + float(first); x < to; x += float(hop)) {
    float part = strength * (min(x + 1.0, to) - max(x, from));
    const float near = max(0.0, 1.0 - abs(x + 0.5 - spark) * reach);
    part *= 1.0 + 4.0 * near * near;
    const float y = a.y + slope * (x + 0.5 - a.x);
    const int at = int(x) * along;
    const float low = y - rise, high = y + rise;
    const int end = min(int(ceil(high)), rows);
    // Two a turn: with the widest lines of the largest picture that is half of what Mesa's software driver allows.
    for (int row = max(int(floor(low)), 0); row < end; row += 2) {
      const uint covered = uint(part * (min(float(row + 1), high) - max(float(row), low)) + 0.5);
      if (covered != 0u) atomicAdd(ink[at + row * aside], covered);
      if (row + 1 >= end) break;
      const uint next = uint(part * (min(float(row + 2), high) - max(float(row + 1), low)) + 0.5);
      if (next != 0u) atomicAdd(ink[at + (row + 1) * aside], next);
    }
  }
}
