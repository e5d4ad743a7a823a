#version 450
// The best k of one segment of a row's candidates. One that is long beside k is not sorted: the best of each of a
// thousand parts of it bound what can be among the best k, and only parts that have such are looked at again. Where
// that leaves too many (many equal keys, a large k), the bound is found by counting.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 13) const uint kFromValues = 0;
layout(constant_id = 15) const uint kFormats = 0;
layout(constant_id = 17) const uint kRowsOfFours = 0;
#include "halves.glsl"
#include "sort.glsl"
READS(take, 0)
layout(std430, set = 0, binding = 1) readonly buffer B1 { uint inIndices[]; };
layout(std430, set = 0, binding = 2) writeonly buffer B2 { uint outKeys[]; };
layout(std430, set = 0, binding = 3) writeonly buffer B3 { uint outIndices[]; };
layout(push_constant) uniform Push { TopKSelectParams p; };
#define W gl_WorkGroupSize.x
#define LANE gl_LocalInvocationID.x

shared uint keys[kTopKChunk];
shared uint indices[kTopKChunk];
shared uint parts[kTopKChunk];  // the best key of each part of the segment; later the parts to look at
shared uint found, partsFound;

#include "sort_shared.glsl"

shared uvec3 groupScratch[64];  // at most 256 threads in subgroups of 4
uvec3 groupSum(uvec3 v) {
  v = subgroupAdd(v);
  if (W <= gl_SubgroupSize) return v;
  barrier();
  if (subgroupElect()) groupScratch[gl_SubgroupID] = v;
  barrier();
  uvec3 all = uvec3(0u);
  for (uint i = 0u; i < gl_NumSubgroups; ++i) all += groupScratch[i];
  return all;
}
uint groupMin(uint v) {
  v = subgroupMin(v);
  if (W <= gl_SubgroupSize) return v;
  barrier();
  if (subgroupElect()) groupScratch[gl_SubgroupID].x = v;
  barrier();
  uint all = kNoKey;
  for (uint i = 0u; i < gl_NumSubgroups; ++i) all = min(all, groupScratch[i].x);
  return all;
}

uint partQuads;         // how many fours of parts there are
uint lowest, highest;  // between them lies the key of the last of the best k

// What is counted, and against what.
const uint kOfParts = 0u, kOfKeys = 1u, kOfIndices = 2u;
const uint kPartQuads = kTopKChunk / 4u;
// Part 4 * j + c has component c of quadOf(j, 0), quadOf(j, 1), ... Each turn goes some way round, or parts of sorted
// runs whose length divides a turn would have one rank of each, and rule out little.
uint quadOf(uint j, uint turn) { return turn * kPartQuads + (j + 79u * turn) % kPartQuads; }

#include "top_k.glsl"
uint indexAt(uint at) { return kFromValues != 0u ? first + at : inIndices[base + at]; }
// kNoIndex past the end.
uvec4 indicesAt(uint quad) {
  uvec4 index = uvec4(kNoIndex);
  [[unroll]] for (uint c = 0u; c < 4u; ++c)
    if (4u * quad + c < count) index[c] = indexAt(4u * quad + c);
  return index;
}

// Keys of kOfIndices: 0 where a candidate comes before all of key `tie`, its index where it has that key.
uvec4 ranksAt(uint quad, uint what, uint tie) {
  const uvec4 key = keysAt(quad);
  if (what == kOfKeys) return key;
  const uvec4 tied = mix(uvec4(kNoKey), indicesAt(quad), equal(key, uvec4(tie)));
  return mix(tied, uvec4(0u), lessThan(key, uvec4(tie)));
}

uvec3 upTo(uvec4 v, uvec3 pivots) {
  uvec3 n = uvec3(0u);
  [[unroll]] for (uint c = 0u; c < 4u; ++c) n += uvec3(lessThanEqual(uvec3(v[c]), pivots));
  return n;
}

// How many are at or below each of the pivots.
uvec3 countUpTo(uvec3 pivots, uint what, uint tie) {
  uvec3 n = uvec3(0u);
  if (what == kOfParts)
    for (uint j = LANE; j < partQuads; j += W)
      n += upTo(uvec4(parts[4u * j], parts[4u * j + 1u], parts[4u * j + 2u], parts[4u * j + 3u]), pivots);
  else
    for (uint quad = LANE; quad < (count + 3u) / 4u; quad += W) n += upTo(ranksAt(quad, what, tie), pivots);
  return groupSum(n);
}

