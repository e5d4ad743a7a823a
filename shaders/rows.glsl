// Loops over a row of p.d elements, four at a time a thread: one vec4 where rows are whole fours, else four single ones
// a stride apart. Needs `inp` and `inp4` (one binding seen as float and as vec4) and, to write, `outp` and `outp4`.
// Mesa's software driver cuts a thread off after 65,535 turns of its loops, all together (vulkan/loops.h): long rows
// get a large group, and turns that are unrolled. The longest row that such a driver binds takes 8,192 turns.
#define W gl_WorkGroupSize.x
#define LANE gl_LocalInvocationID.x
const uint kTurnsAtOnce = 4;
#define TURNS_AT_ONCE (W > gl_SubgroupSize ? kTurnsAtOnce : 1u)
#define EACH_TURN(turn, d)                                                                                             \
  for (uint turn##0 = 0, turn##End = (d + 4u * W - 1u) / (4u * W); turn##0 < turn##End; turn##0 += TURNS_AT_ONCE)      \
    [[unroll]] for (uint turn##1 = 0, turn = turn##0; turn##1 < kTurnsAtOnce; ++turn##1, ++turn)                       \
      if (turn##1 < TURNS_AT_ONCE)

uint quadOf(uint turn) { return turn * W + LANE; }
uvec4 columnsOf(uint turn) {
  if (kRowsOfFours != 0u) return 4u * quadOf(turn) + uvec4(0, 1, 2, 3);
  const uint first = turn * 4u * W + LANE, second = first + W, third = second + W;
  return uvec4(first, second, third, third + W);
}

// The four elements of this turn; past the end of the row, `neutral`.
#define ROW_LOAD(name, buffer1, buffer4)                                                  \
  vec4 name(uint from, uint turn, uint d, float neutral) {                                \
    vec4 x = vec4(neutral);                                                               \
    if (kRowsOfFours != 0u) {                                                             \
      const uint quad = quadOf(turn);                                                     \
      if (quad < d / 4u) x = buffer4[from / 4u + quad];                                   \
    } else {                                                                              \
      const uvec4 c = columnsOf(turn);                                                    \
      if (c.x < d) x.x = buffer1[from + c.x];                                             \
      if (c.y < d) x.y = buffer1[from + c.y];                                             \
      if (c.z < d) x.z = buffer1[from + c.z];                                             \
      if (c.w < d) x.w = buffer1[from + c.w];                                             \
    }                                                                                     \
    return x;                                                                             \
  }
#define ROW_STORE(name, buffer1, buffer4)                                                 \
  void name(uint from, uint turn, uint d, vec4 y) {                                       \
    if (kRowsOfFours != 0u) {                                                             \
      const uint quad = quadOf(turn);                                                     \
      if (quad < d / 4u) buffer4[from / 4u + quad] = y;                                   \
    } else {                                                                              \
      const uvec4 c = columnsOf(turn);                                                    \
      if (c.x < d) buffer1[from + c.x] = y.x;                                             \
      if (c.y < d) buffer1[from + c.y] = y.y;                                             \
      if (c.z < d) buffer1[from + c.z] = y.z;                                             \
      if (c.w < d) buffer1[from + c.w] = y.w;                                             \
    }                                                                                     \
  }

// The same of a buffer of halves.glsl. What is written is float32, or of whole fours.
#define ROW_READ(name, buffer)                                                                                         \
  vec4 name(uint from, uint turn, uint d, float neutral) {                                                             \
    vec4 x = vec4(neutral);                                                                                            \
    if (kRowsOfFours != 0u) {                                                                                          \
      const uint quad = quadOf(turn);                                                                                  \
      if (quad < d / 4u) x = buffer##4(from / 4u + quad);                                                              \
    } else {                                                                                                           \
      const uvec4 c = columnsOf(turn);                                                                                 \
      if (c.x < d) x.x = buffer(from + c.x);                                                                           \
      if (c.y < d) x.y = buffer(from + c.y);                                                                           \
      if (c.z < d) x.z = buffer(from + c.z);                                                                           \
      if (c.w < d) x.w = buffer(from + c.w);                                                                           \
    }                                                                                                                  \
    return x;                                                                                                          \
  }
#define ROW_WRITE(name, buffer)                                                                                        \
  void name(uint from, uint turn, uint d, vec4 y) {                                                                    \
    if (kRowsOfFours != 0u) {                                                                                          \
      const uint quad = quadOf(turn);                                                                                  \
      if (quad < d / 4u) buffer##4(from / 4u + quad, y);                                                               \
    } else {                                                                                                           \
      const uvec4 c = columnsOf(turn);                                                                                 \
      if (c.x < d) buffer##1(from + c.x, y.x);                                                                         \
      if (c.y < d) buffer##1(from + c.y, y.y);                                                                         \
      if (c.z < d) buffer##1(from + c.z, y.z);                                                                         \
      if (c.w < d) buffer##1(from + c.w, y.w);                                                                         \
    }                                                                                                                  \
  }

// A sum in blocks, so that its error grows with the number of blocks and not of elements.
struct Sum {
  vec4 total, part;
};
Sum sumOfNone() { return Sum(vec4(0.0), vec4(0.0)); }
void addTo(inout Sum s, uint turn, vec4 x) {
  s.part += x;
  if ((turn & 31u) == 31u) {
    s.total += s.part;
    s.part = vec4(0.0);
  }
}
float over(vec4 v) { return (v.x + v.y) + (v.z + v.w); }
float sumOf(Sum s) { return groupSum(over(s.total + s.part)); }

vec4 larger(vec4 best, vec4 x) { return mix(best, x, greaterThan(x, best)); }  // keeps `best` where x is NaN
float largestOf(vec4 best) {
  const vec2 two = vec2(joinMax(best.x, best.z), joinMax(best.y, best.w));
  return groupMax(joinMax(two.x, two.y));
}
bool anyNan(vec4 x) { return isNan(x.x) || isNan(x.y) || isNan(x.z) || isNan(x.w); }
