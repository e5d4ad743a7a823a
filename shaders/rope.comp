#version 450
// Pairs of elements turned by the position of their token.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 11) const uint kInterleaved = 0;
layout(constant_id = 12) const uint kTogether = 1;
layout(constant_id = 13) const uint kFormats = 0;
#include "halves.glsl"
READS(take, 0)
layout(std430, set = 0, binding = 1) readonly buffer PositionsBuffer { int positions[]; };
layout(std430, set = 0, binding = 2) readonly buffer TurnsBuffer { uvec2 turns[]; };
WRITES(put, 3)
layout(push_constant) uniform Push { RopeParams p; };

// Cosine and sine of the position times a fraction of a whole turn. Not by cos and sin, which drivers may have off by
// 2^-11: integers leave what is past a quarter of a turn, series do the rest.
vec2 cosSin(int position, uvec2 turn) {
  const uint far = uint(abs(position));
  uint high, low;
  umulExtended(far, turn.x, high, low);
  const uint fraction = far * turn.y + high, quarter = (fraction + 0x20000000u) >> 30;
  const float a = float(int(fraction - (quarter << 30))) * 1.4629180792671596e-09;  // 2 pi / 2^32
  const float z = a * a;
  const float s = a + a * z * ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1);
  const float c =
    1.0 - 0.5 * z + z * z * ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2);
  vec2 both = (quarter & 1u) == 0u ? vec2(c, s) : vec2(-s, c);
  if ((quarter & 2u) != 0u) both = -both;
  return position < 0 ? vec2(both.x, -both.y) : both;
}

vec2 turned(vec2 pair, vec2 by) { return vec2(pair.x * by.x - pair.y * by.y, pair.y * by.x + pair.x * by.y); }

void main() {
  const uint half_ = p.d / 2u, items = half_ / kTogether, item = itemIndex(), head = item / items;
  if (head >= p.tokens * p.h) return;
  const uint pair = item % items * kTogether, from = head * p.d;
  const int position = positions[head / p.h];
  const uint a = kInterleaved != 0u ? from + 2u * pair : from + pair, b = kInterleaved != 0u ? a + 1u : a + half_;
  const vec2 first = turned(vec2(take(a), take(b)), cosSin(position, turns[pair]));
  if (kTogether == 1u) {
    put1(a, first.x);
    put1(b, first.y);
    return;
  }
  const uint apart = kInterleaved != 0u ? 2u : 1u;
  const vec2 second = turned(vec2(take(a + apart), take(b + apart)), cosSin(position, turns[pair + 1u]));
  if (kInterleaved != 0u) {
    put4(a / 4u, vec4(first, second));
  } else if (isFloat(3u)) {
    put1(a, first.x);
    put1(a + 1u, second.x);
    put1(b, first.y);
    put1(b + 1u, second.y);
  } else {
    put2(a / 2u, vec2(first.x, second.x));
    put2(b / 2u, vec2(first.y, second.y));
  }
}
