// The loops of code_dots.h over an instruction set that multiplies bytes without sign by bytes with one. To be included
// within each set's namespace and options, after its `Set`.

// No lambdas: they would not have the options of the function they are in.

// Q queries with four rows, and those with themselves.
template <class S, size_t Q>
struct Few {
  typename S::Vector dot[Q + 1][kCodeRows], sum[kCodeRows], square[kCodeRows];

  inline __attribute__((always_inline)) void clear() {
    for (size_t r = 0; r < kCodeRows; ++r) {
      sum[r] = square[r] = S::zero();
      for (size_t q = 0; q != Q; ++q) dot[q][r] = S::zero();
    }
  }
  inline __attribute__((always_inline)) void add(size_t r, typename S::Vector codes, const void* const* queries,
                                                 size_t i) {
    sum[r] = S::dot(sum[r], S::all(0x01010101), codes);
    square[r] = S::dot(square[r], S::with128(codes), codes);
    for (size_t q = 0; q != Q; ++q)
      dot[q][r] = S::dot(dot[q][r], S::load(static_cast<const uint8_t*>(queries[q]) + i), codes);
  }
};

// Four sums of vectors, less what the 128 of the bytes have made of them.
template <class S>
inline void putFour(const typename S::Vector* from, __m128i by128, int32_t* to) {
  const __m128i sums = _mm_sub_epi32(S::sumsOfFour(from[0], from[1], from[2], from[3]), by128);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), sums);
}

template <class S, size_t Q>
inline void dotsOfFew(const int8_t* const* rows, const void* const* queries, size_t d, int32_t* dots, size_t ld,
                      int32_t* sums, int32_t* squares) {
  Few<S, Q> all;
  all.clear();
  size_t i = 0;
  for (; i + S::kBytes <= d; i += S::kBytes)
    for (size_t r = 0; r < kCodeRows; ++r) all.add(r, S::load(rows[r] + i), queries, i);
  if (i < d)
    for (size_t r = 0; r < kCodeRows; ++r) all.add(r, S::loadPart(rows[r] + i, d - i), queries, i);
  putFour<S>(all.sum, _mm_setzero_si128(), sums);
  const __m128i by128 = _mm_slli_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(sums)), 7);
  putFour<S>(all.square, by128, squares);
  for (size_t q = 0; q != Q; ++q) putFour<S>(all.dot[q], by128, dots + q * ld);
}

template <class S>
void few(const int8_t* const* rows, const void* const* queries, size_t count, size_t d, int32_t* dots, size_t ld,
         int32_t* sums, int32_t* squares) {
  switch (count) {
    case 0: return dotsOfFew<S, 0>(rows, queries, d, dots, ld, sums, squares);
    case 1: return dotsOfFew<S, 1>(rows, queries, d, dots, ld, sums, squares);
    case 2: return dotsOfFew<S, 2>(rows, queries, d, dots, ld, sums, squares);
    case 3: return dotsOfFew<S, 3>(rows, queries, d, dots, ld, sums, squares);
    default: return dotsOfFew<S, 4>(rows, queries, d, dots, ld, sums, squares);
  }
}

inline uint32_t wordOf(const int8_t* codes, size_t n) {
  uint32_t word = 0;
  std::memcpy(&word, codes, n);
  return word;
}

// R rows with V vectors of queries.
template <class S, size_t R, size_t V>
inline __attribute__((always_inline)) void panelStep(typename S::Vector (&sum)[R][V], const uint32_t* panel,
                                                     const int8_t* const* rows, size_t i, size_t n) {
  typename S::Vector queries[V];
  for (size_t v = 0; v < V; ++v) queries[v] = S::load(panel + v * (S::kBytes / 4));
  for (size_t r = 0; r < R; ++r) {
    const typename S::Vector codes = S::all(wordOf(rows[r] + i, n));
    for (size_t v = 0; v < V; ++v) sum[r][v] = S::dot(sum[r][v], queries[v], codes);
  }
}

template <class S, size_t R, size_t V>
inline void dotsOfPanel(const int8_t* const* rows, const uint32_t* panel, size_t lanes, size_t d, int32_t* dots) {
  typename S::Vector sum[R][V];
  for (size_t r = 0; r < R; ++r)
    for (size_t v = 0; v < V; ++v) sum[r][v] = S::zero();
  size_t i = 0;
  for (; i + 4 <= d; i += 4, panel += lanes) panelStep<S, R, V>(sum, panel, rows, i, 4);
  if (i < d) panelStep<S, R, V>(sum, panel, rows, i, d - i);
  for (size_t r = 0; r < R; ++r)
    for (size_t v = 0; v < V; ++v) S::store(sum[r][v], dots + r * lanes + v * (S::kBytes / 4));
}

template <class S, size_t V>
inline void dotsOfColumns(const int8_t* const* rows, size_t count, const uint32_t* panel, size_t lanes, size_t d,
                          int32_t* dots) {
  if (count == kPanelRows) return dotsOfPanel<S, kPanelRows, V>(rows, panel, lanes, d, dots);
  for (size_t r = 0; r < count; ++r) dotsOfPanel<S, 1, V>(rows + r, panel, lanes, d, dots + r * lanes);
}

template <class S>
void panels(const int8_t* const* rows, size_t count, const uint32_t* panel, size_t lanes, size_t d, int32_t* dots) {
  constexpr size_t kLanes = S::kBytes / 4;
  size_t lane = 0;
  for (; lane + S::kVectors * kLanes <= lanes; lane += S::kVectors * kLanes)
    dotsOfColumns<S, S::kVectors>(rows, count, panel + lane, lanes, d, dots + lane);
  for (; lane + 2 * kLanes <= lanes; lane += 2 * kLanes)
    dotsOfColumns<S, 2>(rows, count, panel + lane, lanes, d, dots + lane);
  for (; lane < lanes; lane += kLanes) dotsOfColumns<S, 1>(rows, count, panel + lane, lanes, d, dots + lane);
}

template <class S>
CodeDots codeDotsOf(const char* name) {
  return {name, true, few<S>, panels<S>};
}
