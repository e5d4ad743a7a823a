#version 450
// Attention whose scores stay in registers: a subgroup takes 8 queries of a head and goes over their keys in blocks of
// 4 a lane, with a running softmax. As in matmul_direct.comp nothing goes through shared memory: lanes load different
// quads of queries and values, which broadcasts then share.
#extension GL_KHR_shader_subgroup_ballot : require
#include "common.glsl"
layout(local_size_x = 32, local_size_x_id = 0) in;
layout(constant_id = 12) const uint kE = 0;
layout(constant_id = 13) const uint kFormats = 0;
layout(constant_id = 14) const uint kHasBias = 0;
layout(constant_id = 15) const uint kHides = 0;
layout(constant_id = 19) const uint kFoursD = 0;
layout(constant_id = 20) const uint kFoursE = 0;
#include "halves.glsl"
READS(query, 0)
READS(key, 1)
READS(value, 2)
READS(bias, 3)
layout(std430, set = 0, binding = 4) readonly buffer TilesBuffer { AttentionTile tiles[]; };
WRITES(put, 5)
layout(push_constant) uniform Push { FusedAttentionParams p; };
#define kRows 8u
#define kChunks 2u  // of 4 W columns of the values: what is beyond takes another pass
#define kTurns 2u   // quads of a row in a turn: loops may be cut (vulkan/loops.h)
#define W (gl_WorkGroupSize.x / gl_NumSubgroups)  // gl_SubgroupSize may be more than what a subgroup has
const float kDown = 9.094947017729282e-13, kUp = 1.099511627776e12;  // 2^-40: sums that overflow are made again

AttentionTile tile;
uint lane, head, keyHead, firstRow, rows;
int oldest;  // the position of the first query among the keys

// The keys that query r sees.
int seenFrom(uint r) { return (kHides & kHidesOutside) != 0u ? max(oldest + int(r) - int(p.window) + 1, 0) : 0; }
int seenTo(uint r) {
  int end = int(tile.keys);
  if ((kHides & kHidesOutside) != 0u) end = min(end, oldest + int(r) + int(p.window));
  if ((kHides & kHidesLater) != 0u) end = min(end, oldest + int(r) + 1);
  return end;
}

// e^x for x <= 0, NaN for NaN; below the normal range 0. As exactExp(), but without a branch: there would be 80.
vec4 expNegative(vec4 x) {
  const vec4 bounded = max(x, -88.0), k = floor(bounded * 1.44269504 + 0.5);
  vec4 r = bounded - k * 0.693359375;  // exact: few bits in the constant
  r += k * 2.12194440e-4;
  vec4 q = vec4(1.392617611924392e-3);
  q = q * r + 8.363173074523434e-3;
  q = q * r + 4.166655466205814e-2;
  q = q * r + 1.66665770255979e-1;
  q = q * r + 0.5;
  const vec4 y = ((q * r) * r + r + 1.0) * uintBitsToFloat(uvec4(clamp(ivec4(k), -127, 0) + 127) << 23);
  const bvec4 nan = greaterThan(floatBitsToUint(x) & 0x7FFFFFFFu, uvec4(kInfBits));
  return mix(mix(y, vec4(0.0), lessThan(x, vec4(-87.33654))), x, nan);
}

