#version 450
// One compare-exchange step of a bitonic sort of every row.
#include "common.glsl"
layout(local_size_x = 256) in;
#include "sort.glsl"
layout(std430, set = 0, binding = 0) buffer B0 { uint keys[]; };
layout(std430, set = 0, binding = 1) buffer B1 { uint indices[]; };
layout(push_constant) uniform Push { SortParams p; };


void main() {
  const uint pair = itemIndex();
  const uint pairs = p.padded / 2u;
  if (pair >= p.rows * pairs) return;
  const uint row = pair / pairs, k = pair % pairs;
  const uint low = 2u * p.stride * (k / p.stride) + k % p.stride;
  const uint i = row * p.padded + low, j = i + p.stride;
  const bool ascending = (low & p.size) == 0u;
  const uint keyI = keys[i], keyJ = keys[j], indexI = indices[i], indexJ = indices[j];
  if (sortsBefore(keyJ, indexJ, keyI, indexI) == ascending) {
    keys[i] = keyJ;
    keys[j] = keyI;
    indices[i] = indexJ;
    indices[j] = indexI;
  }
}
