#version 450
// Scores of the rows that each query's own list names: of whole blocks, one a group, or of kSearchBlock single rows.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
#include "search_base.glsl"
#include "search.glsl"
layout(std430, set = 0, binding = 4) readonly buffer ListBuffer { uint list[]; };
layout(std430, set = 0, binding = 5) writeonly buffer ScoresBuffer { float scores[]; };
layout(std430, set = 0, binding = 6) writeonly buffer SortedBuffer { uint sorted[]; };
#include "search_rows.glsl"
const bool kRows = (kHow & kSearchRows) != 0u;

// The place of an entry in the order of rows, which is that of ties. Entries of nothing come last.
uint placeOf(uint from, uint entry) {
  const uint own = list[from + entry];
  uint before = 0u;
  for (uint i = gl_SubgroupInvocationID; i < p.listed; i += gl_SubgroupSize)
    if (list[from + i] < own || (list[from + i] == own && i < entry)) ++before;
  return subgroupAdd(before);
}

void scoreBlock(uint query, uint entry) {
  const uint from = query * p.listed, whole = list[from + entry], block = whole - p.firstRow / kSearchBlock;
  if (block * kSearchBlock >= p.n || whole < p.firstRow / kSearchBlock) return;  // in another piece of the base
  const uint first = block * kSearchBlock, place = placeOf(from, entry), to = query * p.ldScores + place * kSearchBlock;
  if (gl_LocalInvocationID.x == 0u) sorted[from + place] = whole;
  float sizeQ = NAN;
  for (uint i = subgroupPlace() * 4u; i < kSearchBlock; i += subgroups() * 4u) {
    const uvec4 rows = first + i + uvec4(0, 1, 2, 3);
    uint shown = 0u;
    [[unroll]] for (uint j = 0; j < 4u; ++j) if (rows[j] < p.n && !isHidden(rows[j])) shown |= 1u << j;
    vec4 s = vec4(0.0);
    if (shown != 0u) s = scoresOf(query * p.d, min(rows, uvec4(p.n - 1u)), shown, sizeQ);
    if (subgroupElect())
      [[unroll]] for (uint j = 0; j < 4u; ++j) scores[to + i + j] = (shown >> j & 1u) != 0u ? rankOf(s[j]) : NAN;
  }
}

void scoreRows(uint query, uint begin) {
  const uint from = query * p.listed, end = min(begin + kSearchBlock, p.listed);
  float sizeQ = NAN;
  for (uint entry = begin + subgroupPlace() * 4u; entry < end; entry += subgroups() * 4u) {
    uvec4 rows;
    uint shown = 0u, none = 0u;
    [[unroll]] for (uint j = 0; j < 4u; ++j) {
      const uint whole = list[from + min(entry + j, end - 1u)];
      rows[j] = whole - p.firstRow;
      if (entry + j < end && whole >= p.firstRow && rows[j] < p.n) shown |= 1u << j;
      if (entry + j < end && whole == kNoEntry && p.firstRow == 0u) none |= 1u << j;
      if ((shown >> j & 1u) == 0u) rows[j] = 0u;
    }
    if ((shown | none) == 0u) continue;
    vec4 s = vec4(0.0);
    if (shown != 0u) s = scoresOf(query * p.d, rows, shown, sizeQ);
    [[unroll]] for (uint j = 0; j < 4u; ++j) {
      if (((shown | none) >> j & 1u) == 0u) continue;
      const uint place = placeOf(from, entry + j);
      if (!subgroupElect()) continue;
      scores[query * p.ldScores + place] = (shown >> j & 1u) != 0u ? rankOf(s[j]) : NAN;
      sorted[from + place] = list[from + entry + j];
    }
  }
}

void main() {
  const uint groups = kRows ? (p.listed + kSearchBlock - 1u) / kSearchBlock : p.listed, query = groupIndex() / groups;
  if (query >= p.q) return;
  if (kRows) scoreRows(query, groupIndex() % groups * kSearchBlock);
  else scoreBlock(query, groupIndex() % groups);
}
