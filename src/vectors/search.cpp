// A row that is not among the candidates scores at best as the last of them by the device, and what that may be off by.
#include "vectors/search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "error.h"
#include "search_bound.h"
#include "vectors/best_hits.h"

namespace switchyard::vectors {
namespace {

constexpr uint32_t kRangeCandidates = 64;   // a range's first guess
constexpr uint32_t kMostCandidates = 4096;  // before all is scanned
constexpr uint32_t kGrowth = 8;
constexpr uint32_t kMostWidening = 64;
// Lengths whose squares, and products, float32 holds with all its digits, however many there are.
constexpr double kLeastLength = 1e-15, kMostLength = 1e15;
constexpr double kTiny = 0x1p-125;  // of a number or a product that a device may take for 0

float roundedUp(double value) {
  const auto rounded = static_cast<float>(value);
  return rounded < value ? std::nextafter(rounded, std::numeric_limits<float>::infinity()) : rounded;
}

}  // namespace

Search::Search(std::shared_ptr<const Table> table, Question question)
    : table_(std::move(table)), question_(std::move(question)), squares_(question_.count) {
  const std::vector<Id>* ids = question_.ids ? &*question_.ids : nullptr;
  for (View& view : table_->snapshot(ids, &chosen_)) parts_.push_back({.view = std::move(view)});
  for (size_t q = 0; q < question_.count; ++q)
    squares_[q] = finiteSquaresOf(query(q), table_->dimensions, q, "queries");
  states_.resize(parts_.size() * question_.count);
  hits_.resize(question_.count);
}

size_t Search::wanted() const {
  return question_.isRange ? std::min<size_t>(question_.k, kRangeCandidates) : question_.k;
}

uint32_t Search::firstK(const Part& part, bool byCodes) const {
  uint64_t candidates = searchCandidates(wanted(), part.allowed);
  if (byCodes && !question_.isApproximate)
    candidates = std::max(candidates, std::min<uint64_t>(candidates * table_->widening.load(), kMostCandidates));
  return static_cast<uint32_t>(std::min<uint64_t>({candidates, part.allowed, part.view.rows}));
}

HeldColumns Search::columnsOf(const View& view) const {
  view.segment->checkMetadata(0, view.rows);
  return view.segment->columns(question_.filter->fields(), view.rows);
}

void Search::plan() {
  std::vector<HeldColumns> columns;
  if (question_.filter)
    for (const Part& part : parts_) columns.push_back(columnsOf(part.view));
  if (question_.filter && table_->size() > 0) question_.filter->check(columns);
  for (size_t p = 0; p < parts_.size(); ++p) {
    Part& part = parts_[p];
    const View& view = part.view;
    part.allowed = view.live;
    if (!question_.filter && !question_.ids) {
      if (view.live < view.rows) part.mask = view.alive;
    } else {
      Bits mask = question_.ids ? std::move(chosen_[p]) : Bits::all(view.rows);
      mask.both(*view.alive);
      if (question_.filter) mask.both(question_.filter->evaluate(columns[p], view.rows));
      part.allowed = mask.count();
      part.mask = std::make_shared<const Bits>(std::move(mask));
    }
    decide(p);
  }
}

// How the part is begun with.
void Search::decide(size_t p) {
  Part& part = parts_[p];
  std::vector<uint32_t> asked, scanned;
  const double products = static_cast<double>(part.allowed) * static_cast<double>(question_.count) * table_->dimensions;
  const uint32_t k = firstK(part, question_.isCoded);
  const double most = table_->limits.scanned;
  const bool scansAll = products <= most || (most > 0 && uint64_t{firstK(part, false)} * kGrowth >= part.allowed);
  for (uint32_t q = 0; q < question_.count; ++q) (scansAll || !isKnown(part.view, q) ? scanned : asked).push_back(q);
  if (part.allowed == 0 || question_.k == 0)
    for (uint32_t q = 0; q < question_.count; ++q) state(p, q).isComplete = true;
  else if (!scanned.empty())
    scans_.emplace_back(static_cast<uint32_t>(p), std::move(scanned));
  if (asked.empty()) return;
  for (uint32_t q : asked) state(p, q).k = k;
  needs_.push_back({static_cast<uint32_t>(p), k, false, std::move(asked)});
}

// Whether it can be said at all how far off a device's score may be.
bool Search::isKnown(const View& view, size_t q) const {
  const double length = std::sqrt(squares_[q]), most = std::sqrt(view.squares.most),
               least = std::sqrt(view.squares.least);
  const auto isUsual = [](double each) { return each == 0 || (each >= kLeastLength && each <= kMostLength); };
  return isUsual(length) && isUsual(most) && isUsual(least);
}

double Search::work() const {
  double rows = 0;
  for (const Part& part : parts_) {
    const Segment& segment = *part.view.segment;
    if (part.allowed && (!segment.areRowsChecked() || (question_.withMetadata && !segment.isMetadataChecked())))
      return std::numeric_limits<double>::infinity();
  }
  for (const auto& [part, queries] : scans_)
    rows += static_cast<double>(parts_[part].allowed) * static_cast<double>(queries.size());
  for (const Need& need : needs_) rows += static_cast<double>(need.k) * static_cast<double>(need.queries.size());
  return rows * table_->dimensions;
}

void Search::advance(const std::vector<Answer>& answers) {
  const std::vector<Need> asked = std::move(needs_);
  needs_.clear();
  for (size_t i = 0; i < asked.size(); ++i) take(asked[i], answers[i]);
  do {
    const auto scans = std::move(scans_);
    scans_.clear();
    for (const auto& [part, queries] : scans) scan(part, queries);
    merge();
    learn();
    std::map<std::tuple<uint32_t, uint32_t, bool>, std::vector<uint32_t>> more;
    std::map<uint32_t, std::vector<uint32_t>> scanned;
    for (uint32_t p = 0; p < parts_.size(); ++p) {
      for (uint32_t q = 0; q < question_.count; ++q) {
        State& each = state(p, q);
        if (each.isComplete || isProven(q, each.beyond)) continue;
        if (ask(parts_[p], each))
          more[{p, each.k, each.byRows}].push_back(q);
        else
          scanned[p].push_back(q);
      }
    }
    for (auto& [key, queries] : more)
      needs_.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), std::move(queries)});
    for (auto& [part, queries] : scanned) scans_.emplace_back(part, std::move(queries));
  } while (!scans_.empty() && needs_.empty());
  if (needs_.empty()) checkHits();
}

