// What the kernels of similarity-search read, and the order of what they find: queries [q, d], the base's rows in any
// of its formats, and its mask. Needs the group's size to be said before.
layout(constant_id = 11) const uint kMetric = 0;
layout(constant_id = 12) const uint kBase = 0;
layout(constant_id = 13) const uint kHow = 0;
layout(constant_id = 18) const uint kRowsOfFours = 0;
const uint kFormats = kBase << 2u;
const bool kCoded = kBase == kElementInt8;
const bool kMasked = (kHow & kSearchMasked) != 0u, kBlocks = (kHow & kSearchBlocks) != 0u;
const bool kLargest = kMetric != kMetricL2;
#include "halves.glsl"
#include "codes.glsl"
#include "sort.glsl"
layout(std430, set = 0, binding = 0) readonly buffer QueriesBuffer { float queries[]; };
layout(std430, set = 0, binding = 0) readonly buffer Queries4Buffer { vec4 queries4[]; };
READS(base, 1)
layout(std430, set = 0, binding = 2) readonly buffer ScalesBuffer { float scales[]; };
layout(std430, set = 0, binding = 3) readonly buffer MaskBuffer { uint maskWords[]; };
layout(push_constant) uniform Push { SearchParams p; };

// Of the view's row.
bool isHidden(uint row) {
  if (!kMasked) return false;
  const uint bit = p.firstRow + row;
  return (maskWords[bit / 32u] >> (bit & 31u) & 1u) == 0u;
}
// Of the 64 rows of a block, whether the mask hides all, where blocks begin at whole words of the mask; those past its
// end belong to rows that there are none of.
bool isHiddenBlock(uint block) {
  if (!kMasked || p.firstRow % kSearchBlock != 0u) return false;
  const uint word = p.firstRow / 32u + 2u * block;
  return maskWords[word] == 0u && (block * kSearchBlock + 32u >= p.n || maskWords[word + 1u] == 0u);
}
float scaleOfRow(uint row) { return kCoded ? scales[row] : 1.0; }

// Four elements from `c` on of the row that begins at `from`; 0 past its end.
vec4 queryAt(uint from, uint c) {
  if (kRowsOfFours != 0u) return queries4[(from + c) / 4u];
  vec4 x = vec4(0.0);
  [[unroll]] for (uint i = 0; i < 4u; ++i) if (c + i < p.d) x[i] = queries[from + c + i];
  return x;
}
// Rounded to float32, and not within the instruction that takes it on: a row is what dequantize makes of it.
vec4 scaledBaseAt(uint from, uint c, float scale) {
  precise vec4 x = vec4(0.0);
  if (kRowsOfFours != 0u) {
    const uint quad = (from + c) / 4u;
    if (kCoded) x = fourCodes8(baseWords[quad]) * scale;
    else if (kBase == kFormatFloat32) x = baseFloats4[quad];
    else x = base4(quad);
  } else {
    [[unroll]] for (uint i = 0; i < 4u; ++i) {
      const uint at = from + c + i;
      if (c + i < p.d) x[i] = kCoded ? code8(baseWords[at / 4u], at) * scale : base(at);
    }
  }
  return x;
}
vec4 baseAt(uint from, uint c) { return scaledBaseAt(from, c, kCoded ? scaleOfRow(from / p.d) : 1.0); }

// Keys order scores best first. Where a mask hides rows, those come behind NaN, and what top-k is given tells them
// apart: a NaN is a row that is hidden, the worst infinity a score of NaN, the worst finite number that infinity, and
// the one before it either of the two (kernels.def).
const uint kHiddenKey = kNoKey, kNanKey = kNoKey - 1u, kWorstKey = 0xFF800000u;
uint keyOf(float score) {
  const uint key = sortKey(score, kLargest);
  return kMasked && key == kNoKey ? kNanKey : key;
}
float scoreOfKey(uint key) {
  if (key == kNoKey) return NAN;
  const uint ascending = kLargest ? ~key : key;
  return uintBitsToFloat((ascending >> 31) != 0u ? ascending & 0x7FFFFFFFu : ~ascending);
}
float rankOfKey(uint key) {
  if (!kMasked) return scoreOfKey(key);
  return scoreOfKey(key == kNanKey ? kWorstKey : key == kWorstKey || key == kWorstKey - 1u ? key - 1u : key);
}
// What is written of a row that is not hidden.
float rankOf(float score) { return kMasked ? rankOfKey(keyOf(score)) : score; }
