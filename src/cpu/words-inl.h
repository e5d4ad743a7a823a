// The factors of a product as words along k (tiles.h): from float32, halves and codes. Built once for each instruction
// set.
#if defined(SWITCHYARD_CPU_WORDS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SWITCHYARD_CPU_WORDS_INL_H
#undef SWITCHYARD_CPU_WORDS_INL_H
#else
#define SWITCHYARD_CPU_WORDS_INL_H
#endif

#include "cpu/codes-inl.h"
#include "cpu/halves-inl.h"
#include "cpu/tiles.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

constexpr size_t kWordsBlock = 512;  // elements that are converted at once

// One factor: sums run along `i`, of which a row has k.
struct Factor {
  const std::byte* data;
  uint32_t format;  // of floats
  uint32_t bits;    // of codes; 0: floats
  size_t ld;
  bool along;  // element (row, i) is number row * ld + i, else i * ld + row

  size_t bytes() const { return format == kFormatFloat32 ? 4 : 2; }
  const std::byte* at(size_t row, size_t i) const {
    if (bits == 4) return data + row * ((ld + 1) / 2) + i / 2;
    return data + (along ? row * ld + i : i * ld + row) * (bits ? 1 : bytes());
  }
  float floatAt(size_t row, size_t i) const {
    if (bits) return static_cast<float>(codeAt(row, i));
    float value;
    if (format == kFormatFloat32)
      std::memcpy(&value, at(row, i), sizeof value);
    else if (format == kFormatFloat16)
      widenInto<kFormatFloat16>(reinterpret_cast<const uint16_t*>(at(row, i)), &value, 1);
    else
      widenInto<kFormatBfloat16>(reinterpret_cast<const uint16_t*>(at(row, i)), &value, 1);
    return value;
  }
  int8_t codeAt(size_t row, size_t i) const {
    const auto byte = static_cast<uint8_t>(*at(row, i));
    if (bits == 8) return static_cast<int8_t>(byte);
    return static_cast<int8_t>(((i % 2 ? byte >> 4 : byte & 15) ^ 8) - 8);
  }
};

// Elements that lie one after the other.
void floatsFrom(const std::byte* from, uint32_t format, size_t n, float* to) {
  const uint16_t* const halves = reinterpret_cast<const uint16_t*>(from);
  if (format == kFormatFloat32)
    std::memcpy(to, from, n * sizeof(float));
  else if (format == kFormatFloat16)
    widenInto<kFormatFloat16>(halves, to, n);
  else
    widenInto<kFormatBfloat16>(halves, to, n);
}
void bfloatsFrom(const std::byte* from, uint32_t format, size_t n, uint16_t* to) {
  if (format == kFormatBfloat16) {
    std::memcpy(to, from, n * sizeof(uint16_t));
    return;
  }
  HWY_ALIGN float wide[kWordsBlock];
  for (size_t i = 0; i < n; i += kWordsBlock) {
    const size_t part = HWY_MIN(kWordsBlock, n - i);
    floatsFrom(from + i * (format == kFormatFloat32 ? 4 : 2), format, part, wide);
    narrowInto<kFormatBfloat16>(wide, to + i, part, false);
  }
}

// Codes from .. from + n of a row; `from` is even.
void codesFrom(const Factor& f, size_t row, size_t from, size_t n, int8_t* to) {
  const auto* const bytes = reinterpret_cast<const uint8_t*>(f.at(row, from));
  if (f.bits == 8) {
    std::memcpy(to, bytes, n);
    return;
  }
  for (size_t i = 0; i < n / 2; ++i) {
    to[2 * i] = static_cast<int8_t>(((bytes[i] & 15) ^ 8) - 8);
    to[2 * i + 1] = static_cast<int8_t>(((bytes[i] >> 4) ^ 8) - 8);
  }
  if (n % 2) to[n - 1] = f.codeAt(row, from + n - 1);
}

void shortsFrom(const int8_t* codes, size_t n, int16_t* to) {
  for (size_t i = 0; i < n; ++i) to[i] = codes[i];
}
void floatsOfCodes(const int8_t* codes, size_t n, float* to) {
  for (size_t i = 0; i < n; ++i) to[i] = static_cast<float>(codes[i]);
}
void bfloatsOfCodes(const int8_t* codes, size_t n, uint16_t* to) {  // exact: eight bits
  for (size_t i = 0; i < n; ++i) {
    const auto value = static_cast<float>(codes[i]);
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    to[i] = static_cast<uint16_t>(bits >> 16);
  }
}

// Whether a row's words lie in memory as they are to be.
bool liesAsWords(const Factor& f, Words words) {
  if (!f.along) return false;
  if (f.bits) return f.bits == 8 && words == Words::Int8;
  return words == Words::Float32 ? f.format == kFormatFloat32 : words == Words::Bfloat16 && f.format == kFormatBfloat16;
}

