// A segment of a row of candidates as sort keys, alone or four neighbours at once. Needs the constants kFromValues,
// kRowsOfFours and kFormats, `take` of binding 0, sort.glsl, and p.largest.
uint first, base, count;  // the segment: its first candidate in the row, in the buffer, and how many

uint keyAt(uint at) {
  return kFromValues != 0u ? sortKey(take(base + at), p.largest != 0u) : takeWords[base + at];
}

// kNoKey past the end.
uvec4 keysAt(uint quad) {
  uvec4 key = uvec4(kNoKey);
  if (kFromValues != 0u && kRowsOfFours != 0u) {
    if (4u * quad < count) key = sortKeys(take4(base / 4u + quad), p.largest != 0u);
  } else {
    [[unroll]] for (uint c = 0u; c < 4u; ++c)
      if (4u * quad + c < count) key[c] = keyAt(4u * quad + c);
  }
  return key;
}
