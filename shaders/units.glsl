// main() of kernels that move units of 1, 2, 4 or 16 bytes as they are: a unit an item, or of small ones a word. Needs
// kUnit, p.count, `smallFrom(i)`, `wordFrom(i)` and `quadFrom(i)`, which give unit i of out.
uint partOf(uint word, uint unit) {
  return kUnit == 2u ? word >> (16u * (unit & 1u)) & 0xFFFFu : word >> (8u * (unit & 3u)) & 0xFFu;
}
#define UNITS_MAIN(place)                                                                                       \
  layout(std430, set = 0, binding = place) writeonly buffer OutWords { uint outWords[]; };                      \
  layout(std430, set = 0, binding = place) writeonly buffer OutQuads { uvec4 outQuads[]; };                     \
  void main() {                                                                                                 \
    const uint item = itemIndex();                                                                              \
    if (kUnit >= 4u) {                                                                                          \
      if (item >= p.count) return;                                                                              \
      if (kUnit == 16u) outQuads[item] = quadFrom(item);                                                        \
      else outWords[item] = wordFrom(item);                                                                     \
      return;                                                                                                   \
    }                                                                                                           \
    const uint units = 4u / kUnit, first = item * units;                                                        \
    if (first >= p.count) return;                                                                               \
    uint word = 0u;                                                                                             \
    for (uint i = 0; i < units && first + i < p.count; ++i) word |= smallFrom(first + i) << (8u * kUnit * i);   \
    outWords[item] = word;                                                                                      \
  }
