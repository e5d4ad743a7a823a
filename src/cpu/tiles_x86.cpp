// Tiles by AVX512-BF16, AVX512-VNNI, AVX-VNNI and AMX.
#include "cpu/tiles_x86.h"

#include "cpu/simd.h"
#include "hwy/detect_targets.h"

#if HWY_ARCH_X86

#include <immintrin.h>

namespace switchyard::cpu {

// False alarms of g++ 12 in its own headers.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx512vnni")
namespace sets512 {
namespace {

#include "cpu/tiles-inl.h"

struct Set512 {
  using Vector = __m512i;
  static constexpr size_t kWords = 16, kRows = 12, kDotRows = 4;
  static Vector zero() { return _mm512_setzero_si512(); }
  static Vector load(const uint32_t* from) { return _mm512_loadu_si512(from); }
  static Vector broadcast(const uint32_t* from) { return _mm512_set1_epi32(static_cast<int>(*from)); }
  static void store(Vector v, uint32_t* to) { _mm512_storeu_si512(to, v); }
};

struct BfloatSet : Set512 {
  static constexpr bool kUnsignedA = false;
  static Vector plus(Vector x, Vector y) {
    return _mm512_castps_si512(_mm512_add_ps(_mm512_castsi512_ps(x), _mm512_castsi512_ps(y)));
  }
  static Vector dot(Vector sum, Vector x, Vector y) {
    return _mm512_castps_si512(_mm512_dpbf16_ps(_mm512_castsi512_ps(sum), (__m512bh)x, (__m512bh)y));
  }
  static __m512 pairs(Vector x, Vector y) {
    const __m512 a = _mm512_castsi512_ps(x), b = _mm512_castsi512_ps(y);
    return _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  }
  static void storeFour(Vector a, Vector b, Vector c, Vector d, uint32_t* to, bool add) {
    const __m512d ab = _mm512_castps_pd(pairs(a, b)), cd = _mm512_castps_pd(pairs(c, d));
    const __m512 all =
        _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd)), _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd)));
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
    __m128 sums = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    float* const floats = reinterpret_cast<float*>(to);
    if (add) sums = _mm_add_ps(sums, _mm_loadu_ps(floats));
    _mm_storeu_ps(floats, sums);
  }
};

struct VnniSet : Set512 {
  static constexpr bool kUnsignedA = true;
  static Vector plus(Vector x, Vector y) { return _mm512_add_epi32(x, y); }
  static Vector dot(Vector sum, Vector x, Vector y) { return _mm512_dpbusd_epi32(sum, x, y); }
  static Vector dotOnes(Vector sum, Vector y) { return _mm512_dpbusd_epi32(sum, _mm512_set1_epi8(1), y); }
  static Vector without128(Vector sum, Vector ones) { return _mm512_sub_epi32(sum, _mm512_slli_epi32(ones, 7)); }
  static void storeFour(Vector a, Vector b, Vector c, Vector d, uint32_t* to, bool add) {
    const Vector ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    const Vector cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    const Vector all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
    __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    __m128i* const four = reinterpret_cast<__m128i*>(to);
    if (add) sums = _mm_add_epi32(sums, _mm_loadu_si128(four));
    _mm_storeu_si128(four, sums);
  }
};

}  // namespace
TileKernel bfloats() { return tilesOf<BfloatSet>(Words::Bfloat16, "AVX512-BF16"); }
TileKernel integers() { return tilesOf<VnniSet>(Words::Int8, "AVX512-VNNI"); }
}  // namespace sets512
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma,avxvnni")
namespace sets256 {
namespace {

#include "cpu/tiles-inl.h"

struct VnniSet {
  using Vector = __m256i;
  static constexpr size_t kWords = 8, kRows = 6, kDotRows = 2;
  static constexpr bool kUnsignedA = true;
  static const __m256i* at(const uint32_t* from) { return reinterpret_cast<const __m256i*>(from); }
  static Vector zero() { return _mm256_setzero_si256(); }
  static Vector load(const uint32_t* from) { return _mm256_loadu_si256(at(from)); }
  static Vector broadcast(const uint32_t* from) { return _mm256_set1_epi32(static_cast<int>(*from)); }
  static void store(Vector v, uint32_t* to) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), v); }
  static Vector plus(Vector x, Vector y) { return _mm256_add_epi32(x, y); }
  static Vector dot(Vector sum, Vector x, Vector y) { return _mm256_dpbusd_avx_epi32(sum, x, y); }
  static Vector dotOnes(Vector sum, Vector y) { return _mm256_dpbusd_avx_epi32(sum, _mm256_set1_epi8(1), y); }
  static Vector without128(Vector sum, Vector ones) { return _mm256_sub_epi32(sum, _mm256_slli_epi32(ones, 7)); }
  static void storeFour(Vector a, Vector b, Vector c, Vector d, uint32_t* to, bool add) {
    const Vector ab = _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    const Vector cd = _mm256_add_epi32(_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
    const Vector all = _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
    __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
    __m128i* const four = reinterpret_cast<__m128i*>(to);
    if (add) sums = _mm_add_epi32(sums, _mm_loadu_si128(four));
    _mm_storeu_si128(four, sums);
  }
};

}  // namespace
TileKernel integers() { return tilesOf<VnniSet>(Words::Int8, "AVX-VNNI"); }
}  // namespace sets256
#pragma GCC pop_options

