// A search without the scores in memory: of each block of 64 rows only the best score is written, a sixty-fourth of
// them. The k best rows of all are in the k blocks whose best are best: whatever row lies in another block has k rows
// before it, one in each of those. So their rows alone are scored once more, and the best k of those are the answer.
// On tensor cores the first step is a product of halves that add up to what was given, or with `fast` to about that.
// Ties go by the order of rows in both steps, since blocks follow each other as rows do. Sums of the two steps may be
// rounded differently, so some more blocks are looked at: a row is missed only where those, too, begin with rows whose
// scores are the same but for that. Tensor cores round more than float32 does (kernels/search_tensor.h), so more blocks
// begin so close to the last one, and the more the larger k is. Where k is not small beside n that would be most of the
// base again; there all scores are written and sorted, as many queries at a time as fit.
#include "workloads/search_on_device.h"

#include <algorithm>

#include "tensor_cores.h"
#include "workloads/common.h"

namespace switchyard {
namespace {

constexpr uint64_t kLeastShare = 4;             // of the base's blocks, at least so many times those that are looked at
constexpr uint32_t kLoopColumns = 3584;         // the longest rows of blocks where drivers cut loops (vulkan/loops.h)
constexpr uint64_t kLoopListed = 2048;          // ... and the longest lists of rows
constexpr uint32_t kMoreBlocks = 4;             // than would do if all sums were exact ...
constexpr uint32_t kMoreOf = 64;                // ... and one for so many of k, where tensor cores make them
constexpr uint64_t kMostListed = 4096;          // of a query: each is compared with all, for their order
constexpr uint64_t kMostElements = 1ull << 31;  // of a view: kernels count them with 32 bits

uint64_t blocksOf(uint64_t rows) { return (rows + kSearchBlock - 1) / kSearchBlock; }
uint64_t bytesOfElement(uint32_t format) { return format == kFormatFloat32 ? 4 : format == kElementInt8 ? 1 : 2; }

class Searcher {
 public:
  Searcher(Recorder& r, const DeviceSearch& s)
      : r_(r), s_(s), rowBytes_(s.d * bytesOfElement(s.baseFormat)), blocks_(blocksOf(s.n)) {
    const DeviceInfo& device = r.device();
    const bool fits = kSearchBlock * rowBytes_ <= device.maxViewBytes && kSearchBlock * s.d <= kMostElements &&
                      !(device.maxLoopTurns && s.d > kLoopColumns);
    byBlocks_ = fits && wantedBlocks() <= kMostListed && s.k * kLeastShare <= s.n / kSearchBlock;
  }

  void record() {
    const uint64_t queryBytes = uint64_t{s_.d} * 4, outBytes = uint64_t{s_.k} * 4;
    // What a query takes meanwhile: the best of blocks, and the rows of the best of them; or all scores.
    const uint64_t bytes = byBlocks_ ? blocks_ * 4 + lookedAt() * (kSearchBlock * 4 + 12) : s_.n * 4;
    r_.requireBindable(bytes, byBlocks_ ? "what a query's search takes" : "one score for each row of 'base'");
    if (s_.mask) r_.requireBindable(s_.mask.size, "'mask'");
    // Tiles of queries are much code.
    const uint64_t most = std::min<uint64_t>(atOnce(bytes), r_.device().compilesSlowly ? kScanQueries : ~uint64_t{0});
    r_.forRowPieces(
        s_.q, {queryBytes, outBytes},
        [&](uint64_t first, uint32_t count) {
          if (count <= most) return search(first, count);
          // The offsets that a device accepts want more at a time than its memory does.
          for (uint64_t done = 0; done < count; done += most)
            searchApart(first + done, static_cast<uint32_t>(std::min(most, count - done)));
        },
        most);
  }

