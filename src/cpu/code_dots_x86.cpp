// Products of int8 rows by AVX512-VNNI and AVX-VNNI, for those processors alone that have them.
#include "cpu/code_dots.h"

#include "cpu/simd.h"
#include "hwy/detect_targets.h"

#if HWY_ARCH_X86

#include <immintrin.h>

#include <cstring>
#include <utility>

namespace switchyard::cpu {

// False alarms of g++ 12 in its own headers.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
namespace codes512 {
namespace {

struct Set {
  using Vector = __m512i;
  using Query = uint8_t;
  static constexpr size_t kBytes = 64, kRows = 12;
  static Vector zero() { return _mm512_setzero_si512(); }
  static Vector load(const void* from) { return _mm512_loadu_si512(from); }
  static Vector loadPart(const int8_t* from, size_t n) { return _mm512_maskz_loadu_epi8((uint64_t{1} << n) - 1, from); }
  static Vector all(uint32_t word) { return _mm512_set1_epi32(static_cast<int>(word)); }
  static Vector dot(Vector sum, Vector bytes, Vector codes) { return _mm512_dpbusd_epi32(sum, bytes, codes); }
  static Vector with128(Vector codes) { return _mm512_xor_si512(codes, all(0x80808080)); }
  static void store(Vector v, int32_t* to) { _mm512_storeu_si512(to, v); }
  static __m128i sumsOfFour(Vector a, Vector b, Vector c, Vector d) {
    const Vector ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    const Vector cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    const Vector sums = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64(sums, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
  }
};

#include "cpu/code_dots-inl.h"

}  // namespace
CodeDots dots() { return codeDotsOf<Set>("AVX512-VNNI"); }
}  // namespace codes512
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma,avxvnni")
namespace codes256 {
namespace {

struct Set {
  using Vector = __m256i;
  using Query = uint8_t;
  static constexpr size_t kBytes = 32, kRows = 6;
  static Vector zero() { return _mm256_setzero_si256(); }
  static Vector load(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
  static Vector loadPart(const int8_t* from, size_t n) {
    alignas(32) int8_t part[32] = {};
    std::memcpy(part, from, n);
    return load(part);
  }
  static Vector all(uint32_t word) { return _mm256_set1_epi32(static_cast<int>(word)); }
  static Vector dot(Vector sum, Vector bytes, Vector codes) { return _mm256_dpbusd_avx_epi32(sum, bytes, codes); }
  static Vector with128(Vector codes) { return _mm256_xor_si256(codes, all(0x80808080)); }
  static void store(Vector v, int32_t* to) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), v); }
  static __m128i sumsOfFour(Vector a, Vector b, Vector c, Vector d) {
    const Vector ab = _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    const Vector cd = _mm256_add_epi32(_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
    const Vector sums = _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
    return _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  }
};

#include "cpu/code_dots-inl.h"

}  // namespace
CodeDots dots() { return codeDotsOf<Set>("AVX-VNNI"); }
}  // namespace codes256
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma")
namespace codesAvx2 {
namespace {

// Without an instruction for four products: a row's codes without their signs, which go over to the queries', so that
// two products fit an int16 whatever the codes are. Codes of fewer bits would take fewer instructions, but are farther
// off: more rows would have to be scored as they are, which takes longer.
struct Set {
  using Vector = __m256i;
  using Query = int8_t;
  static constexpr size_t kBytes = 32, kRows = 4;
  static_assert(2 * 127 * 128 <= 32767);
  static Vector zero() { return _mm256_setzero_si256(); }
  static Vector load(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
  static Vector all(uint32_t word) { return _mm256_set1_epi32(static_cast<int>(word)); }
  static Vector dot(Vector sum, Vector queries, Vector codes) {
    const Vector words = _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(queries, codes));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(words, _mm256_set1_epi16(1)));
  }
  static void store(Vector v, int32_t* to) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), v); }
};

#define SWITCHYARD_PANELS_ALONE
#include "cpu/code_dots-inl.h"
#undef SWITCHYARD_PANELS_ALONE

}  // namespace
}  // namespace codesAvx2
#pragma GCC pop_options

CodeDots vnni512CodeDots() { return codes512::dots(); }
CodeDots vnni256CodeDots() { return codes256::dots(); }
CodeDots withAvx2Panel(CodeDots dots) {
  dots.name = "AVX2";
  dots.panel = codesAvx2::panels<codesAvx2::Set>;
  dots.panelAdded = 0;
  return dots;
}

}  // namespace switchyard::cpu

#else

namespace switchyard::cpu {

CodeDots vnni512CodeDots() { return {}; }
CodeDots vnni256CodeDots() { return {}; }
CodeDots withAvx2Panel(CodeDots dots) { return dots; }

}  // namespace switchyard::cpu

#endif
