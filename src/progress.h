// How far a job of many steps is. Written by the thread that records it, one at a time; read by any.
#pragma once
#include <algorithm>
#include <atomic>

namespace switchyard {

// Parts within parts: the nodes of a graph, the steps that a plan or a kernel counts, the share of a launch. What is
// told never goes back: a job that is begun anew is silent until it is farther than it was.
class Progress {
 public:
  struct Told {
    double done = 0, total = 0;  // total 0: nothing was told
  };

  // Told where another process reads it from now on, done and total beside each other; null: here again.
  void tellAt(double* place) {
    place_ = place ? place : own_;
    share_ = 0;
  }
  Told told() const { return {load(own_[0]), load(own_[1])}; }

  // The graph is at its node of that number, of `count`: told at once if those before are done (`areDone`), else with
  // the next step.
  void node(double number, double count, bool areDone = true) {
    node_ = number, nodes_ = count;
    steps_ = step_ = 0;
    if (areDone) tell(0);
  }
  // So many of the steps of the job, or of its node, are done: with 0 before the first, of which no part is told then.
  void step(double done, double total) {
    step_ = std::min(done, total), steps_ = total;
    tell(0);
  }
  // So much of a launch, from 0 to 1, where a job counts no steps: those are finer.
  void part(double share) {
    if (steps_ == 0) tell(share);
  }

 private:
  void tell(double part) {
    const double steps = std::max(steps_, 1.0), step = steps_ > 0 ? step_ : part;
    const double total = nodes_ > 1 ? nodes_ : steps, done = nodes_ > 1 ? node_ + step / steps : step;
    if (done <= share_ * total) return;
    share_ = done / total;
    store(place_[1], total);
    store(place_[0], done);
  }
  static double load(const double& from) {
    return std::atomic_ref(const_cast<double&>(from)).load(std::memory_order_relaxed);
  }
  static void store(double& to, double value) { std::atomic_ref(to).store(value, std::memory_order_relaxed); }

  double node_ = 0, nodes_ = 0, step_ = 0, steps_ = 0;
  double share_ = 0;  // that was told
  double own_[2] = {0, 0};
  double* place_ = own_;
};

}  // namespace switchyard