  void rescore(BufferView lists, uint32_t listed) {
    const uint64_t queryBytes = uint64_t{s_.d} * 4, outBytes = uint64_t{s_.k} * 4, listBytes = uint64_t{listed} * 4;
    r_.forRowPieces(
        s_.q, {queryBytes, outBytes, listBytes},
        [&](uint64_t first, uint32_t count) {
          takeQueries(first, count);
          const BufferView scores = r_.scratch(count * listBytes), sorted = r_.scratch(count * listBytes);
          scoreListed(count, lists.slice(first * listBytes, count * listBytes), listed, kSearchRows, scores, listed,
                      sorted);
          recordTopK(r_, scores, count, listed, s_.k, isLargest(), scores_, indices_);
          finish(count, sorted, listed, 1);
          r_.release(scores);
          r_.release(sorted);
        },
        atOnce(listBytes * 2));
  }

 private:
  uint64_t atOnce(uint64_t bytes) const {  // queries that take so many bytes each
    return std::max<uint64_t>(1, std::min(kScratchBudget, r_.device().maxViewBytes) / bytes);
  }
  void takeQueries(uint64_t first, uint64_t count) {
    const uint64_t queryBytes = uint64_t{s_.d} * 4, outBytes = uint64_t{s_.k} * 4;
    queries_ = s_.queries.slice(first * queryBytes, count * queryBytes);
    scores_ = s_.scores.slice(first * outBytes, count * outBytes);
    indices_ = s_.indices.slice(first * outBytes, count * outBytes);
  }
  bool isLargest() const { return s_.metric != kMetricL2; }

  void search(uint64_t first, uint32_t count) {
    takeQueries(first, count);
    byBlocks_ ? searchBlocks(count) : searchAll(count);
  }
  // Queries that begin at any offset.
  void searchApart(uint64_t first, uint32_t count) {
    takeQueries(first, count);
    const BufferView queries = queries_, scores = scores_, indices = indices_;
    queries_ = r_.aligned(queries), scores_ = r_.scratch(scores.size), indices_ = r_.scratch(indices.size);
    byBlocks_ ? searchBlocks(count) : searchAll(count);
    r_.copy(scores, scores_);
    r_.copy(indices, indices_);
    r_.release(scores_);
    r_.release(indices_);
    r_.releaseAligned(queries_, queries);
  }

  SearchParams paramsFor(uint32_t q, uint64_t first, uint64_t rows) const {
    SearchParams p{};
    p.q = q, p.n = static_cast<uint32_t>(rows), p.d = s_.d, p.metric = s_.metric, p.base = s_.baseFormat;
    p.how = s_.mask ? kSearchMasked : 0;
    p.firstRow = static_cast<uint32_t>(first);
    return p;
  }

  // fn(first row, base, scales) over pieces of the base that can be bound, of whole blocks where a block can.
  template <class F>
  void forBasePieces(F fn) const {
    const uint64_t together = kSearchBlock * rowBytes_ <= r_.device().maxViewBytes ? kSearchBlock : 1;
    r_.forRowPieces((s_.n + together - 1) / together, {together * rowBytes_, s_.scales ? together * 4 : 0},
                    [&](uint64_t piece, uint32_t count) {
                      const uint64_t first = piece * together, rows = std::min(count * together, s_.n - first);
                      fn(first, rows, s_.base.slice(first * rowBytes_, rows * rowBytes_),
                         s_.scales ? s_.scales.slice(first * 4, rows * 4) : s_.queries.slice(0, 4));
                    },
                    std::max<uint64_t>(1, kMostElements / (together * s_.d)));
  }
  BufferView mask() const { return s_.mask ? s_.mask : s_.queries.slice(0, 4); }

