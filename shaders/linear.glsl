// A matrix product of any formats, with what may follow it: out = activation(alpha a b + bias) + residual. Needs the
// constants kFormats, kHow and kFoursOut.
#include "vulkan/matmul_params.h"
#include "math.glsl"
#include "activations.glsl"
#include "halves.glsl"
#include "codes.glsl"
READS(floatsA, 0)
READS(floatsB, 1)
layout(std430, set = 0, binding = 2) readonly buffer Scales { float scales[]; };
layout(std430, set = 0, binding = 3) readonly buffer RowScales { float rowScales[]; };
READS(bias, 4)
READS(residual, 5)
layout(std430, set = 0, binding = 6) buffer OutFloats { float outFloats[]; };
layout(std430, set = 0, binding = 6) buffer OutFloats4 { vec4 outFloats4[]; };
layout(std430, set = 0, binding = 6) buffer OutPairs { uvec2 outPairs[]; };
layout(push_constant) uniform Push { MatmulParams p; };
const uint kActivation = kHow & kHowActivation;
bool has(uint what) { return (kHow & what) != 0u; }

float takeA(uint i) { return has(kHowIntegers) ? code8(floatsAWords[i / 4u], i) : floatsA(i); }
vec4 takeA4(uint quad) { return has(kHowIntegers) ? fourCodes8(floatsAWords[quad]) : floatsA4(quad); }
// Without their scales.
float takeB(uint i) {
  if (has(kHowInt8)) return code8(floatsBWords[i / 4u], i);
  if (has(kHowInt4)) return float(bitfieldExtract(int(floatsBWords[i / 8u]), int(4u * (i & 7u)), 4));
  return floatsB(i);
}
vec4 takeB4(uint quad) {
  if (has(kHowInt8)) return fourCodes8(floatsBWords[quad]);
  if (has(kHowInt4)) return fourCodes4(floatsBWords[quad / 2u] >> (16u * (quad & 1u)));
  return floatsB4(quad);
}
float scaleOf(uint column, uint k) {
  if (!has(kHowInt8 | kHowInt4)) return 1.0;
  return scales[p.offsetScales + column * p.ldScales + (has(kHowGroups) ? (p.firstK + k) / p.group : 0u)];
}
// Four elements of b from (k, column) on, whose scales change within the sum; others come behind it.
vec4 scaled(vec4 x, uint column, uint k) {
  if (!has(kHowGroups)) return x;
  const uint c = min(column, p.n - 1u), last = p.k - 1u;
  if (has(kHowGroupsOfFours)) return x * scaleOf(c, k);
  return x * vec4(scaleOf(c, k), scaleOf(c, min(k + 1u, last)), scaleOf(c, min(k + 2u, last)),
                  scaleOf(c, min(k + 3u, last)));
}
float scaledOne(float x, uint column, uint k) { return has(kHowGroups) ? x * scaleOf(column, k) : x; }
// What the sums of four columns are times.
vec4 columnScales(uint column) {
  if (has(kHowGroups) || !has(kHowInt8 | kHowInt4)) return vec4(1.0);
  const uint last = p.n - 1u;
  return vec4(scaleOf(min(column, last), 0u), scaleOf(min(column + 1u, last), 0u), scaleOf(min(column + 2u, last), 0u),
              scaleOf(min(column + 3u, last), 0u));
}
#include "matmul.glsl"

vec4 biasAt(uint column) {
  const uint at = p.offsetBias + column, last = p.offsetBias + p.n - 1u;
  if (kFoursOut != 0u) return bias4(at / 4u);
  return vec4(bias(at), bias(min(at + 1u, last)), bias(min(at + 2u, last)), bias(min(at + 3u, last)));
}
vec4 residualAt(uint row, uint column) {
  const uint from = p.offsetResidual + row * p.ldResidual, at = from + column, last = from + p.n - 1u;
  if (kFoursOut != 0u) return residual4(at / 4u);
  return vec4(residual(at), residual(min(at + 1u, last)), residual(min(at + 2u, last)), residual(min(at + 3u, last)));
}

// Up to four elements of out from (row, column) on: v is the product there. Halves are written by four alone.
void finish(uint batch, uint row, uint column, vec4 v) {
  const uint at = p.offsetOut + batch * p.strideOut + row * p.ldOut + column;
  if (has(kHowIntegers)) v *= rowScales[p.offsetRowScales + row];
  if ((p.added & kAddedOut) != 0u) {
    if (kFoursOut != 0u) v += outFloats4[at / 4u];
    else [[unroll]] for (uint i = 0; i < 4u; ++i) v[i] += outFloats[at + min(i, p.n - 1u - column)];
  }
  if ((p.added & kAddedMore) == 0u) {
    if ((p.added & kAddedBias) != 0u) v += biasAt(column);
    if (kActivation != 0u) [[unroll]] for (uint i = 0; i < 4u; ++i) v[i] = activated(kActivation - 1u, v[i]);
    if ((p.added & kAddedResidual) != 0u) v += residualAt(row, column);
  }
  if (!isFloat(6u)) {
    const uvec4 h = narrowed(v, formatAt(6u));
    outPairs[at / 4u] = uvec2(h.x | h.y << 16, h.z | h.w << 16);
  } else if (kFoursOut != 0u) {
    outFloats4[at / 4u] = v;
  } else {
    [[unroll]] for (uint i = 0; i < 4u; ++i) if (column + i < p.n) outFloats[at + i] = v[i];
  }
}
