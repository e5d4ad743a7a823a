#version 450
// Scores of at most kScanQueries queries against the kSearchBlock rows of a block a group.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
#include "search_base.glsl"
#include "search.glsl"
layout(std430, set = 0, binding = 4) writeonly buffer ScoresBuffer { float scores[]; };
#include "search_rows.glsl"
shared uint best[64];  // of each subgroup

void main() {
  const uint block = groupIndex(), first = block * kSearchBlock;
  if (first >= p.n) return;
  const uint last = min(p.n, first + kSearchBlock);
  for (uint q = 0; q < p.q; ++q) {
    float sizeQ = NAN;
    uint key = kHiddenKey;
    const uint to = q * p.ldScores + p.firstColumn;
    for (uint row = first + subgroupPlace() * 4u; row < last; row += subgroups() * 4u) {
      uint shown = 0u;
      [[unroll]] for (uint i = 0; i < 4u; ++i) if (row + i < last && !isHidden(row + i)) shown |= 1u << i;
      vec4 s = vec4(0.0);
      if (shown != 0u) s = scoresOf(q * p.d, min(row + uvec4(0, 1, 2, 3), uvec4(last - 1u)), shown, sizeQ);
      [[unroll]] for (uint i = 0; i < 4u; ++i) {
        const bool isShown = (shown >> i & 1u) != 0u;
        if (kBlocks && isShown) key = min(key, keyOf(s[i]));
        if (!kBlocks && subgroupElect() && row + i < last) scores[to + row + i] = isShown ? rankOf(s[i]) : NAN;
      }
    }
    if (!kBlocks) continue;
    if (kAlone) {
      if (subgroupElect()) scores[to + block] = rankOfKey(key);
      continue;
    }
    barrier();
    if (subgroupElect()) best[subgroupPlace()] = key;
    barrier();
    if (gl_LocalInvocationID.x != 0u) continue;
    for (uint i = 1; i < gl_NumSubgroups; ++i) key = min(key, best[i]);
    scores[to + block] = rankOfKey(key);
  }
}
