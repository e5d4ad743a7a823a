// The loops of code_dots.h over an instruction set that multiplies bytes without sign by bytes with one. To be included
// within each set's namespace and options, after its `Set`.

// No lambdas, which would not have the options of the function they are in, and loops that are unrolled before anything
// else is done to them, or sums would not stay in registers.

#ifndef SWITCHYARD_PANELS_ALONE

// Four sums of vectors, less what the 128 of the bytes have made of them.
template <class S>
inline __attribute__((always_inline)) void putFour(const typename S::Vector* from, __m128i by128, int32_t* to) {
  const __m128i sums = _mm_sub_epi32(S::sumsOfFour(from[0], from[1], from[2], from[3]), by128);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), sums);
}

// Q queries with four rows, and those with themselves.
template <class S, size_t Q>
inline void dotsOfFew(const int8_t* const* rows, size_t ahead, const void* const* queries, size_t d, int32_t* dots,
                      size_t ld, int32_t* sums, int32_t* squares) {
  using V = typename S::Vector;
  V dot[Q + 1][kCodeRows], sum[kCodeRows], square[kCodeRows];
#pragma GCC unroll 4
  for (size_t r = 0; r < kCodeRows; ++r) {
    sum[r] = S::zero(), square[r] = S::zero();
#pragma GCC unroll 5
    for (size_t q = 0; q <= Q; ++q) dot[q][r] = S::zero();
  }
  const V ones = S::all(0x01010101);
  for (size_t i = 0; i < d; i += S::kBytes) {
    const size_t left = d - i;
#pragma GCC unroll 4
    for (size_t r = 0; r < kCodeRows; ++r) {
      const V codes = left >= S::kBytes ? S::load(rows[r] + i) : S::loadPart(rows[r] + i, left);
      __builtin_prefetch(rows[r] + i + ahead);
      sum[r] = S::dot(sum[r], ones, codes);
      square[r] = S::dot(square[r], S::with128(codes), codes);
#pragma GCC unroll 5
      for (size_t q = 0; q != Q; ++q)
        dot[q][r] = S::dot(dot[q][r], S::load(static_cast<const uint8_t*>(queries[q]) + i), codes);
    }
  }
  putFour<S>(sum, _mm_setzero_si128(), sums);
  const __m128i by128 = _mm_slli_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(sums)), 7);
  putFour<S>(square, by128, squares);
#pragma GCC unroll 5
  for (size_t q = 0; q != Q; ++q) putFour<S>(dot[q], by128, dots + q * ld);
}

template <class S>
void few(const int8_t* const* rows, size_t ahead, const void* const* queries, size_t count, size_t d, int32_t* dots,
         size_t ld, int32_t* sums, int32_t* squares) {
  switch (count) {
    case 0: return dotsOfFew<S, 0>(rows, ahead, queries, d, dots, ld, sums, squares);
    case 1: return dotsOfFew<S, 1>(rows, ahead, queries, d, dots, ld, sums, squares);
    case 2: return dotsOfFew<S, 2>(rows, ahead, queries, d, dots, ld, sums, squares);
    case 3: return dotsOfFew<S, 3>(rows, ahead, queries, d, dots, ld, sums, squares);
    default: return dotsOfFew<S, 4>(rows, ahead, queries, d, dots, ld, sums, squares);
  }
}

#endif

inline uint32_t wordOf(const int8_t* codes) {
  uint32_t word;
  std::memcpy(&word, codes, sizeof word);
  return word;
}

// R rows with V vectors of queries, all whole words. Unrolled before anything else is done to it, or the sums would not
// stay in registers. A pointer for three rows, whose addresses take no register of their own. Meanwhile `step` bytes of
// `ahead` are fetched for each word: all at once would wait for each other.
template <class S, size_t R, size_t V>
inline void dotsOfPanel(const int8_t* rows, size_t stride, const uint32_t* panel, size_t lanes, size_t d,
                        const int8_t* ahead, size_t step, int32_t* dots) {
  static_assert(V <= 2);
  constexpr size_t kLanes = S::kBytes / 4, kThrees = (R + 2) / 3;
  typename S::Vector sum[R][V];
  const int8_t* row[kThrees];
#pragma GCC unroll 16
  for (size_t r = 0; r < R; ++r) sum[r][0] = S::zero(), sum[r][V - 1] = S::zero();
#pragma GCC unroll 16
  for (size_t t = 0; t < kThrees; ++t) row[t] = rows + 3 * t * stride;
  for (size_t i = 0; i + 4 <= d; i += 4, panel += lanes, ahead += step) {
    const typename S::Vector low = S::load(panel), high = S::load(panel + (V - 1) * kLanes);
    __builtin_prefetch(ahead, 0, 2);  // into the second-level cache: the panel fills the first
#pragma GCC unroll 16
    for (size_t r = 0; r < R; ++r) {
      const typename S::Vector codes = S::all(wordOf(row[r / 3] + r % 3 * stride));
      sum[r][0] = S::dot(sum[r][0], low, codes);
      if constexpr (V > 1) sum[r][1] = S::dot(sum[r][1], high, codes);
    }
#pragma GCC unroll 16
    for (size_t t = 0; t < kThrees; ++t) row[t] += 4;
  }
#pragma GCC unroll 16
  for (size_t r = 0; r < R; ++r) {
    S::store(sum[r][0], dots + r * lanes);
    if constexpr (V > 1) S::store(sum[r][1], dots + r * lanes + kLanes);
  }
}

template <class S, size_t V>
inline void dotsOfColumns(const int8_t* rows, size_t count, const uint32_t* panel, size_t lanes, size_t d,
                          const int8_t* ahead, size_t step, int32_t* dots) {
  size_t r = 0;
  for (; r + S::kRows <= count; r += S::kRows, ahead += step * (d / 4))
    dotsOfPanel<S, S::kRows, V>(rows + r * d, d, panel, lanes, d, ahead, step, dots + r * lanes);
  for (; r < count; ++r) dotsOfPanel<S, 1, V>(rows + r * d, d, panel, lanes, d, ahead, 0, dots + r * lanes);
}

template <class S>
void panels(const int8_t* rows, size_t count, const uint32_t* panel, size_t lanes, size_t d, const int8_t* ahead,
            int32_t* dots) {
  constexpr size_t kLanes = S::kBytes / 4;
  // What this many rows are, by equal parts for each word of each column of the panel.
  const size_t columns = (lanes + 2 * kLanes - 1) / (2 * kLanes), step = (4 * S::kRows + columns - 1) / columns;
  const size_t part = step * (d / 4) * (count / S::kRows);
  size_t lane = 0;
  for (; lane + 2 * kLanes <= lanes; lane += 2 * kLanes, ahead += part)
    dotsOfColumns<S, 2>(rows, count, panel + lane, lanes, d, ahead, step, dots + lane);
  for (; lane < lanes; lane += kLanes)
    dotsOfColumns<S, 1>(rows, count, panel + lane, lanes, d, ahead, step, dots + lane);
  // The last word, where it is not whole.
  const auto* const bytes = reinterpret_cast<const typename S::Query*>(panel + d / 4 * lanes);
  for (size_t i = d / 4 * 4; i < d; ++i)
    for (size_t r = 0; r < count; ++r)
      for (size_t q = 0; q < lanes; ++q) dots[r * lanes + q] += rows[r * d + i] * bytes[q * 4 + i % 4];
}

#ifndef SWITCHYARD_PANELS_ALONE
template <class S>
CodeDots codeDotsOf(const char* name) {
  return {name, true, few<S>, panels<S>};
}
#endif