// ---- AMX: tiles of 16 rows of 64 bytes, two by two of them

#pragma GCC push_options
#pragma GCC target("amx-tile,amx-int8,amx-bf16,avx512f")
namespace amx {
namespace {

constexpr size_t kRows = 32, kColumns = 32, kStep = 16;

struct alignas(64) Config {
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(Config) == 64);

// Tiles 0 to 3 are the sums, 4 and 5 of a, 6 and 7 of b. Rows past `rows` are read (memory that is there) and written.
#define SWITCHYARD_AMX_TILES(name, product)                                                                       \
  void name(size_t rows, const uint32_t* a, size_t ldA, const uint32_t* b, size_t words, void* acc, size_t ldAcc, \
            bool add) {                                                                                           \
    static const Config config;                                                                                   \
    _tile_loadconfig(&config);                                                                                    \
    uint32_t* const to = static_cast<uint32_t*>(acc);                                                             \
    const bool second = rows > 16;                                                                                \
    const int strideAcc = static_cast<int>(ldAcc * 4), strideA = static_cast<int>(ldA * 4);                       \
    if (add) {                                                                                                    \
      _tile_loadd(0, to, strideAcc);                                                                              \
      _tile_loadd(1, to + 16, strideAcc);                                                                         \
      if (second) _tile_loadd(2, to + 16 * ldAcc, strideAcc);                                                     \
      if (second) _tile_loadd(3, to + 16 * ldAcc + 16, strideAcc);                                                \
    } else {                                                                                                      \
      _tile_zero(0);                                                                                              \
      _tile_zero(1);                                                                                              \
      _tile_zero(2);                                                                                              \
      _tile_zero(3);                                                                                              \
    }                                                                                                             \
    for (size_t w = 0; w < words; w += kStep, b += kStep * kColumns) {                                            \
      _tile_loadd(6, b, kColumns * 4);                                                                            \
      _tile_loadd(7, b + 16, kColumns * 4);                                                                       \
      _tile_loadd(4, a + w, strideA);                                                                             \
      product(0, 4, 6);                                                                                           \
      product(1, 4, 7);                                                                                           \
      if (!second) continue;                                                                                      \
      _tile_loadd(5, a + 16 * ldA + w, strideA);                                                                  \
      product(2, 5, 6);                                                                                           \
      product(3, 5, 7);                                                                                           \
    }                                                                                                             \
    _tile_stored(0, to, strideAcc);                                                                               \
    _tile_stored(1, to + 16, strideAcc);                                                                          \
    if (second) _tile_stored(2, to + 16 * ldAcc, strideAcc);                                                      \
    if (second) _tile_stored(3, to + 16 * ldAcc + 16, strideAcc);                                                 \
    _tile_release();                                                                                              \
  }
SWITCHYARD_AMX_TILES(multiplyBfloats, _tile_dpbf16ps)
SWITCHYARD_AMX_TILES(multiplyIntegers, _tile_dpbssd)
#undef SWITCHYARD_AMX_TILES

}  // namespace
}  // namespace amx
#pragma GCC pop_options

TileKernel bfloat512Tiles() { return sets512::bfloats(); }
TileKernel vnni512Tiles() { return sets512::integers(); }
TileKernel vnni256Tiles() { return sets256::integers(); }

namespace {

TileKernel withAmx(TileKernel base, const char* name, decltype(TileKernel::multiply) multiply) {
  base.name = name;
  base.rows = amx::kRows, base.columns = amx::kColumns, base.step = amx::kStep;
  base.unsignedTiles = false;
  base.multiply = multiply;
  return base;
}

}  // namespace

// Of AMX the tiles alone: the dots are those of AVX-512. Its int8 are signed on both sides.
TileKernel amxBfloatTiles() { return withAmx(sets512::bfloats(), "AMX-BF16", amx::multiplyBfloats); }
TileKernel amxIntegerTiles() { return withAmx(sets512::integers(), "AMX-INT8", amx::multiplyIntegers); }

}  // namespace switchyard::cpu

#else

namespace switchyard::cpu {

TileKernel bfloat512Tiles() { return {}; }
TileKernel vnni512Tiles() { return {}; }
TileKernel vnni256Tiles() { return {}; }
TileKernel amxBfloatTiles() { return {}; }
TileKernel amxIntegerTiles() { return {}; }

}  // namespace switchyard::cpu

#endif
