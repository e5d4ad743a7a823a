#version 450
// What top-k chose, as rows of the base and their scores.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(std430, set = 0, binding = 0) readonly buffer ListBuffer { uint list[]; };
layout(std430, set = 0, binding = 1) buffer ScoresBuffer { float scores[]; };
layout(std430, set = 0, binding = 2) buffer IndicesBuffer { uint indices[]; };
layout(push_constant) uniform Push { SearchFoundParams p; };

void main() {
  const uint i = itemIndex();
  if (i >= p.q * p.k) return;
  const uint at = indices[i], from = i / p.k * p.listed;
  uint row = p.unit == 0u ? at : p.unit == 1u ? list[from + at] : list[from + at / p.unit] * p.unit + at % p.unit;
  if (p.masked != 0u) {
    // The worst infinity and the worst finite number, as search_base.glsl writes them.
    const uint bits = floatBitsToUint(scores[i]), sign = p.largest != 0u ? 0x80000000u : 0u;
    if (isNan(scores[i])) row = kNoEntry;
    else if (bits == (kInfBits | sign)) scores[i] = NAN;
    else if (bits == ((kInfBits - 1u) | sign)) scores[i] = uintBitsToFloat(kInfBits | sign);
  }
  indices[i] = row;
}
