// Sorting in shared memory, ascending by (key, index). Needs the arrays `keys` and `indices`, and W and LANE.
void synchronize() {
  if (W > gl_SubgroupSize) barrier();
  else subgroupBarrier();
}

#define EXCHANGE(e, s, up)                                                                        \
  {                                                                                               \
    const bool swaps = sortsBefore(key[e + s], index[e + s], key[e], index[e]) == (up);           \
    const uint lowKey = key[e], lowIndex = index[e];                                              \
    key[e] = swaps ? key[e + s] : lowKey;                                                         \
    index[e] = swaps ? index[e + s] : lowIndex;                                                   \
    key[e + s] = swaps ? lowKey : key[e + s];                                                     \
    index[e + s] = swaps ? lowIndex : index[e + s];                                               \
  }
// N elements, `apart`, in registers: several steps for one trip through memory, which is what a step costs.
#define LOADED(N, at, apart)                                                                      \
  uint key[N], index[N];                                                                          \
  [[unroll]] for (uint e = 0u; e < N; ++e) {                                                      \
    key[e] = keys[at + e * apart];                                                                \
    index[e] = indices[at + e * apart];                                                           \
  }
#define STORED(N, at, apart)                                                                      \
  [[unroll]] for (uint e = 0u; e < N; ++e) {                                                      \
    keys[at + e * apart] = key[e];                                                                \
    indices[at + e * apart] = index[e];                                                           \
  }

// The steps of one size with the strides `stride`, stride / 2, ... of N elements, over `length` elements, of which the
// first is the one at `from` of what is sorted.
#define SORT_STEPS(name, N)                                                                       \
  void name(uint length, uint size, uint stride, uint from) {                                     \
    const uint apart = stride / (N / 2u);                                                         \
    for (uint item = LANE; item < length / N; item += W) {                                        \
      const uint at = (item & ~(apart - 1u)) * N + (item & (apart - 1u));                         \
      const bool up = ((from + at) & size) == 0u;                                                 \
      LOADED(N, at, apart)                                                                        \
      [[unroll]] for (uint s = N / 2u; s > 0u; s /= 2u)                                           \
        [[unroll]] for (uint e = 0u; e < N; ++e)                                                  \
          if ((e & s) == 0u) EXCHANGE(e, s, up)                                                   \
      STORED(N, at, apart)                                                                        \
    }                                                                                             \
    synchronize();                                                                                \
  }
SORT_STEPS(sortSteps1, 2u)
SORT_STEPS(sortSteps2, 4u)
SORT_STEPS(sortSteps3, 8u)

// All steps of the sizes 2, 4 and 8.
void sortEights(uint length, uint from) {
  for (uint item = LANE; item < length / 8u; item += W) {
    const uint at = 8u * item;
    const bool up = ((from + at) & 8u) == 0u;
    LOADED(8u, at, 1u)
    [[unroll]] for (uint size = 2u; size <= 8u; size *= 2u)
      [[unroll]] for (uint s = size / 2u; s > 0u; s /= 2u)
        [[unroll]] for (uint e = 0u; e < 8u; ++e)
          if ((e & s) == 0u) EXCHANGE(e, s, size == 8u ? up : (e & size) == 0u)
    STORED(8u, at, 1u)
  }
  synchronize();
}

// The steps of one size, 16 at least, whose strides are `stride` and less, 4 at least.
void sortSize(uint length, uint size, uint stride, uint from) {
  const uint rest = uint(findMSB(stride) + 1) % 3u;  // three steps at a time are what follows
  if (rest == 1u) {
    sortSteps1(length, size, stride, from);
    stride /= 2u;
  } else if (rest == 2u) {
    sortSteps2(length, size, stride, from);
    stride /= 4u;
  }
  for (; stride > 0u; stride /= 8u) sortSteps3(length, size, stride, from);
}

// The first `length`, a power of two, 8 at least.
void sortShared(uint length) {
  sortEights(length, 0u);
  for (uint size = 16u; size <= length; size *= 2u) sortSize(length, size, size / 2u, 0u);
}
