// One digit of (key, index) of a segment's candidates (kernels.def, top_k_histogram). Needs top_k.glsl.
bool isOfKey(uint digit) { return digit < 3u; }
uint shiftOf(uint digit) {
  return digit == 0u ? 21u : digit == 1u ? 10u : digit == 3u ? 20u : digit == 4u ? 9u : 0u;
}
// What is above the digit, as a number: equal where all higher digits of the same word are.
uint above(uint word, uint digit) {
  return digit == 0u || digit == 3u ? 0u : word >> (digit == 1u ? 21u : digit == 2u ? 10u : digit == 4u ? 20u : 9u);
}
uint digitOf(uint word, uint digit) {
  return (word >> shiftOf(digit)) & (digit == 2u ? 0x3FFu : digit == 5u ? 0x1FFu : 0x7FFu);
}

void setSegment() {
  const uint unit = groupIndex(), row = unit / p.segments;
  first = unit % p.segments * p.segment;
  base = row * p.d + first;
  count = min(p.segment, p.d - first);
}
