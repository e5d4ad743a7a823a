// similarity-search where k is so small beside n that GPUs look at the best blocks of rows alone: winners in one block
// and in all of them, blocks that are hidden, equal, or worth nothing.
#include <cfloat>

#include "oracles.h"

namespace switchyard::test {
namespace {

constexpr uint64_t kRows = 1000, kLength = 20, kBest = 3;  // sixteen blocks, the last of 40 rows
constexpr uint64_t kQueries[] = {1, 6, 19, 70};

std::string nameOf(const char* metric, const char* what, uint64_t q, DType t) {
  return std::string(metric) + "-blocks-" + what + "-" + std::to_string(q) + dtypeSuffix(t);
}

void addFormats(CaseList& list, const char* metric) {
  for (DType t : {kF32, DType::Int8, kF16, kBF16})
    for (uint64_t q : kQueries)
      for (const bool masked : {false, true}) {
        if (halfSkips(t, q + masked) && t != DType::Int8) continue;
        for (const uint64_t d : {kLength, uint64_t{37}}) {
          // Every mixture of one metric: each is a shader of its own, and metrics differ in what they add up alone.
          const bool every = std::string(metric) == "cosine";
          if (!every && (d != kLength || q == 1 || q == 19 || t == kBF16)) continue;
          list.add("similarity-search", nameOf(metric, masked ? "masked" : "all", q, t) + "-" + std::to_string(d),
                   Size::Small, [=](Problem& p, Random& random) {
                     const HostTensor rows = random.uniform(kF32, {kRows, d});
                     p.inputs = {random.uniform(kF32, {q, d})};
                     roundBase(p, rows, t);
                     // Two blocks with a row each, one without, the others with many or all.
                     if (masked)
                       p.inputs[3] = maskOf(kRows, [](uint64_t row) {
                         const uint64_t block = row / 64;
                         return block == 2 ? row % 64 == 63 : block == 7 ? row % 64 == 0 : block != 4 && row % 5 != 1;
                       });
                     if (masked && t != kF32) p.inputs[4] = rows;
                     p.params = {{"k", double(kBest)}, {"metric", metric}};
                     expectSearch(p, false, t == kF32 ? nullptr : &rows);
                   });
        }
      }
}

// Whole numbers, judged exactly: the winners side by side, and the same row in every block.
void addWinners(CaseList& list, const char* metric) {
  for (uint64_t q : kQueries)
    for (const char* where : {"in-the-last-block", "in-one-block", "in-every-block"})
      list.add("similarity-search", nameOf(metric, where, q, kF32), Size::Small, [=](Problem& p, Random& random) {
        p.inputs = {HostTensor(kF32, {q, kLength}), random.integers(kF32, {kRows, kLength}, -3, 3)};
        for (size_t i = 0; i < p.inputs[0].size(); ++i) p.inputs[0].set(i, double(5 + i % kLength % 3));
        const bool all = std::string(where) == "in-every-block";
        const size_t first = all ? 11 : std::string(where) == "in-one-block" ? 300 : kRows - 4;
        for (size_t row = first; row < (all ? kRows : first + 4); row += all ? 64 : 1)
          for (size_t i = 0; i < kLength; ++i) p.inputs[1].set(row * kLength + i, double(5 + i % 3));
        p.params = {{"k", double(kBest)}, {"metric", metric}};
        expectSearch(p, std::string(metric) != "cosine");
        auto judge = p.check;
        p.check = [=](const std::vector<HostTensor>& got) -> std::string {
          if (std::string wrong = judge(got); !wrong.empty()) return wrong;
          for (size_t i = 0; i < q * kBest; ++i)  // equal rows: the lowest indices
            if (got[1].at(i) != double(first + i % kBest * (all ? 64 : 1)))
              return "row " + std::to_string(got[1].at(i)) + " at place " + std::to_string(i);
          return "";
        };
      });
}

// Rows of whole pieces of 16 bytes go to a card's tensor cores: all that they have trouble with.
void addHalves(CaseList& list, const char* metric) {
  for (DType t : {kF32, DType::Int8, kF16, kBF16})
    for (const uint64_t q : {19, 70}) {
      const uint64_t d = q == 19 ? 80 : 48;
      if (q == 70 && (t == kF16 || t == kBF16)) continue;  // the emulation takes seconds for each
      for (const bool fast : {false, true})
        list.add("similarity-search", nameOf(metric, fast ? "halves-fast" : "halves", q, t), Size::Small,
                 [=](Problem& p, Random& random) {
                   // Rounding must not tell them apart: whole numbers are what halves hold.
                   const bool whole = fast && t == kF32;
                   const HostTensor rows =
                       whole ? random.integers(kF32, {kRows, d}, -9, 9) : random.uniform(kF32, {kRows, d});
                   p.inputs = {whole ? random.integers(kF32, {q, d}, -9, 9) : random.uniform(kF32, {q, d})};
                   roundBase(p, rows, t);
                   p.inputs[3] = maskOf(kRows, [](uint64_t row) { return row / 64 != 5 && row % 7 != 3; });
                   p.params = {{"k", double(kBest)}, {"metric", metric}};
                   if (fast) p.params.push_back({"precision", "fast"});
                   expectSearch(p, false, t == kF32 ? nullptr : &rows);
                 });
      if (q != 19) continue;
      list.add("similarity-search", nameOf(metric, "halves-lost", q, t), Size::Small, [=](Problem& p, Random& random) {
        HostTensor rows = random.uniform(kF32, {kRows, d}), queries = random.uniform(kF32, {q, d});
        const bool narrow = t == kF16;
        const auto times = [&](HostTensor& of, size_t row, size_t from, size_t to, double by) {
          for (size_t i = from; i < to; ++i) of.set(row * d + i, of.at(row * d + i) * by);
        };
        // Rows that lie as queries do, and whose squares are 0.
        for (size_t row = 995; row < kRows; ++row)
          for (size_t i = 0; i < d; ++i)
            rows.set(row * d + i, queries.at((row - 985) * d + i) * (narrow ? 1e-3 : 1e-25));
        times(rows, 5, 0, d, 0), times(rows, 130, 0, d, narrow ? 900 : 1e16);
        rows.set(70 * d + 17, kNaN), rows.set(200 * d + d - 1, kInf);
        times(queries, 0, 0, d, 0);      // nothing
        times(queries, 1, 0, 32, 0);     // ... at first
        times(queries, 2, 0, 32, 1e-9);  // little at first
        times(queries, 3, 0, 32, 0), times(queries, 3, 32, d, 1e-12);
        times(queries, 4, 0, d, 1e-7), times(queries, 5, 0, d, 1e7), times(queries, 6, 32, d, 1e8);
        queries.set(7 * d + 40, kNaN), queries.set(8 * d, kInf);
        p.inputs = {queries};
        roundBase(p, rows, t);
        p.params = {{"k", double(kBest)}, {"metric", metric}};
        expectSearch(p, false, t == kF32 ? nullptr : &rows);
      });
    }
}

// Queries of which `fast` must not round off what makes the difference: the bound of a rounded base knows of nothing
// but the base's rounding, which is here as large as it can be.
void addBounds(CaseList& list, DType t) {
  list.add("similarity-search", nameOf("dot", "halves-fast-bound", 19, t), Size::Small,
           [=](Problem& p, Random& random) {
             constexpr uint64_t q = 19, d = 64;
             const double step = t == kF16 ? 0x1p-11 : 0x1p-8;  // half of the last place of 1
             HostTensor queries(kF32, {q, d}), rows(kF32, {kRows, d});
             for (size_t i = 0; i < q * d; ++i) queries.set(i, 1 + (i % 2 ? -0.4 : 0.9) * step);
             for (size_t i = 0; i < rows.size(); ++i) {
               const bool isBest = i / d == 11 * 64 + 40;  // of queries of ones it would be the last
               const double other = 1 + (i % d < 8 ? 2 : random.uniform(-0.1, 0.1)) * step;
               rows.set(i, !isBest ? other : i % 2 ? -2 + 0.95 * step : 4 + 3.9 * step);
             }
             p.inputs = {queries};
             roundBase(p, rows, t);
             p.params = {{"k", 1}, {"metric", "dot"}, {"precision", "fast"}};
             expectSearch(p, false, &rows);
           });
}

// What is small in a query beside its largest element decides, as rows have nothing where that one is.
void addSmall(CaseList& list, DType t) {
  list.add("similarity-search", nameOf("dot", "halves-small", 19, t), Size::Small, [=](Problem& p, Random& random) {
    constexpr uint64_t q = 19, d = 64;
    HostTensor queries = random.uniform(kF32, {q, d}), rows(kF32, {kRows, d});
    const auto last = [&](size_t query, size_t i) { return queries.at(query * d + i) * (i % 2 ? -1 : 1); };
    // Pairs of elements that are alike in a row and but for their last digits opposite in a query.
    for (size_t row = 0; row < kRows; ++row)
      for (size_t i = 0; i < d; i += 2) {
        const bool isBest = row >= kRows - q && last(row - (kRows - q), i) + last(row - (kRows - q), i + 1) > 0;
        const double x = isBest ? 120 : double(random.integer(40, 60));
        rows.set(row * d + i, i == 6 ? 127 : x), rows.set(row * d + i + 1, i == 6 ? 0 : x);
      }
    for (size_t i = 0; i < q * d; ++i)
      queries.set(i, i % d == 6 ? 0 : i % d == 7 ? 1 : (i % 2 ? -0x1p-13 : 0x1p-13) * (1 + 0x1p-12 * queries.at(i)));
    p.inputs = {queries};
    roundBase(p, rows, t);
    p.params = {{"k", double(kBest)}, {"metric", "dot"}};
    expectSearch(p, false, &rows);
  });
}

}  // namespace

void addSearchBlockCases(CaseList& list) {
  for (const char* metric : {"cosine", "dot", "l2"}) {
    addFormats(list, metric);
    addWinners(list, metric);
    if (std::string(metric) != "l2") addHalves(list, metric);
  }
  for (DType t : {kF16, kBF16}) addBounds(list, t);
  for (DType t : {kF16, DType::Int8}) addSmall(list, t);
  // NaN before what is hidden, the worst infinity before NaN, the worst finite number before that.
  for (uint64_t q : kQueries)
    list.add("similarity-search", "blocks-of-ends-" + std::to_string(q), Size::Small, [=](Problem& p, Random&) {
      HostTensor rows(kF32, {kRows, 1}), queries(kF32, {q, 1});
      for (size_t i = 0; i < q; ++i) queries.set(i, 1);
      for (size_t row = 0; row < kRows; ++row) rows.set(row, kNaN);
      rows.set(999, -kInf), rows.set(500, -FLT_MAX), rows.set(130, -kInf);
      p.inputs = {queries, rows, absent(),
                  maskOf(kRows, [](uint64_t row) { return row == 999 || row == 500 || row == 130 || row == 400; })};
      p.params = {{"k", kBest}, {"metric", "dot"}};
      expectSearch(p, false);
      auto judge = p.check;
      p.check = [=](const std::vector<HostTensor>& got) -> std::string {
        if (std::string wrong = judge(got); !wrong.empty()) return wrong;
        for (size_t i = 0; i < q; ++i)
          if (got[1].at(i * kBest) != 500 || got[1].at(i * kBest + 1) != 130 || got[1].at(i * kBest + 2) != 999)
            return "another order in answer " + std::to_string(i);
        return "";
      };
    });
  for (uint64_t q : {1, 19})
    list.add(
        "similarity-search", "blocks-of-nan-beside-hidden-" + std::to_string(q), Size::Small, [=](Problem& p, Random&) {
          HostTensor rows(kF32, {kRows, 2}), queries(kF32, {q, 2});
          for (size_t i = 0; i < 2 * q; ++i) queries.set(i, 1);
          for (size_t i = 0; i < 2 * kRows; ++i) rows.set(i, 1);
          rows.set(2 * 700, kNaN), rows.set(2 * 950 + 1, kNaN);
          p.inputs = {queries, rows, absent(), maskOf(kRows, [](uint64_t row) { return row == 700 || row == 950; })};
          p.params = {{"k", kBest}};
          expectSearch(p, false);
        });
}

}  // namespace switchyard::test