void Search::checkHits() const {
  if (!question_.withMetadata) return;
  for (const auto& hits : hits_)
    for (const Hit& hit : hits) parts_[hit.part].view.segment->checkMetadata(hit.row, hit.row + size_t{1});
}

// More candidates, or those by the rows themselves; false: it is to be scanned.
bool Search::ask(const Part& part, State& state) const {
  const uint64_t more = uint64_t{state.k} * kGrowth;
  if (more <= kMostCandidates && more * kGrowth <= part.allowed && std::isfinite(state.beyond)) {
    state.k = static_cast<uint32_t>(more);
    return true;
  }
  if (state.byRows) return false;
  state.byRows = true;
  state.k = firstK(part, false);
  return true;
}

void Search::scan(size_t p, const std::vector<uint32_t>& queries) {
  Part& part = parts_[p];
  part.isScanned = true;
  ++part.rounds;
  part.candidates += part.allowed * queries.size();
  const Segment& segment = *part.view.segment;
  segment.checkRows(0, part.view.rows);
  std::vector<BestHits> best(queries.size(), {table_->metric, question_.k, question_.threshold});
  const auto compare = [&](size_t row) {
    for (size_t i = 0; i < queries.size(); ++i) {
      const uint32_t q = queries[i];
      const float score =
          scoreOf(table_->metric, query(q), squares_[q], segment.row(row), segment.squares(row), table_->dimensions);
      best[i].add({score, static_cast<uint32_t>(p), static_cast<uint32_t>(row)});
    }
  };
  if (part.mask)
    part.mask->forEach(compare);
  else
    for (size_t row = 0; row < part.view.rows; ++row) compare(row);
  for (size_t i = 0; i < queries.size(); ++i) {
    state(p, queries[i]).hits = best[i].take();
    state(p, queries[i]).isComplete = true;
  }
}

