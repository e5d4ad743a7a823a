// Counting, ordering, filling: the only passes over the edges outside of the iterations.
#include "workloads/pagerank_rows.h"

#include <algorithm>
#include <array>

namespace switchyard {
namespace {

constexpr uint32_t kHubMarks = 0xFFFFFFFFu;  // hub h is marked by so much less h, where others have a place
constexpr uint32_t kStopEvery = 1 << 16;     // rows between two looks at the stop flag

uint32_t segmentsOf(uint32_t edges) { return (edges - 1) / kPagerankRow + 1; }
// Segments of a hub are of one length, but for the last.
uint32_t segmentLength(uint32_t edges) { return (edges - 1) / segmentsOf(edges) + 1; }

// Scale, and how many nodes are dangling.
void weighSources(PagerankRows& rows, std::span<const int32_t> offsets, std::span<const float> weights) {
  for (uint32_t node = 0; node < rows.n; ++node) {
    const int32_t begin = offsets[node], end = offsets[node + 1];
    bool dangling = begin == end;
    if (!weights.empty())
      dangling = std::all_of(weights.begin() + begin, weights.begin() + end, [](float weight) { return weight == 0; });
    rows.danglingCount += dangling;
    const float each = weights.empty() ? 1.0f / static_cast<float>(end - begin) : 1.0f;
    rows.scale[rows.place[node]] = dangling ? 0.0f : each;
  }
  rows.scale[rows.n] = 0;
}

// The nodes that point at most others first: what is read most often then lies together.
std::vector<uint32_t> byDegree(std::span<const int32_t> offsets) {
  constexpr uint32_t kMost = 255;
  const uint32_t n = static_cast<uint32_t>(offsets.size() - 1);
  const auto rank = [&](uint32_t node) {
    return kMost - std::min(kMost, static_cast<uint32_t>(offsets[node + 1] - offsets[node]));
  };
  std::array<uint32_t, kMost + 2> next{};
  for (uint32_t node = 0; node < n; ++node) ++next[rank(node) + 1];
  for (uint32_t i = 0; i <= kMost; ++i) next[i + 1] += next[i];
  std::vector<uint32_t> order(n);
  for (uint32_t node = 0; node < n; ++node) order[next[rank(node)]++] = node;
  return order;
}

// The nodes that most edges point at first; `ends` are where those of so many edges end. Returns the hubs' edges.
std::vector<uint32_t> orderNodes(PagerankRows& rows, std::span<const int32_t> offsets, std::span<const uint32_t> edges,
                                 std::array<uint32_t, kPagerankRow + 2>& ends) {
  std::vector<uint32_t> hubs;
  std::array<uint32_t, kPagerankRow + 1> counts{};
  for (uint32_t node = 0; node < rows.n; ++node)
    if (edges[node] > kPagerankRow)
      hubs.push_back(node);
    else
      ++counts[edges[node]];
  std::stable_sort(hubs.begin(), hubs.end(), [&](uint32_t a, uint32_t b) { return edges[a] > edges[b]; });
  rows.hubs = static_cast<uint32_t>(hubs.size());
  std::array<uint32_t, kPagerankRow + 1> next{};
  ends[kPagerankRow + 1] = rows.hubs;
  for (uint32_t length = kPagerankRow + 1; length-- > 0;) {
    next[length] = ends[length + 1];
    ends[length] = next[length] + counts[length];
  }
  for (uint32_t i = 0; i < rows.hubs; ++i) rows.place[hubs[i]] = i;
  for (uint32_t node : byDegree(offsets))
    if (edges[node] <= kPagerankRow) rows.place[node] = next[edges[node]]++;
  for (uint32_t& hub : hubs) hub = edges[hub];
  return hubs;
}

// Where the edges that point at each node go, one after the other.
class Places {
 public:
  explicit Places(const PagerankRows& rows) : rows_(rows), next_(rows.n), hubs_(rows.hubs) {
    for (uint32_t node = 0; node < rows.n; ++node) {
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
  for (int32_t column : columns) ++edges[static_cast<size_t>(column)];
  r.throwIfStopped();
  std::array<uint32_t, kPagerankRow + 2> ends{};
  const std::vector<uint32_t> hubs = orderNodes(rows, offsets, edges, ends);
  weighSources(rows, offsets, weights);

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
  Places places(rows);
  for (uint32_t row = 0; row < rows.n; ++row) {
    if (row % kStopEvery == 0) r.throwIfStopped();
    const int32_t begin = offsets[row], end = offsets[row + 1], source = static_cast<int32_t>(rows.place[row]);
    if (weights.empty()) {
      for (int32_t e = begin; e < end; ++e) sources[places.next(columns[e])] = source;
      continue;
    }
    double sum = 0;
    for (int32_t e = begin; e < end; ++e) sum += weights[e];
    for (int32_t e = begin; e < end; ++e) {
      const uint32_t at = places.next(columns[e]);
      sources[at] = source;
      toWeights[at] = sum == 0 ? 0.0f : static_cast<float>(weights[e] / sum);
    }
  }
}

}  // namespace switchyard
