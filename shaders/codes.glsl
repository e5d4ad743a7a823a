// Codes of 8 and 4 bits, low ones first in their word, as floats.
float code8(uint word, uint i) { return float(bitfieldExtract(int(word), int(8u * (i & 3u)), 8)); }
vec4 fourCodes8(uint word) {
  const int w = int(word);
  return vec4(ivec4(w << 24, w << 16, w << 8, w) >> 24);
}
vec4 fourCodes4(uint bits) {
  const int w = int(bits);
  return vec4(ivec4(w << 28, w << 24, w << 20, w << 16) >> 28);
}
