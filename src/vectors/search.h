// One search of an index: what each segment is asked, and the exact answer that is made of what comes back.
//
// A segment whose rows are few is scanned in here. Of another one similarity-search finds candidates, by codes or by
// float32, in whatever order and with whatever rounding a device has; they are scored again as scores.h says, and what
// the others could score at best decides whether the answer is proven. Where it is not, the segment is asked for more
// candidates, by its rows themselves where codes won't do, and scanned at last.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vectors/best_hits.h"
#include "vectors/filter.h"
#include "vectors/table.h"

namespace switchyard::vectors {

struct Question {
  std::vector<float> queries;
  size_t count = 0;                 // of queries
  size_t k = 0;                     // at most; of a range SIZE_MAX where there is no limit
  bool isRange = false;             // all within `threshold` are wanted, and k is a limit
  std::optional<double> threshold;  // rows with a worse score are none
  bool isApproximate = false;       // candidates by codes are not doubted
  bool isCoded = false;             // segments may have codes
  bool withMetadata = false;        // of the hits
  std::optional<Filter> filter;
  std::optional<std::vector<Id>> ids;  // these alone
};

// What similarity-search is asked of a part.
struct Need {
  uint32_t part = 0;
  uint32_t k = 0;
  bool byRows = false;            // by float32, not by codes where there are some
  std::vector<uint32_t> queries;  // which of them
};
// What it said: [queries, k] each; no bounds where float32 rows were searched.
struct Answer {
  std::span<const float> scores;
  std::span<const int32_t> indices;
  std::span<const float> bounds;
};

class Search {
 public:
  // Takes the snapshot: of all writes that came before. Throws InvalidArgument for queries that are not finite: no
  // order of scores has a place for NaN.
  Search(std::shared_ptr<const Table> table, Question question);

  struct Part {
    View view;
    std::shared_ptr<const Bits> mask;  // null: all rows
    size_t allowed = 0;                // rows of it
    bool isScanned = false;
    uint32_t rounds = 0;
    size_t candidates = 0;  // scored here, for all queries
  };
  const std::vector<Part>& parts() const { return parts_; }
  uint32_t dimensions() const { return table_->dimensions; }

  // Evaluates filters, and decides what to ask. Throws InvalidArgument for a filter that can't be.
  void plan();
  // How much arithmetic the next advance() takes at least: multiplications; no end of it where a disk is to be read.
  double work() const;
  const std::vector<Need>& needs() const { return needs_; }
  // With an answer for each need. After it there may be more needs; none: it is done.
  void advance(const std::vector<Answer>& answers);
  // Of each query, best first; of equal scores the row that was inserted first.
  const std::vector<std::vector<Hit>>& hits() const { return hits_; }

 private:
  // What is known of one query in one part.
  struct State {
    std::vector<Hit> hits;
    float beyond = 0;         // no other row scores better
    float halfBeyond = 0;     // the same had only half of them been asked for
    bool isComplete = false;  // there are no other rows
    bool byRows = false;
    uint32_t k = 0;  // was asked for last
  };
  State& state(size_t part, size_t query) { return states_[part * question_.count + query]; }
  const float* query(size_t i) const { return question_.queries.data() + i * table_->dimensions; }
  HeldColumns columnsOf(const View& view) const;  // those that the filter asks for
  size_t wanted() const;
  uint32_t firstK(const Part& part, bool byCodes) const;  // how many candidates a part is asked for
  bool isKnown(const View& view, size_t query) const;
  void decide(size_t part);
  void scan(size_t part, const std::vector<uint32_t>& queries);
  void take(const Need& need, const Answer& answer);
  void checkHits() const;  // before they are shown
  float beyond(const View& view, size_t query, float last, const float* bound) const;
  void merge();
  void learn();
  bool isProven(size_t query, float beyond) const;
  bool ask(const Part& part, State& state) const;

  const std::shared_ptr<const Table> table_;
  const Question question_;
  std::vector<Bits> chosen_;
  std::vector<Part> parts_;
  std::vector<double> squares_;  // of queries
  std::vector<State> states_;
  std::vector<Need> needs_;
  std::vector<std::pair<uint32_t, std::vector<uint32_t>>> scans_;  // parts, and which queries
  std::vector<std::vector<Hit>> hits_;
  bool hasLearned_ = false;
};

}  // namespace switchyard::vectors
