// Counting, ordering, filling: the only passes over the edges outside of the iterations.
#include "workloads/pagerank_rows.h"

#include <algorithm>
#include <array>

namespace switchyard {
namespace {

constexpr uint32_t kHubMarks = 0xFFFFFFFFu;  // hub h is marked by so much less h, where others have a place
constexpr uint64_t kStopEvery = 1 << 20;     // nodes and edges between two looks at the stop flag

uint32_t segmentsOf(uint32_t edges) { return (edges - 1) / kPagerankRow + 1; }
// Segments of a hub are of one length, but for the last.
uint32_t segmentLength(uint32_t edges) { return (edges - 1) / segmentsOf(edges) + 1; }

// Looks at the stop flag every now and then.
class Watch {
 public:
  explicit Watch(const Recorder& r) : r_(r) {}
  void count(uint64_t steps) {
    if ((steps_ += steps) < kStopEvery) return;
    steps_ = 0;
    r_.throwIfStopped();
  }
  // fn(i) for each, however many there are.
  template <class F>
  void each(int64_t begin, int64_t end, const F& fn) {
    while (begin < end) {
      const int64_t until = std::min(end, begin + static_cast<int64_t>(kStopEvery));
      count(static_cast<uint64_t>(until - begin));
      for (; begin < until; ++begin) fn(begin);
    }
  }

 private:
  const Recorder& r_;
  uint64_t steps_ = 0;
};

// Scale, and how many nodes are dangling.
void weighSources(Watch& watch, PagerankRows& rows, std::span<const int32_t> offsets, std::span<const float> weights) {
  for (uint32_t node = 0; node < rows.n; ++node) {
    const int32_t begin = offsets[node], end = offsets[node + 1];
    int32_t zeros = begin;
    watch.count(1);
    for (; !weights.empty() && zeros < end && weights[zeros] == 0; ++zeros) watch.count(1);
    const bool dangling = zeros == end;
    rows.danglingCount += dangling;
    const float each = weights.empty() ? 1.0f / static_cast<float>(end - begin) : 1.0f;
    rows.scale[rows.place[node]] = dangling ? 0.0f : each;
  }
  rows.scale[rows.n] = 0;
}

// The nodes that point at most others first: what is read most often then lies together.
std::vector<uint32_t> byDegree(Watch& watch, std::span<const int32_t> offsets) {
  constexpr uint32_t kMost = 255;
  const uint32_t n = static_cast<uint32_t>(offsets.size() - 1);
  const auto rank = [&](int64_t node) {
    const size_t i = static_cast<size_t>(node);
    return kMost - std::min(kMost, static_cast<uint32_t>(offsets[i + 1] - offsets[i]));
  };
  std::array<uint32_t, kMost + 2> next{};
  watch.each(0, n, [&](int64_t node) { ++next[rank(node) + 1]; });
  for (uint32_t i = 0; i <= kMost; ++i) next[i + 1] += next[i];
  std::vector<uint32_t> order(n);
  watch.each(0, n, [&](int64_t node) { order[next[rank(node)]++] = static_cast<uint32_t>(node); });
  return order;
}

// The nodes that most edges point at first; `ends` are where those of so many edges end. Returns the hubs' edges.
std::vector<uint32_t> orderNodes(Watch& watch, PagerankRows& rows, std::span<const int32_t> offsets,
                                 std::span<const uint32_t> edges, std::array<uint32_t, kPagerankRow + 2>& ends) {
  std::vector<uint32_t> hubs;
  std::array<uint32_t, kPagerankRow + 1> counts{};
  watch.each(0, rows.n, [&](int64_t node) {
    const uint32_t of = edges[static_cast<size_t>(node)];
    if (of > kPagerankRow)
      hubs.push_back(static_cast<uint32_t>(node));
    else
      ++counts[of];
  });
  std::stable_sort(hubs.begin(), hubs.end(), [&](uint32_t a, uint32_t b) { return edges[a] > edges[b]; });
  rows.hubs = static_cast<uint32_t>(hubs.size());
  std::array<uint32_t, kPagerankRow + 1> next{};
  ends[kPagerankRow + 1] = rows.hubs;
  for (uint32_t length = kPagerankRow + 1; length-- > 0;) {
    next[length] = ends[length + 1];
    ends[length] = next[length] + counts[length];
  }
  for (uint32_t i = 0; i < rows.hubs; ++i) rows.place[hubs[i]] = i;
  for (uint32_t node : byDegree(watch, offsets)) {
    watch.count(1);
    if (edges[node] <= kPagerankRow) rows.place[node] = next[edges[node]]++;
  }
  for (uint32_t& hub : hubs) hub = edges[hub];
  return hubs;
}

// Where the edges that point at each node go, one after the other.
class Places {
 public:
  Places(Watch& watch, const PagerankRows& rows) : rows_(rows), next_(rows.n), hubs_(rows.hubs) {
    for (uint32_t node = 0; node < rows.n; ++node) {
      watch.count(1);
      const uint32_t place = rows.place[node];
      next_[node] = place < rows.hubs ? kHubMarks - place : begin(rows.firstSlice * kPagerankSlice + place - rows.hubs);
    }
    for (uint32_t hub = 0; hub < rows.hubs; ++hub) hubs_[hub].segment = rows.segments[hub];
  }
  uint32_t next(int32_t column) {
    uint32_t& own = next_[static_cast<size_t>(column)];
    if (own > kHubMarks - rows_.hubs) return nextOfHub(kHubMarks - own);
    return advance(own);
  }

