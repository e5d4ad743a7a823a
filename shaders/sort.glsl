// Sort keys (see kernels.def): ascending is best first, NaN comes last, ties go to the lower index.
const uint kNoKey = 0xFFFFFFFFu, kNoIndex = 0x7FFFFFFFu;

uint sortKey(float x, bool largest) {
  if (isNan(x)) return kNoKey;
  uint bits = floatBitsToUint(x);
  if (bits == 0x80000000u) bits = 0u;
  const uint ascending = (bits >> 31) != 0u ? ~bits : bits | 0x80000000u;
  return largest ? ~ascending : ascending;
}
uvec4 sortKeys(vec4 x, bool largest) {
  uvec4 bits = floatBitsToUint(x);
  const bvec4 nan = greaterThan(bits & 0x7FFFFFFFu, uvec4(0x7F800000u));
  bits = mix(bits, uvec4(0u), equal(bits, uvec4(0x80000000u)));
  const uvec4 key = bits ^ (uvec4(ivec4(bits) >> 31) | 0x80000000u) ^ uvec4(largest ? ~0u : 0u);
  return mix(key, uvec4(kNoKey), nan);
}

bool sortsBefore(uint keyA, uint indexA, uint keyB, uint indexB) {
  return keyA < keyB || (keyA == keyB && indexA < indexB);
}