// Narrows low .. high down until at most `most` are at or below high, or nothing is left to narrow. At least k are at
// or below high, if that was so before.
void narrow(inout uint low, inout uint high, uint most, uint what, uint tie) {
  uint counted = kNoKey;
  while (low < high && counted > most) {
    const uint width = high - low;
    const uvec3 pivots = low + uvec3(width / 4u, width / 2u, width / 2u + width / 4u);
    const uvec3 n = countUpTo(pivots, what, tie);
    if (n.z < p.k) {
      low = pivots.z + 1u;
    } else {
      const uint at = n.x >= p.k ? 0u : n.y >= p.k ? 1u : 2u;
      if (at > 0u) low = pivots[at - 1u] + 1u;
      high = pivots[at];
      counted = n[at];
    }
  }
}

void keep(uint key, uint index) {
  const uint at = atomicAdd(found, 1u);
  if (at < kTopKChunk) {
    keys[at] = key;
    indices[at] = index;
  }
}

// Keeps what the parts' bests do not rule out. `found` tells how many those were: fewer than k, or more than there is
// room for, where nothing is to be had this way.
void selectByParts() {
  const uint turns = (count + kTopKChunk - 1u) / kTopKChunk;
  partQuads = min(kPartQuads, (count + 3u) / 4u);
  uint least = kNoKey, most = 0u;
  for (uint j = LANE; j < partQuads; j += W) {
    uvec4 best = uvec4(kNoKey);
    for (uint turn = 0u; turn < turns; ++turn) best = min(best, keysAt(quadOf(j, turn)));
    [[unroll]] for (uint c = 0u; c < 4u; ++c) {
      parts[4u * j + c] = best[c];
      least = min(least, best[c]);
      most = max(most, best[c]);
    }
  }
  lowest = groupMin(least);
  uint low = lowest, bound = ~groupMin(~most);
  synchronize();
  narrow(low, bound, p.k + p.k / 4u + 4u, kOfParts, 0u);
  // The numbers of the parts to look at, at the front of `parts`: never behind where they are read.
  for (uint from = 0u; from < 4u * partQuads; from += W) {
    const uint part = from + LANE;
    const bool has = part < 4u * partQuads && parts[part] <= bound;
    synchronize();
    if (has) parts[atomicAdd(partsFound, 1u)] = part;
    synchronize();
  }
  for (uint i = LANE; i < partsFound * turns; i += W) {
    const uint part = parts[i / turns], at = 4u * quadOf(part / 4u, i % turns) + part % 4u;
    if (at < count) {
      const uint key = keyAt(at);
      if (key <= bound) keep(key, indexAt(at));
    }
  }
  synchronize();
  if (found >= p.k) highest = bound;
}

void selectByCounting() {
  uint low = lowest, high = highest, what = kOfKeys, tie = 0u;
  narrow(low, high, kTopKChunk, what, tie);
  if (low == high) {  // perhaps more have this key than there is room for: the first of them
    tie = high;
    what = kOfIndices;
    low = kFromValues != 0u ? first : 0u;
    high = kFromValues != 0u ? first + count - 1u : kNoIndex - 1u;
    narrow(low, high, kTopKChunk, what, tie);
  }
  for (uint quad = LANE; quad < (count + 3u) / 4u; quad += W) {
    const uvec4 rank = ranksAt(quad, what, tie);
    if (any(lessThanEqual(rank, uvec4(high))))
      [[unroll]] for (uint c = 0u; c < 4u; ++c)
        if (rank[c] <= high && 4u * quad + c < count) keep(keyAt(4u * quad + c), indexAt(4u * quad + c));
  }
  synchronize();
}

void main() {
  const uint unit = groupIndex();
  if (unit >= p.rows * p.segments) return;
  const uint row = unit / p.segments;
  first = unit % p.segments * p.segment;
  base = row * p.d + first;
  count = min(p.segment, p.d - first);
  if (LANE == 0u) {
    found = 0u;
    partsFound = 0u;
  }
  lowest = 0u;
  highest = kNoKey;
  synchronize();
  uint kept = count;
  if (count <= kTopKChunk && count <= 4u * p.k + 64u) {  // quicker sorted as it is
    for (uint i = LANE; i < count; i += W) {
      keys[i] = keyAt(i);
      indices[i] = indexAt(i);
    }
  } else {
    if (p.k <= kTopKByParts) selectByParts();
    kept = found;
    if (kept < p.k || kept > kTopKChunk) {
      synchronize();
      if (LANE == 0u) found = 0u;
      synchronize();
      selectByCounting();
      kept = found;
    }
  }
  uint size = 8u;
  while (size < kept) size *= 2u;
  for (uint i = kept + LANE; i < size; i += W) {
    keys[i] = kNoKey;
    indices[i] = kNoIndex;
  }
  synchronize();
  sortShared(size);
  for (uint i = LANE; i < p.k; i += W) {
    outKeys[unit * p.k + i] = i < size ? keys[i] : kNoKey;
    outIndices[unit * p.k + i] = i < size ? indices[i] : kNoIndex;
  }
}
