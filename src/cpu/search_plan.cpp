// The similarity_search kernel: queries by groups, the base by stretches on all threads, and what is made of the best.
#include <bit>
#include <cmath>
#include <vector>

#include "cpu/kernels.h"
#include "cpu/scratch.h"
#include "cpu/search_parts.h"
#include "cpu/top_k.h"

namespace switchyard::cpu {

namespace {

uint64_t maskWord(const uint8_t* mask, size_t begin, size_t end) {
  uint64_t word = 0;
  std::memcpy(&word, mask + begin / 8, (end - begin + 7) / 8);
  return end - begin < 64 ? word & ((uint64_t{1} << (end - begin)) - 1) : word;
}

}  // namespace

size_t allowedRows(const uint8_t* mask, size_t begin, size_t end, uint32_t* rows) {
  size_t count = 0;
  for (size_t at = begin; at < end; at += 64) {
    const size_t to = std::min(end, at + 64);
    uint64_t word = mask ? maskWord(mask, at, to) : ~uint64_t{0};
    if (std::popcount(word) >= static_cast<int>(to - at)) {
      for (size_t row = at; row < to; ++row) rows[count++] = static_cast<uint32_t>(row);
      continue;
    }
    for (; word; word &= word - 1)
      rows[count++] = static_cast<uint32_t>(at + static_cast<size_t>(std::countr_zero(word)));
  }
  return count;
}

size_t countAllowed(const uint8_t* mask, size_t begin, size_t end) {
  if (!mask) return end - begin;
  size_t count = 0;
  for (size_t at = begin; at < end; at += 64)
    count += static_cast<size_t>(std::popcount(maskWord(mask, at, std::min(end, at + 64))));
  return count;
}

namespace {

constexpr size_t kMaxCollect = 4096;              // larger k: whole rows of scores are kept and selected from
constexpr size_t kScoreBytes = size_t{64} << 20;  // of such rows at once

struct Search {
  const Call& call;
  SimilaritySearchParams params;
  SearchBase base, rescore;
  size_t allowed, wanted;  // rows that may be found; those that are, before `rescore`
  const float* queries;
  float* scores;
  int32_t* indices;
  float* bounds;  // null: not wanted
};

struct Query {
  double squares = 0, sum = 0;
};

Query normsOf(const float* query, size_t d) {
  Query norms;  // in double: of any finite query less than its largest
  for (size_t i = 0; i < d; ++i) norms.squares += double{query[i]} * query[i], norms.sum += std::fabs(query[i]);
  return norms;
}

// Queries [first, first + count) as the kernels want them, in `memory`: many side by side, if that is wanted.
SearchGroup prepare(const Search& search, size_t first, size_t count, float* memory, bool side = true) {
  const size_t d = search.params.d, vector = searchLanes();
  const size_t lanes = count <= kFew || !side ? 0 : (count + vector - 1) / vector * vector;
  SearchGroup group{memory,
                    count,
                    lanes,
                    static_cast<const float*>(search.base.rows),
                    search.params.n,
                    d,
                    search.params.metric,
                    0,
                    0,
                    &search.call.budget};
  if (group.lanes) std::memset(memory, 0, group.lanes * d * sizeof(float));
  for (size_t q = 0; q < count; ++q) {
    const float* const query = search.queries + (first + q) * d;
    const double squares = normsOf(query, d).squares;
    if (std::isfinite(squares)) group.finite |= uint64_t{1} << q;
    if (squares == 0) group.zero |= uint64_t{1} << q;
    const double factor = group.metric != kMetricCosine ? 1 : squares == 0 ? 0 : kUnitQuery / std::sqrt(squares);
    for (size_t i = 0; i < d; ++i)
      memory[group.lanes ? i * group.lanes + q : q * d + i] = static_cast<float>(query[i] * factor);
  }
  return group;
}

uint64_t rowGrain(const Budget& budget, const SearchGroup& group) {
  const double rowNs = 5 + static_cast<double>(group.d) *
                               std::max(0.13, 0.019 * static_cast<double>(group.lanes ? group.lanes : group.count));
  return std::max<uint64_t>(grainFor(budget, group.n, rowNs, kRowsAChunk), 1);
}

// Rows that are scored again lie anywhere in memory.
double rescoreNs(const Search& search) {
  const bool again = search.params.has & kSearchHasRescore;
  return again ? static_cast<double>(search.wanted) * (100 + 0.2 * static_cast<double>(search.params.d)) : 0;
}

// Whether the rows of each query in turn are scored again on all threads, rather than a query on each.
bool sharesRescore(const Search& search, size_t queries) {
  return search.params.has & kSearchHasRescore && queries < std::min<size_t>(search.call.budget.threads, usableCpus());
}

// The best k of the rows that were found by `base`, by their rows in `rescore`.
void rescore(const Search& search, size_t query, uint64_t* best, bool shared) {
  const Budget& budget = search.call.budget;
  const size_t count = search.wanted;
  Scratch memory(search.params.d * sizeof(float)), again(count * (sizeof(float) + sizeof(uint32_t)));
  const SearchGroup own = prepare(search, query, 1, memory.as<float>());
  float* const scores = again.as<float>();
  uint32_t* const rows = again.as<uint32_t>() + count;
  for (size_t i = 0; i < count; ++i) rows[i] = candidateIndex(best[i]);
  const auto score = [&](uint64_t begin, uint64_t end, uint32_t) {
    scoreNamed(search.rescore, own, rows + begin, end - begin, scores + begin);
  };
  if (shared)
    parallelFor(budget, count, grainFor(budget, count, rescoreNs(search) / static_cast<double>(count)), score);
  else
    score(0, count, 0);
  if (budget.stopped()) return;
  for (size_t i = 0; i < count; ++i) best[i] = candidate(scores[i], rows[i]);
  sortBest(best, count, search.params.k);
}

// The best rows of a query by `base`, in order: count of them, and what the worst of all rows adds.
void emit(const Search& search, size_t query, uint64_t* best, double worst, bool shared = false) {
  const bool isL2 = search.params.metric == kMetricL2;
  const auto scoreOf = [&](uint64_t found) { return isL2 ? 0 - candidateScore(found) : candidateScore(found); };
  const size_t k = search.params.k, d = search.params.d, given = std::min(k, search.wanted);
  const float last = search.wanted ? scoreOf(best[search.wanted - 1]) : 0;
  if (search.wanted && search.params.has & kSearchHasRescore) rescore(search, query, best, shared);
  if (search.call.budget.stopped()) return;
  float* const scores = search.scores + query * k;
  int32_t* const indices = search.indices + query * k;
  for (size_t i = 0; i < k; ++i) {
    scores[i] = i < given ? scoreOf(best[i]) : std::numeric_limits<float>::quiet_NaN();
    indices[i] = i < given ? static_cast<int32_t>(candidateIndex(best[i])) : -1;
  }
  if (!search.bounds) return;
  const SearchBound& bound = *search.base.bound;
  const Query norms = normsOf(search.queries + query * d, d);
  const double norm = bound.needsSum() ? norms.sum : std::sqrt(norms.squares);
  search.bounds[query] = search.wanted == search.allowed ? 0 : bound.of(norm, worst, last, scores[given - 1]);
}

// Small k: every thread keeps its best for every query, merged at the end.
void collectGroup(const Search& search, const SearchGroup& group, const CodeQueries* codes, size_t first) {
  const Budget& budget = search.call.budget;
  const size_t k = search.wanted, room = BestK::capacity(k), lanes = std::min(budget.threads, usableCpus());
  Scratch memory(lanes * group.count * room * sizeof(uint64_t)), thresholds(lanes * kGroup * sizeof(float));
  std::vector<BestK> best(lanes * group.count);
  std::vector<double> worst(lanes);
  // By codes a score costs more than to choose the best again.
  const size_t often = std::min(room, codes ? k + k / 4 + 4 : room);
  for (size_t i = 0; i < best.size(); ++i) best[i] = BestK(memory.as<uint64_t>() + i * room, k, often);
  for (size_t i = 0; i < lanes * kGroup; ++i)
    thresholds.as<float>()[i] = i % kGroup < group.count ? best[0].threshold() : HUGE_VALF;
  parallelFor(budget, group.n, rowGrain(budget, group), [&](uint64_t begin, uint64_t end, uint32_t lane) {
    double error = worst[lane];
    float* const own = thresholds.as<float>() + lane * kGroup;
    BestK* const found = best.data() + lane * group.count;
    if (codes)
      searchCodes(search.base, group, *codes, begin, end, own, found, &error);
    else
      searchStretch(search.base, group, begin, end, own, found, &error);
    worst[lane] = error;
  });
  if (budget.stopped()) return;
  const double error = *std::max_element(worst.begin(), worst.end());
  const bool shared = sharesRescore(search, group.count);
  const auto finish = [&](uint64_t begin, uint64_t end, uint32_t) {
    std::vector<uint64_t> all;
    for (uint64_t q = begin; q < end && !budget.stopped(); ++q) {
      all.clear();
      for (size_t lane = 0; lane < lanes; ++lane)
        all.insert(all.end(), best[lane * group.count + q].begin(), best[lane * group.count + q].end());
      sortBest(all.data(), all.size(), k);
      emit(search, first + q, all.data(), error, shared);
    }
  };
  if (shared) return finish(0, group.count, 0);
  const double queryNs = 5.0 * static_cast<double>(lanes * room) + rescoreNs(search);
  parallelFor(budget, group.count, grainFor(budget, group.count, queryNs), finish);
}

// The same by rough scores, of an int8 base. False where those can't be had.
bool searchByCodes(const Search& search, size_t first, size_t count, float* memory) {
  const size_t d = search.params.d;
  // Before a lane has taken as many as it keeps, each row is scored query by query, which is slower than by tiles.
  const size_t taken = BestK::capacity(search.wanted) * std::min<size_t>(search.call.budget.threads, usableCpus());
  if (count > kFew && taken * 4 > search.allowed) return false;
  CodeQueries codes{.dots = codeDots()};
  if (search.base.element != kElementInt8 || d > kMaxCodeRow || (count > kFew && !codes.dots.panel)) return false;
  Scratch own(codeBytes(codes.dots, count, d));
  const SearchGroup group = prepare(search, first, count, memory, false);
  if (!codeQueries(group, own.as<std::byte>(), codes)) return false;
  collectGroup(search, group, &codes, first);
  return true;
}

// Large k: all scores of the group first, then a selection a query. Rows that may not be found have no place.
void selectGroup(const Search& search, const SearchGroup& group, size_t first) {
  const Budget& budget = search.call.budget;
  const size_t n = group.n, m = search.allowed, k = search.wanted, lanes = std::min(budget.threads, usableCpus());
  Scratch scores(group.count * m * sizeof(float));
  std::vector<size_t> before((n + kRowsAChunk - 1) / kRowsAChunk);
  std::vector<uint32_t> rows(search.base.mask ? m : 0);
  for (size_t chunk = 0, count = 0; chunk < before.size(); ++chunk) {
    const size_t begin = chunk * kRowsAChunk, end = std::min(n, begin + kRowsAChunk);
    before[chunk] = count;
    count += search.base.mask ? allowedRows(search.base.mask, begin, end, rows.data() + count) : end - begin;
  }
  std::vector<double> worst(lanes);
  parallelFor(budget, n, rowGrain(budget, group), [&](uint64_t begin, uint64_t end, uint32_t lane) {
    double error = worst[lane];
    scoreStretch(search.base, group, begin, end, scores.as<float>() + before[begin / kRowsAChunk], m, &error);
    worst[lane] = error;
  });
  if (budget.stopped()) return;
  const double error = *std::max_element(worst.begin(), worst.end());
  const bool shared = sharesRescore(search, group.count);
  Scratch found(shared ? group.count * k * sizeof(uint64_t) : 0);  // of all queries, before any is scored again
  const double queryNs = 8.0 * static_cast<double>(m) + (shared ? 0 : rescoreNs(search));
  parallelFor(budget, group.count, grainFor(budget, group.count, queryNs), [&](uint64_t begin, uint64_t end, uint32_t) {
    Scratch work(topKWork(m, k) * sizeof(uint64_t));
    uint64_t* const best = work.as<uint64_t>();
    for (uint64_t q = begin; q < end && !budget.stopped(); ++q) {
      topKRow(scores.as<float>() + q * m, m, k, false, best);
      if (search.base.mask)
        for (size_t i = 0; i < k; ++i) best[i] = (best[i] & ~uint64_t{0xFFFFFFFF}) | rows[candidateIndex(best[i])];
      if (shared)
        std::memcpy(found.as<uint64_t>() + q * k, best, k * sizeof(uint64_t));
      else
        emit(search, first + q, best, error);
    }
  });
  for (size_t q = 0; shared && q < group.count && !budget.stopped(); ++q)
    emit(search, first + q, found.as<uint64_t>() + q * k, error, true);
}

}  // namespace

namespace kernels {
void similarity_search(const Call& call) {
  const auto params = call.as<SimilaritySearchParams>();
  if (params.k == 0 || params.q == 0) return;
  const DType dtypes[] = {DType::Float32, DType::Float16, DType::Bfloat16};
  const SearchBound bound(params.element < 3 ? dtypes[params.element] : DType::Int8, params.metric, params.d);
  const auto* const mask = params.has & kSearchHasMask ? call.view<const uint8_t>(3) : nullptr;
  const bool rescored = params.has & kSearchHasRescore, isBounded = params.has & kSearchHasBound;
  Search search{
      call,
      params,
      {call.view<void>(1), params.element, call.view(2), mask, isBounded ? &bound : nullptr, params.n, params.d},
      {call.view<void>(4), params.rescore, nullptr, nullptr, nullptr, params.n, params.d},
      countAllowed(mask, 0, params.n),
      params.k,
      call.view(0),
      call.view(5),
      call.view<int32_t>(6),
      isBounded ? call.view(7) : nullptr};
  if (rescored) search.wanted = searchCandidates(params.k, params.n);
  search.wanted = std::min(search.wanted, search.allowed);
  if (search.wanted == 0) {
    for (size_t q = 0; q < params.q; ++q) emit(search, q, nullptr, 0);
    return;
  }
  const bool collect = search.wanted <= kMaxCollect && search.wanted * 4 <= search.allowed;
  const size_t most = collect ? kGroup : std::clamp<size_t>(kScoreBytes / (sizeof(float) * params.n), 1, kGroup);
  // Vectors may have lanes past the last query, but never past a whole group.
  Scratch queries(kGroup * std::max<size_t>(params.d, 1) * sizeof(float));
  for (size_t first = 0; first < params.q && !call.budget.stopped(); first += most) {
    const size_t count = std::min<size_t>(most, params.q - first);
    if (collect && searchByCodes(search, first, count, queries.as<float>())) continue;
    const SearchGroup group = prepare(search, first, count, queries.as<float>());
    if (collect)
      collectGroup(search, group, nullptr, first);
    else
      selectGroup(search, group, first);
  }
}
}  // namespace kernels
}  // namespace switchyard::cpu
