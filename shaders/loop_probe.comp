#version 450
// How many turns a loop really makes (vulkan/loops.h). What it computes can't be folded.
layout(local_size_x = 1) in;
layout(std430, set = 0, binding = 0) writeonly buffer Out { uint made[]; };
layout(push_constant) uniform Push { uint turns; };

void main() {
  uint x = turns, turn = 0u;
  for (; turn < turns; ++turn) x = (x ^ (x >> 7)) * 1664525u + 1013904223u;
  made[0] = turn;
  made[1] = x;
}
