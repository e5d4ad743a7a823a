// Sort keys (see kernels.def): ascending is best first, NaN comes last, ties go to the lower index.
const uint kNoKey = 0xFFFFFFFFu, kNoIndex = 0x7FFFFFFFu;

uint sortKey(float x, bool largest) {
  if (isNan(x)) return kNoKey;
  uint bits = floatBitsToUint(x);
  if (bits == 0x80000000u) bits = 0u;
  const uint ascending = (bits >> 31) != 0u ? ~bits : bits | 0x80000000u;
  return largest ? ~ascending : ascending;
}

bool sortsBefore(uint keyA, uint indexA, uint keyB, uint indexB) {
  return keyA < keyB || (keyA == keyB && indexA < indexB);
}
