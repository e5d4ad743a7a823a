// Parts of long rows, a group each, those of a row side by side. Needs rows, d and part in p.
struct Part {
  uint row, from, count;  // `from` counts elements of all rows
};
Part partOf(uint unit) {
  const uint parts = (p.d + p.part - 1u) / p.part, row = unit / parts, begin = unit % parts * p.part;
  return Part(row, row * p.d + begin, min(p.part, p.d - begin));
}
