// The best hits of many.
#pragma once
#include <algorithm>
#include <optional>
#include <vector>

#include "vectors/scores.h"

namespace switchyard::vectors {

struct Hit {
  float score;
  uint32_t part, row;
};

// Whether one comes before another one: by score, then in the order of insertion.
struct Before {
  Metric metric;
  bool operator()(const Hit& a, const Hit& b) const {
    if (a.score != b.score) return isBetter(metric, a.score, b.score);
    return a.part != b.part ? a.part < b.part : a.row < b.row;
  }
};

// A heap of at most `most`, the worst on top.
class BestHits {
 public:
  BestHits(Metric metric, size_t most, std::optional<double> threshold)
      : before_{metric}, most_(most), threshold_(threshold) {}
  void add(const Hit& hit) {
    if (threshold_ && isBetter(before_.metric, *threshold_, hit.score)) return;
    if (hits_.size() < most_) {
      hits_.push_back(hit);
      std::push_heap(hits_.begin(), hits_.end(), before_);
    } else if (most_ && before_(hit, hits_.front())) {
      std::pop_heap(hits_.begin(), hits_.end(), before_);
      hits_.back() = hit;
      std::push_heap(hits_.begin(), hits_.end(), before_);
    }
  }
  std::vector<Hit> take() {  // best first
    std::sort_heap(hits_.begin(), hits_.end(), before_);
    return std::move(hits_);
  }

 private:
  const Before before_;
  const size_t most_;
  const std::optional<double> threshold_;
  std::vector<Hit> hits_;
};

}  // namespace switchyard::vectors