  void score(uint32_t q, BufferView to, bool blocks) {
    const bool scan = q <= kScanQueries;
    forBasePieces([&](uint64_t first, uint64_t rows, BufferView base, BufferView scales) {
      SearchParams p = paramsFor(q, first, rows);
      if (blocks) p.how |= kSearchBlocks;
      if (blocks && hasTensorCores(r_.device())) p.how |= kSearchTensorCores | (s_.fast ? kSearchFast : 0);
      p.ldScores = static_cast<uint32_t>(blocks ? blocks_ : s_.n);
      p.firstColumn = static_cast<uint32_t>(blocks ? first / kSearchBlock : first);
      const uint64_t tiles = scan ? 1 : (q + kSearchTile - 1) / kSearchTile;
      r_.launch(scan ? Kernel::search_scan : Kernel::search_scores, tiles * blocksOf(rows),
                {queries_, base, scales, mask(), to}, p);
    });
  }

  void scoreListed(uint32_t q, BufferView list, uint32_t listed, uint32_t how, BufferView to, uint32_t ldScores,
                   BufferView sorted) {
    forBasePieces([&](uint64_t first, uint64_t rows, BufferView base, BufferView scales) {
      SearchParams p = paramsFor(q, first, rows);
      p.how |= how, p.ldScores = ldScores, p.listed = listed;
      r_.launch(Kernel::search_listed, q * (how & kSearchRows ? blocksOf(listed) : listed),
                {queries_, base, scales, mask(), list, to, sorted}, p);
    });
  }

  // What is in scores_ and indices_ becomes what the caller is to see.
  void finish(uint32_t q, BufferView list, uint32_t listed, uint32_t unit) {
    r_.launch(Kernel::search_found, uint64_t{q} * s_.k, {list, scores_, indices_},
              SearchFoundParams{q, s_.k, listed, unit, static_cast<bool>(s_.mask), isLargest()});
  }

  void searchAll(uint32_t q) {
    BufferView all = r_.scratch(uint64_t{q} * s_.n * 4);
    score(q, all, false);
    recordTopK(r_, all, q, static_cast<uint32_t>(s_.n), s_.k, isLargest(), scores_, indices_);
    r_.release(all);
    if (s_.mask) finish(q, s_.queries.slice(0, 4), 0, 0);
  }

  uint64_t wantedBlocks() const {
    return uint64_t{s_.k} + kMoreBlocks + (hasTensorCores(r_.device()) ? s_.k / kMoreOf : 0);
  }
  uint64_t lookedAt() const { return std::min(blocks_, wantedBlocks()); }

  void searchBlocks(uint32_t q) {
    const uint32_t listed = static_cast<uint32_t>(lookedAt()), length = listed * kSearchBlock;
    BufferView best = r_.scratch(q * blocks_ * 4), values = r_.scratch(uint64_t{q} * listed * 4),
               list = r_.scratch(uint64_t{q} * listed * 4);
    score(q, best, true);
    recordTopK(r_, best, q, static_cast<uint32_t>(blocks_), listed, isLargest(), values, list);
    r_.release(best);
    BufferView sorted = values;  // which nobody looks at
    BufferView looked = r_.scratch(uint64_t{q} * length * 4);
    scoreListed(q, list, listed, 0, looked, length, sorted);
    recordTopK(r_, looked, q, length, s_.k, isLargest(), scores_, indices_);
    r_.release(looked);
    finish(q, sorted, listed, kSearchBlock);
    r_.release(sorted);
    r_.release(list);
  }

  Recorder& r_;
  const DeviceSearch& s_;
  const uint64_t rowBytes_, blocks_;
  bool byBlocks_ = false;
  BufferView queries_, scores_, indices_;  // of some queries
};

}  // namespace

void recordSearch(Recorder& r, const DeviceSearch& search) { Searcher(r, search).record(); }
void recordRescore(Recorder& r, const DeviceSearch& search, BufferView lists, uint32_t listed) {
  Searcher(r, search).rescore(lists, listed);
}
bool canRescore(const DeviceInfo& device, uint32_t d, uint64_t listed) {
  return listed <= kMostListed && (!device.maxLoopTurns || (d <= kLoopColumns && listed <= kLoopListed));
}

}  // namespace switchyard
