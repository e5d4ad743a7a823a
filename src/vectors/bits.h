// Sets of rows: a bit a row, 64 a word, the lowest first. The bytes of the words are the mask of a similarity-search.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace switchyard::vectors {

class Bits {
 public:
  Bits() = default;
  explicit Bits(size_t rows) : words_((rows + 63) / 64) {}
  static Bits all(size_t rows) {
    Bits bits(rows);
    for (uint64_t& word : bits.words_) word = ~uint64_t{0};
    bits.trim(rows);
    return bits;
  }

  bool has(size_t row) const { return words_[row / 64] >> row % 64 & 1; }
  void add(size_t row) { words_[row / 64] |= uint64_t{1} << row % 64; }
  void addIf(size_t row, bool is) { words_[row / 64] |= uint64_t{is} << row % 64; }
  void remove(size_t row) { words_[row / 64] &= ~(uint64_t{1} << row % 64); }
  void addRange(size_t from, size_t to) {
    for (; from < to && from % 64; ++from) add(from);
    for (; from + 64 <= to; from += 64) words_[from / 64] = ~uint64_t{0};
    for (; from < to; ++from) add(from);
  }
  size_t count() const {
    size_t sum = 0;
    for (uint64_t word : words_) sum += static_cast<size_t>(std::popcount(word));
    return sum;
  }
  void grow(size_t rows) { words_.resize((rows + 63) / 64); }
  void trim(size_t rows) {  // none but the first `rows` ones
    if (rows % 64 && rows / 64 < words_.size()) words_[rows / 64] &= ~(~uint64_t{0} << rows % 64);
    for (size_t w = (rows + 63) / 64; w < words_.size(); ++w) words_[w] = 0;
  }
  void both(const Bits& other) {
    for (size_t w = 0; w < words_.size(); ++w) words_[w] &= w < other.words_.size() ? other.words_[w] : 0;
  }
  void either(const Bits& other) {
    for (size_t w = 0; w < words_.size(); ++w) words_[w] |= w < other.words_.size() ? other.words_[w] : 0;
  }
  void flip(size_t rows) {
    for (uint64_t& word : words_) word = ~word;
    trim(rows);
  }
  template <class Use>
  void forEach(const Use& use) const {
    for (size_t w = 0; w < words_.size(); ++w)
      for (uint64_t word = words_[w]; word; word &= word - 1) use(w * 64 + static_cast<size_t>(std::countr_zero(word)));
  }
  const uint64_t* words() const { return words_.data(); }
  size_t wordCount() const { return words_.size(); }

 private:
  std::vector<uint64_t> words_;
};

}  // namespace switchyard::vectors
