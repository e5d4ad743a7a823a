// A kernel's floating buffers in the formats that its params name (params.h), read as floats and written from them. Not
// by unpackHalf2x16 and packHalf2x16: drivers flush denormals there and round as they like. Needs the constant
// `kFormats`.
uint formatAt(uint place) { return (kFormats >> (2u * place)) & 3u; }
bool isFloat(uint place) { return formatAt(place) == kFormatFloat32; }

// Four halves, each in the low bits of its component.
vec4 widened(uvec4 h, uint format) {
  if (format == kFormatBfloat16) return uintBitsToFloat(h << 16);
  const uvec4 size = h & 0x7FFFu, normal = (size << 13) + 0x38000000u, endless = normal + 0x38000000u;
  const uvec4 small = floatBitsToUint(vec4(size) * 5.960464477539063e-08);  // 2^-24: no denormal of float32
  uvec4 bits = mix(normal, small, lessThan(size, uvec4(0x400u)));
  bits = mix(bits, endless, greaterThan(size, uvec4(0x7BFFu)));
  bits = mix(bits, endless | 0x400000u, greaterThan(size, uvec4(0x7C00u)));  // NaN stays quiet NaN
  return uintBitsToFloat(((h & 0x8000u) << 16) | bits);
}

// Round to nearest even.
uvec4 narrowed(vec4 v, uint format) {
  const uvec4 bits = floatBitsToUint(v), size = bits & 0x7FFFFFFFu;
  const bvec4 nan = greaterThan(size, uvec4(0x7F800000u));
  if (format == kFormatBfloat16)
    return mix((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16, (bits >> 16) | 0x40u, nan);
  uvec4 half_ = (size - (0x38000000u - 0xFFFu) + ((size >> 13) & 1u)) >> 13;
  const uvec4 small = uvec4(roundEven(uintBitsToFloat(size) * 16777216.0));  // a denormal half: a count of 2^-24
  half_ = mix(half_, small, lessThan(size, uvec4(0x38800000u)));
  half_ = mix(half_, uvec4(0x7C00u), greaterThan(size, uvec4(0x477FEFFFu)));  // rounds past 65504: infinity
  half_ = mix(half_, 0x7E00u | ((size >> 13) & 0x3FFu), nan);
  return ((bits >> 16) & 0x8000u) | half_;
}

// `name(i)` and `name4(quad)`: one element of the buffer at that place, and four from a multiple of 4 on.
#define READS(name, place)                                                                                          \
  layout(std430, set = 0, binding = place) readonly buffer name##Buffer { float name##Floats[]; };                  \
  layout(std430, set = 0, binding = place) readonly buffer name##Buffer4 { vec4 name##Floats4[]; };                 \
  layout(std430, set = 0, binding = place) readonly buffer name##BufferWords { uint name##Words[]; };               \
  layout(std430, set = 0, binding = place) readonly buffer name##BufferPairs { uvec2 name##Pairs[]; };              \
  float name(uint i) {                                                                                              \
    if (isFloat(place)) return name##Floats[i];                                                                     \
    return widened(uvec4(name##Words[i / 2u] >> (16u * (i & 1u)) & 0xFFFFu), formatAt(place)).x;                    \
  }                                                                                                                 \
  vec4 name##4(uint quad) {                                                                                         \
    if (isFloat(place)) return name##Floats4[quad];                                                                 \
    const uvec2 pair = name##Pairs[quad];                                                                           \
    return widened(uvec4(pair.x & 0xFFFFu, pair.x >> 16, pair.y & 0xFFFFu, pair.y >> 16), formatAt(place));         \
  }

// `name4(quad, v)`, `name2(pair, v)` of halves alone, `name1(i, x)` of float32 alone: halves are written by two.
#define WRITES(name, place)                                                                                         \
  layout(std430, set = 0, binding = place) writeonly buffer name##Buffer { float name##Floats[]; };                 \
  layout(std430, set = 0, binding = place) writeonly buffer name##Buffer4 { vec4 name##Floats4[]; };                \
  layout(std430, set = 0, binding = place) writeonly buffer name##BufferWords { uint name##Words[]; };              \
  layout(std430, set = 0, binding = place) writeonly buffer name##BufferPairs { uvec2 name##Pairs[]; };             \
  void name##1(uint i, float x) { name##Floats[i] = x; }                                                            \
  void name##2(uint pair, vec2 v) {                                                                                 \
    const uvec4 h = narrowed(v.xyxy, formatAt(place));                                                              \
    name##Words[pair] = h.x | h.y << 16;                                                                            \
  }                                                                                                                 \
  void name##4(uint quad, vec4 v) {                                                                                 \
    if (isFloat(place)) {                                                                                           \
      name##Floats4[quad] = v;                                                                                      \
      return;                                                                                                       \
    }                                                                                                               \
    const uvec4 h = narrowed(v, formatAt(place));                                                                   \
    name##Pairs[quad] = uvec2(h.x | h.y << 16, h.z | h.w << 16);                                                    \
  }