vec4 queryQuad(uint r, uint k) {
  const uint at = ((tile.query + firstRow + min(r, rows - 1u)) * p.heads + head) * p.d + k;
  if (kFoursD != 0u) return query4(at / 4u);
  vec4 x;  // without branches: drivers take long to compile them
  [[unroll]] for (uint i = 0; i < 4u; ++i) x[i] = query(at + min(i, p.d - 1u - k));
  return mix(vec4(0.0), x, lessThan(uvec4(k) + uvec4(0, 1, 2, 3), uvec4(p.d)));
}
vec4 keyQuad(uint c, uint k) {
  const uint at = ((tile.key + min(c, tile.keys - 1u)) * p.keyHeads + keyHead) * p.d + k;
  if (kFoursD != 0u) return key4(at / 4u);
  vec4 x;
  [[unroll]] for (uint i = 0; i < 4u; ++i) x[i] = key(at + min(i, p.d - 1u - k));
  return mix(vec4(0.0), x, lessThan(uvec4(k) + uvec4(0, 1, 2, 3), uvec4(p.d)));
}
vec4 valueQuad(uint c, uint column) {
  const uint at = ((tile.key + c) * p.keyHeads + keyHead) * kE;
  vec4 x;
  if (kFoursE != 0u) {
    x = value4((at + min(column, kE - 4u)) / 4u);
  } else {
    [[unroll]] for (uint i = 0; i < 4u; ++i) x[i] = value(at + min(column + i, kE - 1u));
  }
  return mix(vec4(0.0), x, lessThan(uvec4(column) + uvec4(0, 1, 2, 3), uvec4(kE)));
}

vec4 scores[kRows], sums[kChunks][kRows];
float most[kRows], totals[kRows];

void scoresOf(uint first) {
  [[unroll]] for (uint r = 0; r < kRows; ++r) scores[r] = vec4(0.0);
  for (uint k0 = 0; k0 < p.d; k0 += 4u * kTurns)
    [[unroll]] for (uint turn = 0; turn < kTurns; ++turn) {
      const uint k = k0 + 4u * turn;
      if (k >= p.d) continue;
      vec4 quads[4], right[4];
      [[unroll]] for (uint s = 0; s < 4u; ++s)
        if (s * W < kRows) quads[s] = queryQuad(min(s * W + lane, kRows - 1u), k);
      [[unroll]] for (uint i = 0; i < 4u; ++i) right[i] = keyQuad(first + 4u * lane + i, k);
      [[unroll]] for (uint i = 0; i < 4u; ++i) {
        const vec4 b = vec4(right[0][i], right[1][i], right[2][i], right[3][i]);
        [[unroll]] for (uint r = 0; r < kRows; ++r) scores[r] += subgroupBroadcast(quads[r / W][i], r % W) * b;
      }
    }
}

// Scores of a block to weights relative to the largest so far.
void weightsOf(uint first, int end, float by) {
  const uint column = first + 4u * lane;
  const ivec4 c = int(column) + ivec4(0, 1, 2, 3);
  [[unroll]] for (uint r = 0; r < kRows; ++r) {
    vec4 x = scores[r] * p.scale;
    if (kHasBias != 0u) {
      const uint at = head * p.biasHead + (tile.biasRow + firstRow + min(r, rows - 1u)) * p.biasRow;
      [[unroll]] for (uint i = 0; i < 4u; ++i) x[i] += bias(at + min(column + i, tile.keys - 1u));
    }
    const int to = min(end, seenTo(r)), from = seenFrom(r);
    x = mix(x, vec4(-INFINITY), greaterThanEqual(c, ivec4(to)));
    if (kHides != 0u) x = mix(x, vec4(-INFINITY), lessThan(c, ivec4(from)));
    float best = -INFINITY;
    [[unroll]] for (uint i = 0; i < 4u; ++i) best = x[i] > best ? x[i] : best;  // keeps `best` where x is NaN
    best = subgroupMax(best);
    best = most[r] > best ? most[r] : best;
    // Where all is -infinity so far, weights are 0 and not NaN: what is hidden does not count.
    const float top = floatBitsToUint(best) == 0xFF800000u ? 0.0 : best;
    const float factor = expNegative(vec4(most[r] - top)).x;
    x = expNegative(x - top);
    most[r] = best;
    totals[r] = totals[r] * factor + (x.x + x.y + x.z + x.w);
    scores[r] = x * by;
    [[unroll]] for (uint part = 0; part < kChunks; ++part)
      if (part * 4u * W < kE) sums[part][r] *= factor;
  }
}

