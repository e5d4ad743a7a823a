// Tiles are listed for as many sequences as the device binds at once; offsets count rows, so each list is one pass.
#include "workloads/attention_tiles.h"

#include <algorithm>
#include <numeric>

#include "tensor_cores.h"

namespace switchyard {
namespace {

// The keys that the queries of a tile see, about.
uint64_t keysSeen(const AttentionTile& tile, const FusedAttentionParams& p) {
  int64_t end = tile.keys, first = 0;
  const int64_t last = int64_t{tile.position} + tile.rows - 1;
  if (p.hides & kHidesOutside) {
    first = std::clamp<int64_t>(int64_t{tile.position} - p.window + 1, 0, end);
    end = std::min(end, last + p.window);
  }
  if (p.hides & kHidesLater) end = std::min(end, last + 1);
  return static_cast<uint64_t>(std::max<int64_t>(end - first, 0));
}

// Tiles whose rows a device binds at once.
struct Piece {
  uint64_t query, key;  // the first rows of the views
  uint64_t queryEnd, keyEnd;
  std::vector<AttentionTile> tiles;
};

class Pieces {
 public:
  Pieces(Recorder& r, const FusedAttention& what) : r_(r), what_(what) {
    const FusedAttentionParams& p = what.params;
    queryRow_ = {p.heads * uint64_t{p.d} * what.query.bytes(), p.heads * uint64_t{p.e} * what.output.bytes()};
    keyRow_ = {p.keyHeads * uint64_t{p.d} * what.key.bytes(), p.keyHeads * uint64_t{p.e} * what.value.bytes()};
  }

  void add(const AttentionSequence& s) {
    for (uint64_t row = 0; row < s.rows; row += kAttentionRows) {
      const uint64_t rows = std::min<uint64_t>(kAttentionRows, s.rows - row), end = s.query + row + rows,
                     keyEnd = s.key + s.keys;
      if (!piece_.tiles.empty() && !fits(piece_.query, end, piece_.key, keyEnd)) flush();
      if (piece_.tiles.empty()) {
        piece_.query = roundDown(s.query + row, queryRow_), piece_.key = roundDown(s.key, keyRow_);
        if (!fits(piece_.query, end, piece_.key, keyEnd))
          r_.requireBindable(
              std::max({(end - piece_.query) * queryRow_.most(), (keyEnd - piece_.key) * keyRow_.most()}),
              "a sequence");
      }
      piece_.queryEnd = end, piece_.keyEnd = keyEnd;
      AttentionTile tile{};
      tile.query = static_cast<uint32_t>(s.query + row - piece_.query), tile.rows = static_cast<uint32_t>(rows);
      tile.key = static_cast<uint32_t>(s.key - piece_.key), tile.keys = static_cast<uint32_t>(s.keys);
      tile.position = static_cast<int32_t>(s.position + static_cast<int64_t>(row));
      tile.biasRow = static_cast<uint32_t>(s.biasRow + row);
      piece_.tiles.push_back(tile);
    }
  }

  void flush() {
    if (piece_.tiles.empty()) return;
    FusedAttentionParams p = what_.params;
    std::ranges::stable_sort(piece_.tiles, std::greater(),
                             [&](const AttentionTile& tile) { return keysSeen(tile, p) * tile.rows; });
    double steps = 0;
    for (const AttentionTile& tile : piece_.tiles)
      steps += static_cast<double>(keysSeen(tile, p)) * tile.rows * (static_cast<double>(p.d) + p.e) * p.heads;
    p.steps = static_cast<float>(steps);
    const uint64_t parts = piece_.tiles.size() * p.heads * (kAttentionRows / kAttentionPart);
    p.parts = static_cast<uint32_t>(parts);
    if (hasTensorCores(r_.device())) p.hides |= kAttentionTensorCores;
    const Elements bias = p.hasBias ? what_.bias : Elements{what_.query.view.slice(0, 4)};
    p.formats = formatsOf({what_.query, what_.key, what_.value, bias, {}, what_.output});
    const auto tiles = r_.hostMemory<AttentionTile>(piece_.tiles.size());
    std::ranges::copy(piece_.tiles, tiles.begin());
    const BufferView table = r_.fresh(tiles.size_bytes());
    r_.upload(table, std::as_bytes(tiles));
    const auto rows = [](const Elements& of, uint64_t first, uint64_t end, uint64_t length) {
      const uint64_t from = first * length, count = (end - first) * length;
      return count ? of.slice(from, count) : of.view;
    };
    const uint64_t heads = p.heads, keyHeads = p.keyHeads;
    const BufferView query = rows(what_.query, piece_.query, piece_.queryEnd, heads * p.d);
    BufferView key = rows(what_.key, piece_.key, piece_.keyEnd, keyHeads * p.d),
               value = rows(what_.value, piece_.key, piece_.keyEnd, keyHeads * p.e);
    if (!key) key = query;  // no sequence has keys
    if (!value) value = query;
    r_.launch(Kernel::fused_attention, parts,
              {query, key, value, bias.view, table, rows(what_.output, piece_.query, piece_.queryEnd, heads * p.e)}, p);
    piece_ = {};
  }

 private:
  struct RowBytes {
    uint64_t first, second;
    uint64_t most() const { return std::max<uint64_t>({first, second, 1}); }
  };

  bool fits(uint64_t query, uint64_t queryEnd, uint64_t key, uint64_t keyEnd) const {
    const uint64_t most = std::min(r_.device().maxViewBytes, uint64_t{1} << 32);  // kernels count bytes in 32 bits
    const uint64_t tiles =
        (piece_.tiles.size() + 1) * std::max<uint64_t>(sizeof(AttentionTile), 8 * what_.params.heads);
    return r_.onCpu() ||
           ((queryEnd - query) * queryRow_.most() <= most && (keyEnd - key) * keyRow_.most() <= most && tiles <= most);
  }

  // To a row from which the device binds both views.
  uint64_t roundDown(uint64_t row, const RowBytes& bytes) const {
    const uint64_t alignment = r_.device().viewAlignment;
    uint64_t step = 1;
    for (uint64_t size : {bytes.first, bytes.second})
      if (size) step = std::lcm(step, alignment / std::gcd(size, alignment));
    return row / step * step;
  }

  Recorder& r_;
  const FusedAttention& what_;
  RowBytes queryRow_{}, keyRow_{};
  Piece piece_{};
};

}  // namespace

bool fusedLoopsFit(const DeviceInfo& device, uint64_t keys, uint64_t d, uint64_t e) {
  if (!device.maxLoopTurns) return true;
  // Of fused_attention.comp in subgroups of 4, the smallest: each block of 16 keys takes a turn, d / 8 for its scores
  // and 4 for its values, all of that for two halves of its rows, for every 32 columns of values, and once more where a
  // sum overflows.
  const uint64_t blocks = keys / 16 + 1, passes = 2 * ((e + 31) / 32);
  return 2 * blocks * passes * (d / 8 + 6) <= device.maxLoopTurns;
}

void recordFused(Recorder& r, const FusedAttention& what, std::span<const AttentionSequence> sequences) {
  Pieces pieces(r, what);
  for (const AttentionSequence& sequence : sequences) pieces.add(sequence);
  pieces.flush();
}

}  // namespace switchyard
