// What the kernels of force-layout share: the square that the nodes lie in, the grid's levels, complex numbers.
// Needs a push constant block `p` of LayoutParams.

// As CUDA's sortKey without NaN: the order of floats as that of uints.
uint orderOf(float x) {
  const uint bits = floatBitsToUint(x);
  return (bits & 0x80000000u) != 0u ? ~bits : bits | 0x80000000u;
}
float ofOrder(uint key) { return uintBitsToFloat((key & 0x80000000u) != 0u ? key & 0x7FFFFFFFu : ~key); }

uint listAt(uint node) { return kLayoutMoved + p.n + node; }
uint pullAt(uint node) { return kLayoutMoved + 2u * p.n + 2u * node; }
// count, list, and of the nodes past the cap: mass, mass * x, mass * y
uint cellAt(uint cell) { return kLayoutMoved + 4u * p.n + 5u * cell; }

uint cellsAbove(uint level) { return ((1u << (2u * level)) - (1u << (2u * kLayoutTop))) / 3u; }
uint cellsOf(uint level) { return 1u << (2u * level); }

struct Square {
  vec2 origin;
  float side;
};
Square squareOf(uvec4 bounds) {
  const vec2 low = vec2(ofOrder(bounds.x), ofOrder(bounds.y)), high = vec2(ofOrder(bounds.z), ofOrder(bounds.w));
  const vec2 extent = high - low, far = max(abs(low), abs(high));
  const float least = max(1e-3 * p.natural, 1e-5 * max(far.x, far.y));
  const float side = max(1.0001 * max(extent.x, extent.y), least);
  return Square(0.5 * low + 0.5 * high - 0.5 * side, side);
}
#define SQUARE(words) \
  squareOf(uvec4(words[4u * p.parity], words[4u * p.parity + 1u], words[4u * p.parity + 2u], words[4u * p.parity + 3u]))

// In finest cells from the square's corner, and the cell there.
vec2 gridPlace(Square s, vec2 at) { return (at - s.origin) * (float(1u << p.level) / s.side); }
uvec2 cellOf(vec2 place) { return uvec2(clamp(ivec2(floor(place)), ivec2(0), ivec2((1 << p.level) - 1))); }

// Sums of masses in a full cell: the whole graph, whose mass is n, is 2^30.
int fixedMass(float mass) { return int(round(mass * (1073741824.0 / float(p.n)))); }

// From -0.5 to 0.5 in both directions, another for each node: what parts nodes that lie on one another.
vec2 jitterOf(uint node) {
  uint x = node * 747796405u + 2891336453u;
  x = ((x >> ((x >> 28u) + 4u)) ^ x) * 277803737u;
  x = (x >> 22u) ^ x;
  return vec2(float(x & 0xFFFFu), float(x >> 16u)) / 65535.0 - 0.5;
}

vec2 times(vec2 a, vec2 b) { return vec2(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x); }