void Search::take(const Need& need, const Answer& answer) {
  Part& part = parts_[need.part];
  ++part.rounds;
  const Segment& segment = *part.view.segment;
  segment.checkRows(0, part.view.rows);
  for (size_t i = 0; i < need.queries.size(); ++i) {
    const uint32_t q = need.queries[i];
    State& each = state(need.part, q);
    each.byRows = answer.bounds.empty();
    BestHits best(table_->metric, question_.k, question_.threshold);
    size_t found = 0;
    for (; found < need.k && answer.indices[i * need.k + found] >= 0; ++found) {
      const auto row = static_cast<uint32_t>(answer.indices[i * need.k + found]);
      if (row >= part.view.rows)  // of rows that came after the snapshot, or of none
        throw Error(Code::Internal, "a search was told of row " + std::to_string(row) + " of a segment that has " +
                                        std::to_string(part.view.rows));
      best.add(
          {scoreOf(table_->metric, query(q), squares_[q], segment.row(row), segment.squares(row), table_->dimensions),
           need.part, row});
    }
    part.candidates += found;
    each.hits = best.take();
    each.isComplete = found < need.k || found >= part.allowed || (question_.isApproximate && !each.byRows);
    if (each.isComplete) continue;
    const float* const scores = &answer.scores[i * need.k];
    const float* const bound = answer.bounds.empty() ? nullptr : &answer.bounds[i];
    each.beyond = beyond(part.view, q, scores[found - 1], bound);
    each.halfBeyond = beyond(part.view, q, scores[found / 2], bound);
  }
}

// The best that a row can score which scored no better than `last` on a device. `bound`: search_bound.h's, of codes; of
// float32 rows what the roundings of sums come to, and numbers that a device takes for 0.
float Search::beyond(const View& view, size_t q, float last, const float* bound) const {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const bool isL2 = table_->metric == Metric::L2;
  if (std::isnan(last)) return isL2 ? -kInfinity : kInfinity;
  if (bound) return isL2 ? -roundedUp(double{*bound} - last) : roundedUp(double{last} + *bound);
  const double d = table_->dimensions, share = (d + 64) * 0x1p-24;
  if (share >= 0.5) return isL2 ? -kInfinity : kInfinity;
  const double rounding = share / (1 - share), length = std::sqrt(squares_[q]), most = std::sqrt(view.squares.most);
  if (table_->metric == Metric::Cosine)
    return roundedUp(last + kScoreErrors * 2 * rounding);  // both norms' is one more
  if (table_->metric == Metric::Dot)
    return roundedUp(last + kScoreErrors * (rounding * length * most + d * kTiny * (1 + length + most)));
  const double distance = std::sqrt(leastDistance(last, rounding)) - kScoreErrors * std::sqrt(d) * kTiny;
  return -roundedUp(-std::max(0.0, std::max(0.0, distance) * std::max(0.0, distance) - kScoreErrors * d * kTiny));
}

void Search::merge() {
  for (size_t q = 0; q < question_.count; ++q) {
    BestHits best(table_->metric, question_.k, question_.threshold);
    for (size_t p = 0; p < parts_.size(); ++p)
      for (const Hit& hit : state(p, q).hits) best.add(hit);
    hits_[q] = best.take();
  }
}

// From the first answers by codes: more candidates at once where more than one in 64 was not proven, fewer where
// half of them would have done.
void Search::learn() {
  if (hasLearned_ || question_.isApproximate) return;
  size_t all = 0, unproven = 0, generous = 0;
  for (size_t p = 0; p < parts_.size(); ++p) {
    for (size_t q = 0; q < question_.count; ++q) {
      const State& each = state(p, q);
      if (each.isComplete || each.byRows || each.k == 0) continue;
      ++all;
      if (!isProven(q, each.beyond)) ++unproven;
      if (isProven(q, each.halfBeyond)) ++generous;
    }
  }
  if (all == 0) return;
  hasLearned_ = true;
  const uint32_t now = table_->widening.load();
  if (unproven * 64 > all && now < kMostWidening) table_->widening.store(now * 2);
  if (generous == all && now > 1) table_->widening.store(now / 2);
}

// Whether no row that scores no better than `beyond` can be among the hits: not even as the equal of the last one.
bool Search::isProven(size_t q, float beyond) const {
  const Metric metric = table_->metric;
  if (question_.threshold && isBetter(metric, *question_.threshold, beyond)) return true;
  return hits_[q].size() >= question_.k && isBetter(metric, hits_[q].back().score, beyond);
}

}  // namespace switchyard::vectors
