// Rows on GPUs: one a group where there are many, and long ones that are few in parts, a group each, which a second
// launch puts together. On the CPU kernels divide long rows among their threads themselves.
#pragma once
#include "recorder.h"

namespace switchyard {

// input [rows, d] -> out [rows], as Kernel::reduce; d >= 1.
void recordReduce(Recorder& r, Elements in, Elements out, uint64_t rows, uint64_t d, uint32_t kind);
// input [rows, d] -> out, as Kernel::softmax and Kernel::normalize.
void recordSoftmax(Recorder& r, Elements in, Elements out, uint64_t rows, uint64_t d, float inverseTemperature);
void recordNormalize(Recorder& r, Elements in, Elements out, uint64_t rows, uint64_t d, float epsilon);
// float32 input [rows, d], which can be bound -> the mean of each column [d].
void recordColumnMean(Recorder& r, BufferView input, BufferView mean, uint64_t rows, uint32_t d);

}  // namespace switchyard