// Elements from .. from + n of a row that lies along k as `count` words, zeros after the last. `scales`: of float words
// from codes, one for each `group`; or null.
void wordsFrom(const Factor& f, Words words, size_t row, size_t from, size_t n, uint32_t* to, size_t count,
               const float* scales, size_t group) {
  const size_t each = elementsOf(words);
  if (const size_t whole = n / each; whole < count) std::memset(to + whole, 0, (count - whole) * sizeof(uint32_t));
  HWY_ALIGN int8_t codes[kWordsBlock];
  for (size_t i = 0; i < n; i += kWordsBlock) {
    const size_t part = HWY_MIN(kWordsBlock, n - i);
    uint32_t* const here = to + i / each;
    if (f.bits) codesFrom(f, row, from + i, part, codes);
    if (words == Words::Int8) {
      std::memcpy(here, codes, part);
    } else if (words == Words::Int16) {
      shortsFrom(codes, part, reinterpret_cast<int16_t*>(here));
    } else if (words == Words::Bfloat16) {
      if (f.bits)
        bfloatsOfCodes(codes, part, reinterpret_cast<uint16_t*>(here));
      else
        bfloatsFrom(f.at(row, from + i), f.format, part, reinterpret_cast<uint16_t*>(here));
    } else {
      float* const floats = reinterpret_cast<float*>(here);
      if (f.bits)
        floatsOfCodes(codes, part, floats);
      else
        floatsFrom(f.at(row, from + i), f.format, part, floats);
      if (!scales) continue;
      for (size_t j = 0; j < part;) {
        const size_t at = (from + i + j) / group, end = HWY_MIN(part, (at + 1) * group - from - i);
        for (; j < end; ++j) floats[j] *= scales[at];
      }
    }
  }
}

// Rows first .. first + rows of a factor that lies across: `k` elements each, ldTo words apart.
void wordsAcross(const Factor& f, Words words, size_t first, size_t rows, size_t k, uint32_t* to, size_t ldTo) {
  constexpr size_t kRowsAtOnce = 16;
  for (size_t r = 0; r < rows; r += kRowsAtOnce) {
    const size_t n = HWY_MIN(kRowsAtOnce, rows - r);
    uint32_t* const block = to + r * ldTo;
    if (words == Words::Float32) {
      HWY_ALIGN float some[kRowsAtOnce];
      for (size_t i = 0; i < k; ++i) {
        floatsFrom(f.at(first + r, i), f.format, n, some);
        for (size_t q = 0; q < n; ++q) std::memcpy(block + q * ldTo + i, some + q, sizeof(float));
      }
    } else {
      HWY_ALIGN uint16_t some[kRowsAtOnce];
      for (size_t q = 0; q < n && k % 2; ++q) block[q * ldTo + k / 2] = 0;
      for (size_t i = 0; i < k; ++i) {
        bfloatsFrom(f.at(first + r, i), f.format, n, some);
        for (size_t q = 0; q < n; ++q) reinterpret_cast<uint16_t*>(block + q * ldTo)[i] = some[q];
      }
    }
  }
}

// to[w * columns + c] = from[c][w] for w < words: columns are a multiple of 4, or there are two.
void transposeWords(const uint32_t* const* from, size_t columns, size_t words, uint32_t* to) {
  size_t w = 0;
#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  if (columns % kLanes == 0) {
    const hn::RepartitionToWide<U32> wide;
    const hn::CappedTag<uint32_t, 4> four;
    for (; w + 4 <= words; w += 4)
      for (size_t c = 0; c < columns; c += kLanes) {
        const auto blocks = [&](size_t first) HWY_ATTR {
          const uint32_t* const* const at = from + c + first;
#if HWY_TARGET <= HWY_AVX3
          const hn::Half<U32> half;
          return hn::Combine(kU, hn::Combine(half, hn::LoadU(four, at[12] + w), hn::LoadU(four, at[8] + w)),
                             hn::Combine(half, hn::LoadU(four, at[4] + w), hn::LoadU(four, at[0] + w)));
#elif HWY_TARGET <= HWY_AVX2
          return hn::Combine(kU, hn::LoadU(four, at[4] + w), hn::LoadU(four, at[0] + w));
#else
          return hn::LoadU(four, at[0] + w);  // blocks of 4 are all there is
#endif
        };
        const auto v0 = blocks(0), v1 = blocks(1), v2 = blocks(2), v3 = blocks(3);
        const auto low01 = hn::BitCast(wide, hn::InterleaveLower(kU, v0, v1)),
                   low23 = hn::BitCast(wide, hn::InterleaveLower(kU, v2, v3)),
                   high01 = hn::BitCast(wide, hn::InterleaveUpper(kU, v0, v1)),
                   high23 = hn::BitCast(wide, hn::InterleaveUpper(kU, v2, v3));
        uint32_t* const row = to + w * columns + c;
        hn::StoreU(hn::BitCast(kU, hn::InterleaveLower(wide, low01, low23)), kU, row);
        hn::StoreU(hn::BitCast(kU, hn::InterleaveUpper(wide, low01, low23)), kU, row + columns);
        hn::StoreU(hn::BitCast(kU, hn::InterleaveLower(wide, high01, high23)), kU, row + 2 * columns);
        hn::StoreU(hn::BitCast(kU, hn::InterleaveUpper(wide, high01, high23)), kU, row + 3 * columns);
      }
  }
#endif
  for (; w < words; ++w)
    for (size_t c = 0; c < columns; ++c) to[w * columns + c] = from[c][w];
}

// The codes of a row as `quantize` makes them; the scale comes back. Where it is no number there are none but 0.
float quantizeRow(const float* row, size_t k, int8_t* to) {
  const float scale = largestMagnitude(row, k) / 127.0f;
  if (!(scale > 0) || std::isinf(scale))
    std::memset(to, 0, k);
  else
    codesInto(row, to, k, scale, 127, row);
  return scale;
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // include guard
