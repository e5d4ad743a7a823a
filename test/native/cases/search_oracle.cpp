// similarity-search in double precision: scores, order, ties, masks, rows that are scored again, and the bound.
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <map>
#include <set>
#include <unordered_map>

#include "oracles.h"
#include "search_bound.h"

namespace switchyard::test {
namespace {

struct Score {
  double value = 0, error = 0;
};
using Scores = std::vector<Score>;  // of one query with all rows

// The roundings of a sum along a row, in units of kUlp. A score may be one chain of additions, and where the terms are
// alike, their roundings are too: partial sums grow evenly, so that they come to half a unit of the whole each. Alike
// are terms that share what a sum of so many keeps of them: the first ten bits or so.
double chainRoundings(const HostTensor& rows, size_t row, size_t d) {
  std::unordered_map<uint32_t, size_t> counts;
  size_t most = 0;
  for (size_t i = 0; i < d; ++i) {
    const float x = std::fabs(float(rows.at(row * d + i)));
    if (x == 0) continue;
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    most = std::max(most, ++counts[bits >> 13]);
  }
  return most > 8 + d / 64 ? std::max(sumRoundings(d), double(d) / 2) : sumRoundings(d);
}

Score scoreOf(const HostTensor& queries, size_t q, const HostTensor& base, size_t row, size_t d,
              const std::string& metric, double ofQuery, double ofRow) {
  double dot = 0, magnitude = 0, qq = 0, bb = 0, l2 = 0;
  for (size_t i = 0; i < d; ++i) {
    double x = queries.at(q * d + i), y = base.at(row * d + i);
    dot += x * y;
    magnitude += std::fabs(x * y);
    qq += x * x;
    bb += y * y;
    l2 += (x - y) * (x - y);
  }
  // Products are alike where the elements of both rows are, differences where those of the larger one are.
  const double c = (metric == "l2" ? std::max(ofQuery, ofRow) : std::min(ofQuery, ofRow)) * kUlp;
  // Where l2 is made of norms and a product it cancels: judged against the norms, unless the kernel sums the
  // differences.
  if (metric == "l2") return {l2, (c + 4 * kUlp) * l2};
  if (metric == "dot") return {dot, c * magnitude};
  if (qq == 0 || bb == 0) return {0, 0};
  double norms = std::sqrt(qq) * std::sqrt(bb);
  // Products that are no normal numbers may be flushed to zero (GPUs do): what that is of the cosine of short vectors
  // is not left to chance.
  const double flushed = norms < 0.5 ? 0 : double(d) * FLT_MIN / norms;
  const double ofNorms = (ofQuery + ofRow) / 2 * kUlp;  // half of what their squares are off by
  return {dot / norms, c * magnitude / norms + flushed + (ofNorms + 12 * kUlp) * std::fabs(dot / norms)};
}

bool better(double a, double b, bool smallest) {
  if (std::isnan(a) || std::isnan(b)) return !std::isnan(a) && std::isnan(b);
  return smallest ? a < b : a > b;
}

// The bound as docs/api.md states it, in double: a device may add its roundings, and half as much again.
struct StatedBound {
  std::string metric;
  bool isJudged = false;            // all is finite
  double worst = 0, magnitude = 0;  // of all rows that may be found: the error, |b| or the largest |b_i| of int8
  double rounding = 0;              // of the sums, a share
  std::vector<double> norms;

  StatedBound() = default;
  // `rows`: those of `base` as they are.
  StatedBound(const std::string& metric, const HostTensor& queries, const HostTensor& base, const HostTensor* scales,
              const HostTensor& rows, const std::vector<bool>& allowed)
      : metric(metric), isJudged(base.spec.dtype != kF32) {
    const size_t d = base.shape()[1];
    const double unit = base.spec.dtype == kF16 ? 0x1p-11 : 0x1p-8, least = base.spec.dtype == kF16 ? 0x1p-25 : 0;
    rounding = double(d + 64) * 0x1p-24;
    const bool isProductOfCodes = scales && metric == "dot";
    for (size_t row = 0; row < allowed.size(); ++row) {
      if (!allowed[row]) continue;
      double squares = 0;
      for (size_t i = 0; i < d; ++i) squares += std::pow(rows.at(row * d + i), 2);
      isJudged = isJudged && std::isfinite(squares);
      const double length = std::sqrt(squares), step = scales ? std::fabs(scales->at(row)) / 2 : 0;
      double error = scales ? step * std::sqrt(double(d)) : unit * length + std::sqrt(double(d)) * least;
      if (isProductOfCodes) error = step;
      if (metric == "cosine") error = length > 0 ? error / length : 0;
      worst = std::max(worst, error), magnitude = std::max(magnitude, isProductOfCodes ? 256 * step : length);
    }
    for (size_t q = 0; q < queries.shape()[0]; ++q) {
      double sum = 0, squares = 0;
      for (size_t i = q * d; i < (q + 1) * d; ++i)
        sum += std::fabs(queries.at(i)), squares += std::pow(queries.at(i), 2);
      norms.push_back(isProductOfCodes ? sum : std::sqrt(squares));
    }
  }

