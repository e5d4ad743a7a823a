// Sorting many candidates (select.h): by digits, each pass in the order of the one before.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

namespace switchyard::cpu {

// Ascending; `work` has room for as many. Digits in which all agree are passed over. `inOrder`: the indices ascend
// already, so that only the keys count. Leaves them in no order once stopped(), which it asks between passes.
template <class Stopped>
void radixSort(uint64_t* values, uint64_t* work, size_t n, bool inOrder, const Stopped& stopped) {
  constexpr uint32_t kDigits = 6, kBits = 11;
  constexpr uint32_t kShifts[kDigits] = {0, 11, 22, 32, 43, 54};  // three digits of the index, three of the key
  constexpr uint32_t kMasks[kDigits] = {0x7FF, 0x7FF, 0x3FF, 0x7FF, 0x7FF, 0x3FF};
  using Counts = std::array<size_t, 1 << kBits>;
  const auto counts = std::make_unique<std::array<Counts, kDigits>>();
  const uint32_t first = inOrder ? 3 : 0;
  for (size_t i = 0; i < n; ++i)
    for (uint32_t digit = first; digit < kDigits; ++digit)
      ++(*counts)[digit][values[i] >> kShifts[digit] & kMasks[digit]];
  uint64_t *from = values, *to = work;
  for (uint32_t digit = first; digit < kDigits; ++digit) {
    if (stopped()) return;
    Counts& places = (*counts)[digit];
    const auto bin = [&](uint64_t value) { return value >> kShifts[digit] & kMasks[digit]; };
    if (n == 0 || places[bin(values[0])] == n) continue;
    size_t place = 0;
    for (size_t& count : places) place += std::exchange(count, place);
    for (size_t i = 0; i < n; ++i) to[places[bin(from[i])]++] = from[i];
    std::swap(from, to);
  }
  if (from != values) std::memcpy(values, from, n * sizeof(uint64_t));
}

}  // namespace switchyard::cpu
