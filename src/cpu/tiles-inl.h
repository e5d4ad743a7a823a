// The loops of tiles.h over what an instruction set says of itself. Included within a namespace, once for each set, and
// compiled for it: `Set` has a vector of words and what is done with it.
// NOLINT: no include guard, on purpose.

template <class Set, size_t kRows>
void multiplyRows(const uint32_t* a, size_t ldA, const uint32_t* b, size_t words, void* acc, size_t ldAcc, bool add) {
  using V = typename Set::Vector;
  constexpr size_t kLanesOf = Set::kWords;
  uint32_t* const to = static_cast<uint32_t*>(acc);
  V sums[kRows][2];
#pragma GCC unroll 16
  for (size_t r = 0; r < kRows; ++r) sums[r][0] = sums[r][1] = Set::zero();
#pragma GCC unroll 8
  for (size_t w = 0; w < words; ++w, b += 2 * kLanesOf) {
    const V low = Set::load(b), high = Set::load(b + kLanesOf);
    const uint32_t* from = a + w;
#pragma GCC unroll 16
    for (size_t r = 0; r < kRows; ++r) {
      const V x = Set::broadcast(from + r * ldA);
      sums[r][0] = Set::dot(sums[r][0], x, low);
      sums[r][1] = Set::dot(sums[r][1], x, high);
    }
  }
#pragma GCC unroll 16
  for (size_t r = 0; r < kRows; ++r) {
    uint32_t* const row = to + r * ldAcc;
    Set::store(add ? Set::plus(sums[r][0], Set::load(row)) : sums[r][0], row);
    Set::store(add ? Set::plus(sums[r][1], Set::load(row + kLanesOf)) : sums[r][1], row + kLanesOf);
  }
}

template <class Set, size_t kRows>
void multiplyUpTo(size_t rows, const uint32_t* a, size_t ldA, const uint32_t* b, size_t words, void* acc, size_t ldAcc,
                  bool add) {
  if (rows == kRows) return multiplyRows<Set, kRows>(a, ldA, b, words, acc, ldAcc, add);
  if constexpr (kRows > 1) multiplyUpTo<Set, kRows - 1>(rows, a, ldA, b, words, acc, ldAcc, add);
}

template <class Set, size_t kRows>
void dotRows(const uint32_t* a, size_t ldA, const uint32_t* const* b, size_t words, void* acc, size_t ldAcc, bool add) {
  using V = typename Set::Vector;
  const uint32_t *const b0 = b[0], *const b1 = b[1], *const b2 = b[2], *const b3 = b[3];
  V sums[kRows][4], shift[4];
#pragma GCC unroll 4
  for (size_t r = 0; r < kRows; ++r) sums[r][0] = sums[r][1] = sums[r][2] = sums[r][3] = Set::zero();
  shift[0] = shift[1] = shift[2] = shift[3] = Set::zero();
  for (size_t w = 0; w < words; w += Set::kWords) {
    const V y0 = Set::load(b0 + w), y1 = Set::load(b1 + w), y2 = Set::load(b2 + w), y3 = Set::load(b3 + w);
    if constexpr (Set::kUnsignedA) {
      shift[0] = Set::dotOnes(shift[0], y0), shift[1] = Set::dotOnes(shift[1], y1);
      shift[2] = Set::dotOnes(shift[2], y2), shift[3] = Set::dotOnes(shift[3], y3);
    }
#pragma GCC unroll 4
    for (size_t r = 0; r < kRows; ++r) {
      const V x = Set::load(a + r * ldA + w);
      sums[r][0] = Set::dot(sums[r][0], x, y0), sums[r][1] = Set::dot(sums[r][1], x, y1);
      sums[r][2] = Set::dot(sums[r][2], x, y2), sums[r][3] = Set::dot(sums[r][3], x, y3);
    }
  }
#pragma GCC unroll 4
  for (size_t r = 0; r < kRows; ++r) {
    if constexpr (Set::kUnsignedA) {
#pragma GCC unroll 4
      for (size_t c = 0; c < 4; ++c) sums[r][c] = Set::without128(sums[r][c], shift[c]);
    }
    Set::storeFour(sums[r][0], sums[r][1], sums[r][2], sums[r][3], static_cast<uint32_t*>(acc) + r * ldAcc, add);
  }
}

template <class Set>
void dotsOf(size_t rows, const uint32_t* a, size_t ldA, const uint32_t* const* b, size_t words, void* acc, size_t ldAcc,
            bool add) {
  if (rows == 1) return dotRows<Set, 1>(a, ldA, b, words, acc, ldAcc, add);
  if constexpr (Set::kDotRows > 2) {
    if (rows == 4) return dotRows<Set, 4>(a, ldA, b, words, acc, ldAcc, add);
    if (rows == 3) return dotRows<Set, 3>(a, ldA, b, words, acc, ldAcc, add);
  }
  dotRows<Set, 2>(a, ldA, b, words, acc, ldAcc, add);
}

template <class Set>
TileKernel tilesOf(Words words, const char* name) {
  TileKernel made;
  made.words = words, made.name = name;
  made.rows = Set::kRows, made.columns = 2 * Set::kWords, made.dotStep = Set::kWords, made.dotRows = Set::kDotRows;
  made.unsignedTiles = made.unsignedDots = Set::kUnsignedA;
  made.multiply = multiplyUpTo<Set, Set::kRows>;
  made.dots = dotsOf<Set>;
  return made;
}