  // Of an answer whose last row scores `returned`, the last one that was found by the base `last`, give or take `off`.
  double most(size_t query, double last, double off, double returned) const {
    const double norm = norms[query];
    // Of three sums, each of which may be off: by which a row was chosen, that of the last one, and what came back. A
    // little more, as a bound is rounded up.
    double by = 0, around = 6.1 * rounding;
    if (metric == "dot") {
      around *= norm * magnitude;
      by = last + off + norm * worst - returned;
    } else if (metric == "l2") {
      around *= last + off;
      by = returned - std::pow(std::max(0.0, std::sqrt(std::max(0.0, last - off - around)) - worst), 2);
    } else {
      const double angle = std::acos(std::clamp(last + off + around, -1.0, 1.0));
      by = std::cos(std::max(0.0, worst < 1 ? angle - std::asin(worst) : 0)) - returned;
    }
    return 1.5 * std::max(0.0, by) + around + 1e-30;
  }
};

// What is judged by: scores of all rows by `base`, by `rescore` (or empty), and by what `base` was made of (or empty).
struct Search {
  size_t k = 0, candidates = 0;
  bool smallest = false, exact = false;
  std::vector<bool> allowed;
  StatedBound stated;
  std::vector<Scores> base, rescore, made;

  size_t count() const { return size_t(std::count(allowed.begin(), allowed.end(), true)); }
  bool isSurelyBetter(const Score& a, const Score& b) const {
    const double by = smallest ? 1 : -1;
    return better(a.value + by * a.error, b.value - by * b.error, smallest);
  }
  // How many rows are better than this one for certain, and how many may be.
  size_t surelyBefore(const Scores& all, size_t row) const {
    size_t count = 0;
    for (size_t i = 0; i < all.size(); ++i) count += allowed[i] && i != row && isSurelyBetter(all[i], all[row]);
    return count;
  }
  size_t maybeBefore(const Scores& all, size_t row) const {
    size_t count = 0;
    for (size_t i = 0; i < all.size(); ++i) count += allowed[i] && i != row && !isSurelyBetter(all[row], all[i]);
    return count;
  }
};

std::string whereIs(size_t i, size_t query) {
  return " at place " + std::to_string(i) + " of answer " + std::to_string(query);
}

// One place of an answer, by itself and beside the one before it.
std::string checkPlace(const Search& search, const Scores& all, const HostTensor& scores, const HostTensor& indices,
                       size_t query, size_t i, std::set<int64_t>& seen) {
  const size_t from = query * search.k;
  const std::string where = whereIs(i, query);
  const int64_t row = int64_t(indices.at(from + i));
  const double got = scores.at(from + i);
  if (i >= search.count())
    return row == -1 && std::isnan(got) ? "" : "row " + std::to_string(row) + " where none is left" + where;
  if (row < 0 || row >= int64_t(all.size())) return "index " + std::to_string(row) + where;
  if (!search.allowed[size_t(row)]) return "row " + std::to_string(row) + ", which the mask hides," + where;
  if (!seen.insert(row).second) return "row " + std::to_string(row) + " a second time" + where;
  Expected own(kF32, {1});
  own.set(0, all[size_t(row)].value, all[size_t(row)].error);
  double share;
  if (std::string wrong = compareElement(own, 0, got, share); !wrong.empty())
    return "score of row " + std::to_string(row) + where + ": " + wrong;
  if (i == 0) return "";
  const double before = scores.at(from + i - 1);
  if (better(got, before, search.smallest)) return "scores out of order" + where;
  if (got == before && row < int64_t(indices.at(from + i - 1))) return "a tie with the higher index first" + where;
  return "";
}

// Nothing better was left out: of all rows, or of those that are candidates for certain.
std::string checkBest(const Search& search, const Scores& all, const HostTensor& scores, size_t query, size_t i,
                      const std::set<int64_t>& seen) {
  if (i >= search.count()) return "";
  const double got = scores.at(query * search.k + i);
  // The best that is left for certain: of sums that cancel the error is large, and theirs may stand anywhere.
  double best = kNaN;
  for (size_t other = 0; other < all.size(); ++other) {
    if (!search.allowed[other] || seen.count(int64_t(other))) continue;
    const double sure = all[other].value + (search.smallest ? all[other].error : -all[other].error);
    if (!better(sure, best, search.smallest)) continue;
    const bool again = !search.rescore.empty() && better(sure, got, search.smallest);
    if (again && search.maybeBefore(search.base[query], other) >= search.candidates) continue;
    best = sure;
  }
  if (!better(best, got, search.smallest)) return "";
  Expected place(kF32, {1});
  place.set(0, best, 0);
  double share;
  const std::string wrong = compareElement(place, 0, got, share);
  return wrong.empty() ? "" : "not the best left" + whereIs(i, query) + ": " + wrong;
}

// Of equal scores those of the lower indices were taken.
std::string checkTies(const Search& search, const Scores& all, size_t query, const std::set<int64_t>& seen) {
  std::map<double, int64_t> highest;  // of the rows that were returned, by their scores
  for (int64_t row : seen) highest[all[size_t(row)].value] = row;
  for (size_t row = 0; row < all.size(); ++row) {
    if (!search.allowed[row] || seen.count(int64_t(row)) || std::isnan(all[row].value)) continue;
    const auto equal = highest.find(all[row].value);
    if (equal != highest.end() && int64_t(row) < equal->second)
      return "row " + std::to_string(row) + " scores like row " + std::to_string(equal->second) +
             " and was left out of answer " + std::to_string(query);
  }
  return "";
}

// The bound is no more than it has to be.
std::string checkStated(const Search& search, double bound, double returned, size_t query) {
  double last = returned, off = 0;
  if (!search.rescore.empty()) {
    std::vector<double> found;
    for (size_t row = 0; row < search.allowed.size(); ++row) {
      if (!search.allowed[row]) continue;
      const Score& score = search.base[query][row];
      found.push_back(score.value), off = std::max(off, score.error);
    }
    if (found.size() <= search.candidates) return bound == 0 ? "" : ", but every row was scored again";
    std::sort(found.begin(), found.end(), [&](double a, double b) { return better(a, b, search.smallest); });
    last = found[search.candidates - 1];
  }
  if (!std::isfinite(last) || !std::isfinite(off) || !std::isfinite(returned)) return "";
  const double most = search.stated.most(query, last, off, returned);
  if (bound <= most || std::isnan(most) || most > FLT_MAX) return "";
  char text[64];
  snprintf(text, sizeof text, ", is more than %.9g", most);
  return text;
}

// No row that was left out is better by more than the bound says, by what the base was made of.
std::string checkBound(const Search& search, const HostTensor& scores, const HostTensor& bounds, size_t query,
                       const std::set<int64_t>& seen) {
  const double bound = bounds.at(query);
  const auto wrong = [&](const std::string& what) {
    char number[64];
    snprintf(number, sizeof number, "the bound of query %d, %.9g", int(query), bound);
    return number + what;
  };
  if (!(bound >= 0)) return wrong(", is no distance");
  if (search.count() <= search.k) return bound == 0 ? "" : wrong(", but every row was found");
  if (search.made.empty()) return "";
  const double last = scores.at(query * search.k + search.k - 1);
  if (search.stated.isJudged)
    if (std::string text = checkStated(search, bound, last, query); !text.empty()) return wrong(text);
  for (size_t row = 0; row < search.allowed.size(); ++row) {
    if (!search.allowed[row] || seen.count(int64_t(row))) continue;
    const Score& exact = search.made[query][row];
    // With `rescore` the bound is on scores in float32, as a search of exact rows would give them.
    const double by = bound + (search.rescore.empty() ? 0 : exact.error);
    if (std::isnan(exact.value) || by == kInf) continue;
    if (search.smallest ? exact.value >= last - by : exact.value <= last + by) continue;
    char text[96];
    snprintf(text, sizeof text, ": row %d has %.9g, the last that was found %.9g", int(row), exact.value, last);
    return wrong(text);
  }
  return "";
}

std::string checkAnswer(const Search& search, const std::vector<HostTensor>& got, size_t query) {
  std::set<int64_t> seen;
  const Scores& all = (search.rescore.empty() ? search.base : search.rescore)[query];
  for (size_t i = 0; i < search.k; ++i) {
    if (std::string wrong = checkPlace(search, all, got[0], got[1], query, i, seen); !wrong.empty()) return wrong;
    if (std::string wrong = checkBest(search, all, got[0], query, i, seen); !wrong.empty()) return wrong;
  }
  if (!search.rescore.empty())
    for (int64_t row : seen)
      if (search.surelyBefore(search.base[query], size_t(row)) >= search.candidates)
        return "row " + std::to_string(row) + " is no candidate of answer " + std::to_string(query);
  if (search.exact && search.rescore.empty())
    if (std::string wrong = checkTies(search, all, query, seen); !wrong.empty()) return wrong;
  return got.size() > 2 ? checkBound(search, got[0], got[2], query, seen) : "";
}

std::vector<Scores> scoresOf(const HostTensor& queries, const HostTensor& rows, const std::string& metric, bool exact) {
  const size_t q = queries.shape()[0], d = queries.shape()[1], n = rows.shape()[0];
  std::vector<Scores> all(q, Scores(n));
  std::vector<double> ofRows(n);
  for (size_t row = 0; row < n; ++row) ofRows[row] = chainRoundings(rows, row, d);
  for (size_t i = 0; i < q; ++i) {
    const double ofQuery = chainRoundings(queries, i, d);
    for (size_t row = 0; row < n; ++row) {
      all[i][row] = scoreOf(queries, i, rows, row, d, metric, ofQuery, ofRows[row]);
      if (exact) all[i][row].error = 0;
    }
  }
  return all;
}

// The rows of a base as float32: of codes times their scale.
HostTensor floatRowsOf(const HostTensor& base, const HostTensor* scales) {
  if (!scales) return base;
  const size_t d = base.shape()[1];
  HostTensor rows(kF32, base.shape());
  for (size_t i = 0; i < base.size(); ++i) rows.set(i, double(float(scales->at(i / d)) * float(base.at(i))));
  return rows;
}

}  // namespace

void expectSearch(Problem& p, bool exact, const HostTensor* made) {
  const auto given = [&](size_t input) {
    return p.inputs.size() > input && p.inputs[input].present ? &p.inputs[input] : nullptr;
  };
  const HostTensor &queries = p.inputs[0], &base = p.inputs[1];
  const size_t q = queries.shape()[0], n = base.shape()[0];
  const std::string metric = p.choice("metric", "cosine");
  auto search = std::make_shared<Search>();
  search->k = size_t(p.param("k", 1));
  search->candidates = searchCandidates(search->k, n);
  search->smallest = metric == "l2";
  search->allowed.assign(n, true);
  if (const HostTensor* mask = given(3))
    for (size_t row = 0; row < n; ++row) search->allowed[row] = int(mask->at(row / 8)) >> row % 8 & 1;
  search->exact = exact;
  const HostTensor rows = floatRowsOf(base, given(2));
  search->base = scoresOf(queries, rows, metric, exact);
  search->stated = StatedBound(metric, queries, base, given(2), rows, search->allowed);
  if (const HostTensor* rescore = given(4)) search->rescore = scoresOf(queries, *rescore, metric, exact);
  if (made) search->made = scoresOf(queries, *made, metric, false);
  const size_t k = search->k;
  p.outputs = {Expected(kF32, {q, k}), Expected(DType::Int32, {q, k})};
  if (base.spec.dtype != kF32) p.outputs.push_back(Expected(kF32, {q}));
  // the specs alone: `check` does the rest
  for (Expected& output : p.outputs) std::fill(output.slack.begin(), output.slack.end(), kInf);
  p.check = [=](const std::vector<HostTensor>& got) -> std::string {
    if (metric == "cosine")
      for (size_t i = 0; i < q * k; ++i)
        if (std::fabs(got[0].at(i)) > 1) return "a cosine of more than 1 at place " + std::to_string(i);
    for (size_t i = 0; i < q; ++i)
      if (std::string wrong = checkAnswer(*search, got, i); !wrong.empty()) return wrong;
    return "";
  };
}

}  // namespace switchyard::test
