// On the device the range is found by the reduce kernel, which hands NaN on: where there is one, the weights are read
// back to name its index.
#include "render/matrix.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "render/half.h"

namespace switchyard::render {
namespace {

constexpr uint64_t kMaxPrinted = 1 << 16;  // values read back for being printed
constexpr float kInfinity = std::numeric_limits<float>::infinity();

float valueAt(const Value& weights, uint64_t index) {
  if (isHalf(weights.spec.dtype))
    return widened(reinterpret_cast<const uint16_t*>(weights.host)[index], weights.spec.dtype);
  return reinterpret_cast<const float*>(weights.host)[index];
}

struct Extremes {
  float low = kInfinity, high = -kInfinity;
  bool hasNan = false;
};

// Finite values alone. Eight lanes, which the compiler makes vectors of.
Extremes extremesOf(std::span<const float> values) {
  constexpr size_t kLanes = 8;
  float low[kLanes], high[kLanes];
  int nan[kLanes] = {};
  std::fill_n(low, kLanes, kInfinity);
  std::fill_n(high, kLanes, -kInfinity);
  auto include = [&](size_t lane, float v) {
    nan[lane] |= v != v;
    const bool finite = std::fabs(v) < kInfinity;
    const float forLow = finite ? v : kInfinity, forHigh = finite ? v : -kInfinity;
    low[lane] = forLow < low[lane] ? forLow : low[lane];
    high[lane] = forHigh > high[lane] ? forHigh : high[lane];
  };
  const size_t whole = values.size() / kLanes * kLanes;
  for (size_t i = 0; i < whole; i += kLanes)
    for (size_t lane = 0; lane < kLanes; ++lane) include(lane, values[i + lane]);
  for (size_t i = whole; i < values.size(); ++i) include(0, values[i]);
  Extremes all;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    all.low = std::min(all.low, low[lane]), all.high = std::max(all.high, high[lane]);
    all.hasNan |= nan[lane] != 0;
  }
  return all;
}

}  // namespace

Matrix::Matrix(Recorder& recorder, const Workload& workload, const Value& weights, int64_t head)
    : recorder_(recorder),
      workload_(workload),
      weights_(weights),
      head_(weights.spec.shape.rank() == 3 ? head : 0),
      heads_(weights.spec.shape.rank() == 3 ? weights.spec.shape[0] : 1),
      rows_(weights.spec.shape.back(1)),
      columns_(weights.spec.shape.back()),
      onHost_(weights.host != nullptr) {
  if (empty()) return;
  if (onHost_)
    readHost();
  else
    makeOnDevice();
}

void Matrix::readHost() {
  const uint64_t size = rows_ * columns_;
  const uint64_t first = head_ > 0 ? static_cast<uint64_t>(head_) * size : 0;
  if (weights_.spec.dtype == DType::Float32 && (head_ >= 0 || heads_ == 1)) {
    known_ = {reinterpret_cast<const float*>(weights_.host) + first, size};
    view_ = weights_.view.slice(first * 4, size * 4);
    return;
  }
  const std::span<float> values = recorder_.hostMemory<float>(size);
  if (head_ >= 0 || heads_ == 1) {
    for (uint64_t i = 0; i < size; ++i) values[i] = valueAt(weights_, first + i);
  } else {
    for (uint64_t h = 0; h < heads_; ++h) {
      recorder_.throwIfStopped();
      for (uint64_t i = 0; i < size; ++i) values[i] += valueAt(weights_, h * size + i);
    }
    for (float& value : values) value /= static_cast<float>(heads_);
  }
  known_ = values;
  view_ = recorder_.fresh(size * 4);
  recorder_.upload(view_, std::as_bytes(values));
}

void Matrix::makeOnDevice() {
  const uint64_t size = rows_ * columns_;
  const BufferView all = recorder_.floats(weights_);
  if (head_ >= 0 || heads_ == 1) {
    view_ = all.slice(static_cast<uint64_t>(std::max<int64_t>(head_, 0)) * size * 4, size * 4);
    return;
  }
  view_ = recorder_.scratch(size * 4);
  checkedUint(workload_, size, "the number of weights of a head");
  checkedUint(workload_, heads_, "the number of heads");
  recorder_.requireBindable(all.size, "'weights'");
  const auto groups = (size + kMeanColumns - 1) / kMeanColumns;
  recorder_.launch(Kernel::column_mean, groups, {all, view_},
                   ColumnMeanParams{static_cast<uint32_t>(heads_), static_cast<uint32_t>(size),
                                    static_cast<uint32_t>(heads_), static_cast<float>(heads_)});
}