// The values of some keys are loaded once, and weighed for every query. Weights of what is hidden are 0: of values that
// are not finite they would make NaN.
void addValues(uint first, int end, uint e0, bool hides) {
  const uint last = min(W, (uint(end) - first + 3u) / 4u);
  for (uint from = 0; from < last; ++from)
    [[unroll]] for (uint j = 0; j < 4u; ++j) {
      const uint c = min(first + 4u * from + j, uint(end) - 1u);
      const bool real = first + 4u * from + j < uint(end);
      [[unroll]] for (uint part = 0; part < kChunks; ++part) {
        if (part * 4u * W >= kE) continue;
        vec4 v = valueQuad(c, e0 + 4u * (part * W + lane));
        if (!real) v = vec4(0.0);
        if (kHides != 0u && hides && subgroupMax(allFinite(v) ? 0u : 1u) != 0u) {
          [[unroll]] for (uint r = 0; r < kRows; ++r) {
            const bool seen = int(c) >= seenFrom(r) && int(c) < seenTo(r);
            const vec4 more = subgroupBroadcast(scores[r][j], from) * v;
            sums[part][r] += seen ? more : vec4(0.0);
          }
        } else {
          [[unroll]] for (uint r = 0; r < kRows; ++r) sums[part][r] += subgroupBroadcast(scores[r][j], from) * v;
        }
      }
    }
}

// False where a sum overflowed, or something that went in was not finite.
bool pass(uint e0, float by) {
  [[unroll]] for (uint r = 0; r < kRows; ++r) {
    most[r] = -INFINITY;
    totals[r] = 0.0;
    [[unroll]] for (uint part = 0; part < kChunks; ++part) sums[part][r] = vec4(0.0);
  }
  const int end = seenTo(rows - 1u);
  if (end > 0)
    for (uint first = uint(seenFrom(0u)); first < uint(end); first += 4u * W) {
      scoresOf(first);
      weightsOf(first, end, by);
      addValues(first, end, e0, int(first) < seenFrom(rows - 1u) || int(first + 4u * W) > seenTo(0u));
    }
  bool finite = true;
  [[unroll]] for (uint r = 0; r < kRows; ++r)
    [[unroll]] for (uint part = 0; part < kChunks; ++part)
      if (part * 4u * W < kE) finite = finite && allFinite(sums[part][r]);
  return subgroupMax(finite ? 0u : 1u) == 0u;
}

void store(uint e0, float back) {
  [[unroll]] for (uint r = 0; r < kRows; ++r) {
    const float total = subgroupAdd(totals[r]);
    if (r >= rows) continue;
    const bool none = seenTo(r) <= seenFrom(r);
    [[unroll]] for (uint part = 0; part < kChunks; ++part) {
      const uint column = e0 + 4u * (part * W + lane);
      if (part * 4u * W >= kE || column >= kE) continue;
      vec4 y = sums[part][r] / total * back;
      if (floatBitsToUint(total) == 0u) y = vec4(NAN);  // all that it sees is -infinity
      if (none) y = vec4(0.0);
      const uint at = ((tile.query + firstRow + r) * p.heads + head) * kE + column;
      if (kFoursE != 0u) {
        put4(at / 4u, y);
      } else {
        [[unroll]] for (uint i = 0; i < 4u; ++i)
          if (column + i < kE) put1(at + i, y[i]);
      }
    }
  }
}

void main() {
  const uint unit = groupIndex(), parts = kAttentionRows / kAttentionPart;
  if (unit >= p.parts || gl_SubgroupID != 0u) return;
  lane = gl_SubgroupInvocationID;
  tile = tiles[unit / parts / p.heads];
  head = unit / parts % p.heads;
  keyHead = head / (p.heads / p.keyHeads);
  const uint begin = unit % parts * kAttentionPart, end = min(begin + kAttentionPart, tile.rows);
  for (firstRow = begin; firstRow < end; firstRow += kRows) {
    rows = min(kRows, end - firstRow);
    oldest = tile.position + int(firstRow);
    for (uint e0 = 0; e0 < kE; e0 += kChunks * 4u * W)
      for (uint again = 0; again < 2u; ++again) {
        const bool finite = pass(e0, again == 0u ? 1.0 : kDown);
        if (!finite && again == 0u) continue;
        store(e0, again == 0u ? 1.0 : kUp);
        break;
      }
  }
}
