// Helpers that the plans of several workloads share.
#pragma once
#include <limits>

#include "recorder.h"
#include "workload.h"

namespace switchyard {

constexpr double kNotGiven = std::numeric_limits<double>::quiet_NaN();
// Scratch a plan allows itself for intermediates that can be made in pieces.
constexpr uint64_t kScratchBudget = uint64_t{64} << 20;

// The parameter `precision`: whether a backend may round factors of products to TF32 or bfloat16. Where a call names
// none, the setting of that name does.
inline ParamInfo precisionParam() {
  return {.name = "precision", .kind = ParamInfo::Kind::Choice, .choices = {"high", "fast"}, .min = 0, .max = 1};
}

// The bytes a call must move at least: its inputs and outputs once.
inline double bytesMoved(const Call& call) {
  double bytes = 0;
  for (const Value& input : call.inputs)
    if (input.present) bytes += static_cast<double>(input.spec.bytes());
  for (size_t i = 0; i < call.outputCount; ++i) bytes += static_cast<double>(call.outputs[i].spec.bytes());
  return bytes;
}

// The number of rows of a [.., d] tensor.
inline uint64_t rowCount(const Shape& shape) { return elementCount(shape.leading(shape.rank() - 1)); }

// to = from * factor, element by element; `to` is float32.
void recordScaled(Recorder& recorder, Elements from, BufferView to, uint64_t elements, float factor);

// For l2-like orders `largest` is false. Writes the best k of each row of a float32 [rows, d], by the rules of
// kernels.def.
void recordTopK(Recorder& recorder, BufferView input, uint64_t rows, uint32_t d, uint32_t k, bool largest,
                BufferView values, BufferView indices);
// The same of half precision.
void recordTopK(Recorder& recorder, Elements input, uint64_t rows, uint32_t d, uint32_t k, bool largest,
                Elements values, BufferView indices);

// All elements, in their order; of as many bytes as there are.
void recordMove(Recorder& r, const Value& input, const Value& output);

}  // namespace switchyard