 private:
  struct Hub {
    uint32_t segment = 0, left = 0, at = 0;  // the next segment; of this one what is left, and its next place
  };
  uint32_t begin(uint32_t row) const { return rows_.starts[row / kPagerankSlice] + row % kPagerankSlice * rows_.group; }
  uint32_t advance(uint32_t& at) const {
    const uint32_t now = at++;
    if (at % rows_.group == 0) at += (kPagerankSlice - 1) * rows_.group;
    return now;
  }
  uint32_t nextOfHub(uint32_t place) {
    Hub& hub = hubs_[place];
    if (hub.left == 0) hub.at = begin(hub.segment++), hub.left = rows_.segmentLengths[place];
    --hub.left;
    return advance(hub.at);
  }

  const PagerankRows& rows_;
  std::vector<uint32_t> next_;
  std::vector<Hub> hubs_;
};

}  // namespace

PagerankRows orderRows(Recorder& r, std::span<const int32_t> offsets, std::span<const int32_t> columns,
                       std::span<const float> weights, uint32_t group) {
  PagerankRows rows;
  rows.n = static_cast<uint32_t>(offsets.size() - 1), rows.group = group;
  rows.place = r.hostMemory<uint32_t>(rows.n), rows.scale = r.hostMemory<float>(size_t{rows.n} + 1);
  std::vector<uint32_t> edges(rows.n);
  Watch watch(r);
  watch.each(0, static_cast<int64_t>(columns.size()),
             [&](int64_t e) { ++edges[static_cast<size_t>(columns[static_cast<size_t>(e)])]; });
  std::array<uint32_t, kPagerankRow + 2> ends{};
  const std::vector<uint32_t> hubs = orderNodes(watch, rows, offsets, edges, ends);
  weighSources(watch, rows, offsets, weights);

  rows.segments = r.hostMemory<uint32_t>(size_t{rows.hubs} + 1);
  rows.segmentLengths = r.hostMemory<uint32_t>(rows.hubs);
  std::vector<uint32_t> lengths;  // of a slice's longest row
  for (uint32_t i = 0; i < rows.hubs; ++i) {
    rows.segments[i] = rows.segmentCount, rows.segmentLengths[i] = segmentLength(hubs[i]);
    for (uint32_t s = 0; s < segmentsOf(hubs[i]); ++s, ++rows.segmentCount) {
      if (rows.segmentCount % kPagerankSlice == 0) lengths.push_back(0);
      lengths.back() = std::max(lengths.back(), rows.segmentLengths[i]);
    }
  }
  rows.segments[rows.hubs] = rows.segmentCount;
  rows.firstSlice = static_cast<uint32_t>(lengths.size());
  uint32_t length = kPagerankRow;
  for (uint32_t node = rows.hubs; node < rows.n; node += kPagerankSlice) {
    while (ends[length] <= node) --length;
    lengths.push_back(length);
    if (rows.n - node <= kPagerankSlice) break;
  }
  rows.slices = static_cast<uint32_t>(lengths.size());
  rows.starts = r.hostMemory<uint32_t>(size_t{rows.slices} + 1);
  uint64_t at = 0;
  for (uint32_t slice = 0; slice < rows.slices; ++slice) {
    rows.starts[slice] = static_cast<uint32_t>(at);
    at += (uint64_t{lengths[slice]} + group - 1) / group * group * kPagerankSlice;
    if (at > kHubMarks - rows.hubs) throw Error(Code::Unsupported, "the graph has too many edges for one device");
  }
  rows.starts[rows.slices] = static_cast<uint32_t>(at);
  return rows;
}

void fillRows(Recorder& r, const PagerankRows& rows, std::span<const int32_t> offsets, std::span<const int32_t> columns,
              std::span<const float> weights, std::span<int32_t> sources, std::span<float> toWeights) {
  std::fill(sources.begin(), sources.end(), static_cast<int32_t>(rows.n));
  std::fill(toWeights.begin(), toWeights.end(), 0.0f);
  r.throwIfStopped();
  Watch watch(r);
  Places places(watch, rows);
  for (uint32_t row = 0; row < rows.n; ++row) {
    watch.count(1);
    const int32_t begin = offsets[row], end = offsets[row + 1], source = static_cast<int32_t>(rows.place[row]);
    if (weights.empty()) {
      watch.each(begin, end, [&](int64_t e) { sources[places.next(columns[static_cast<size_t>(e)])] = source; });
      continue;
    }
    double sum = 0;
    watch.each(begin, end, [&](int64_t e) { sum += weights[static_cast<size_t>(e)]; });
    watch.each(begin, end, [&](int64_t e) {
      const uint32_t at = places.next(columns[static_cast<size_t>(e)]);
      sources[at] = source;
      toWeights[at] = sum == 0 ? 0.0f : static_cast<float>(weights[static_cast<size_t>(e)] / sum);
    });
  }
}

}  // namespace switchyard
