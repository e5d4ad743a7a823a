// Strings of bytes with a number each, as a trie laid out flat: one hashed table of its edges.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace switchyard::text {

class Trie {
 public:
  static constexpr int32_t kNone = -1;
  static constexpr uint32_t kRoot = 1, kNowhere = 0;

  Trie();
  // `value` from 0 on. False where the key is there already, or is empty. Throws InvalidArgument beyond 16 million
  // nodes.
  bool add(std::string_view key, int32_t value);
  // kNone where it is none of them.
  int32_t find(std::string_view key) const;
  bool isEmpty() const { return nodes_ == kRoot; }

  // One byte on from a node; kNowhere: no key goes on so. `value` is that of the key that ends there, or kNone.
  uint32_t step(uint32_t node, unsigned char byte, int32_t& value) const {
    const Edge& edge = node == kRoot ? first_[byte] : edges_[place(node << 8 | byte)];
    value = edge.value;
    return edge.child;
  }
  // Bytes of the longest key that begins the text; 0: none does.
  uint32_t longest(std::string_view text, int32_t& value) const;

 private:
  struct Edge {
    uint32_t key = 0;  // node and byte; 0: nothing is here
    uint32_t child = kNowhere;
    int32_t value = kNone;
  };
  size_t place(uint32_t key) const {
    size_t at = (key * 0x9e3779b1u) >> shift_;
    while (edges_[at].key != key && edges_[at].key != 0) at = (at + 1) & mask_;
    return at;
  }
  void grow();
  std::array<Edge, 256> first_{};  // of the root
  std::vector<Edge> edges_;        // of the others
  size_t used_ = 0, mask_ = 0;
  int shift_ = 32;
  uint32_t nodes_ = kRoot;
};

}  // namespace switchyard::text
