// The matrix behind a heatmap: one head of the weights, or the mean of all, on the device; its range, and the few
// values that are printed.
#pragma once
#include <span>
#include <vector>

#include "recorder.h"
#include "workload.h"

namespace switchyard::render {

struct Window {  // in cells
  double left = 0, top = 0, right = 0, bottom = 0;
  double width() const { return right - left; }
  double height() const { return bottom - top; }
};

class Matrix {
 public:
  // `weights`: [s, t] or [h, s, t]; head -1: the mean of all.
  Matrix(Recorder& recorder, const Workload& workload, const Value& weights, int64_t head);

  uint64_t rows() const { return rows_; }
  uint64_t columns() const { return columns_; }
  bool empty() const { return rows_ == 0 || columns_ == 0 || heads_ == 0; }

  // Finds the range of all finite values, and refuses a NaN with its index among the weights. On the host where the
  // weights came from there; else on the device, which is waited for. at() works for the window's cells afterwards, if
  // they are few enough to have their values printed.
  Task measure(Window window);
  double low() const { return low_; }
  double high() const { return high_; }
  double at(uint64_t row, uint64_t column) const;  // NaN: not known
  BufferView view(uint64_t firstRow, uint64_t rows) const {
    return view_.slice(firstRow * columns_ * 4, rows * columns_ * 4);
  }

 private:
  void readHost();
  void makeOnDevice();
  Task measureOnDevice(Window window);
  BufferView extremes();
  void includeRange(std::span<const float> values);
  [[noreturn]] void refuseNan(uint64_t index) const;
  Task findNan();

  Recorder& recorder_;
  const Workload& workload_;
  const Value& weights_;
  const int64_t head_;
  uint64_t heads_, rows_, columns_;
  bool onHost_;
  BufferView view_;
  std::span<const float> known_;  // rows from firstKnown_ on
  uint64_t firstKnown_ = 0;
  double low_ = 0, high_ = 0;
};

}  // namespace switchyard::render