Task Matrix::measure(Window window) {
  if (!onHost_) {
    co_await measureOnDevice(window);
    co_return;
  }
  includeRange(known_);
}

void Matrix::includeRange(std::span<const float> values) {
  const Extremes found = extremesOf(values);
  if (found.hasNan) {
    const auto first = std::find_if(values.begin(), values.end(), [](float v) { return std::isnan(v); });
    const auto index = static_cast<uint64_t>(first - values.begin());
    if (head_ >= 0 || heads_ == 1)
      refuseNan(index + static_cast<uint64_t>(std::max<int64_t>(head_, 0)) * rows_ * columns_);
    for (uint64_t i = 0; i < weights_.spec.elements(); ++i)
      if (std::isnan(valueAt(weights_, i))) refuseNan(i);
    refuse(workload_,
           "the mean of 'weights' at row " + std::to_string(index / columns_) + ", column " +
               std::to_string(index % columns_) + " is not a number: infinities of both signs meet there",
           "inputs.weights");
  }
  low_ = found.low <= found.high ? found.low : 0;
  high_ = found.low <= found.high ? found.high : 1;
}

void Matrix::refuseNan(uint64_t index) const {
  const uint64_t inHead = index % (rows_ * columns_);
  const std::string head = heads_ > 1 ? "head " + std::to_string(index / (rows_ * columns_)) + ", " : "";
  refuse(workload_,
         "'weights' holds NaN at index " + std::to_string(index) + " (" + head + "row " +
             std::to_string(inHead / columns_) + ", column " + std::to_string(inHead % columns_) + ")",
         "inputs.weights");
}

// Minimum and maximum, as two floats that the host reads.
BufferView Matrix::extremes() {
  const BufferView out = recorder_.scratch(512), perRow = recorder_.scratch(rows_ * 4);
  for (uint32_t kind : {kReduceMin, kReduceMax}) {
    recorder_.forRowPieces(rows_, {columns_ * 4, 4}, [&](uint64_t first, uint32_t rows) {
      recorder_.launch(Kernel::reduce, rows, {view(first, rows), perRow.slice(first * 4, uint64_t{rows} * 4)},
                       ReduceParams{rows, static_cast<uint32_t>(columns_), kind, 0});
    });
    recorder_.launch(Kernel::reduce, 1, {perRow, out.slice(kind == kReduceMin ? 0 : 256, 4)},
                     ReduceParams{1, static_cast<uint32_t>(rows_), kind, 0});
  }
  recorder_.release(perRow);
  return out;
}

Task Matrix::measureOnDevice(Window window) {
  if (view_.offset % recorder_.device().viewAlignment) view_ = recorder_.aligned(view_);
  const BufferView found = extremes();
  const std::span<float> values = recorder_.hostMemory<float>(128);
  recorder_.download(std::as_writable_bytes(values), found);
  const uint64_t firstRow = static_cast<uint64_t>(window.top),
                 rows = static_cast<uint64_t>(std::ceil(window.bottom)) - firstRow;
  std::span<float> printed;
  if (rows * columns_ <= kMaxPrinted) {
    printed = recorder_.hostMemory<float>(rows * columns_);
    recorder_.download(std::as_writable_bytes(printed), view(firstRow, rows));
  }
  co_await recorder_.sync();
  low_ = values[0], high_ = values[64];
  if (std::isfinite(low_) && std::isfinite(high_)) {
    known_ = printed, firstKnown_ = firstRow;
    co_return;
  }
  co_await findNan();
}

// Not all weights are finite: the host looks at them one by one.
Task Matrix::findNan() {
  const std::span<float> all = recorder_.hostMemory<float>(rows_ * columns_);
  recorder_.download(std::as_writable_bytes(all), view_);
  co_await recorder_.sync();
  known_ = all;
  const Extremes found = extremesOf(all);
  if (found.hasNan) {
    const auto index = static_cast<uint64_t>(
        std::find_if(all.begin(), all.end(), [](float v) { return std::isnan(v); }) - all.begin());
    if (head_ >= 0 || heads_ == 1)
      refuseNan(index + static_cast<uint64_t>(std::max<int64_t>(head_, 0)) * rows_ * columns_);
    refuse(workload_,
           "the mean of 'weights' at row " + std::to_string(index / columns_) + ", column " +
               std::to_string(index % columns_) + " is NaN",
           "inputs.weights");
  }
  low_ = found.low <= found.high ? found.low : 0;
  high_ = found.low <= found.high ? found.high : 1;
}

double Matrix::at(uint64_t row, uint64_t column) const {
  const uint64_t index = (row - firstKnown_) * columns_ + column;
  return row >= firstKnown_ && index < known_.size() ? known_[index] : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace switchyard::render
