// At most three fifths of the table are in use: a miss, which ends most walks, is then one look as a rule.
#include "text/trie.h"

#include "error.h"

namespace switchyard::text {
namespace {

constexpr uint32_t kMostNodes = 1u << 24;  // a node and a byte fit into 32 bits
constexpr int kFirstBits = 8;

}  // namespace

Trie::Trie() : edges_(size_t{1} << kFirstBits), mask_(edges_.size() - 1), shift_(32 - kFirstBits) {}

void Trie::grow() {
  std::vector<Edge> old(edges_.size() * 2);
  std::swap(old, edges_);
  mask_ = edges_.size() - 1;
  --shift_;
  for (const Edge& edge : old)
    if (edge.key) edges_[place(edge.key)] = edge;
}

bool Trie::add(std::string_view key, int32_t value) {
  if (key.empty()) return false;
  uint32_t node = kRoot;
  Edge* edge = nullptr;
  for (char each : key) {
    const auto byte = static_cast<unsigned char>(each);
    if (node == kRoot) {
      edge = &first_[byte];
    } else {
      if (used_ * 5 >= edges_.size() * 3) grow();
      edge = &edges_[place(node << 8 | byte)];
      if (!edge->key) {
        edge->key = node << 8 | byte;
        ++used_;
      }
    }
    if (edge->child == kNowhere) {
      if (nodes_ + 1 >= kMostNodes) throw Error(Code::InvalidArgument, "the vocabulary is too large: 16 million nodes");
      edge->child = ++nodes_;
    }
    node = edge->child;
  }
  if (edge->value != kNone) return false;
  edge->value = value;
  return true;
}

int32_t Trie::find(std::string_view key) const {
  uint32_t node = kRoot;
  int32_t value = kNone;
  for (char byte : key)
    if ((node = step(node, static_cast<unsigned char>(byte), value)) == kNowhere) return kNone;
  return key.empty() ? kNone : value;
}

uint32_t Trie::longest(std::string_view text, int32_t& value) const {
  uint32_t node = kRoot, length = 0;
  for (uint32_t i = 0; i < text.size(); ++i) {
    int32_t here = kNone;
    if ((node = step(node, static_cast<unsigned char>(text[i]), here)) == kNowhere) break;
    if (here == kNone) continue;
    length = i + 1;
    value = here;
  }
  return length;
}

}  // namespace switchyard::text
