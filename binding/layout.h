// How a call's numbers cross from JavaScript: one Float64Array that both sides keep, in which these are the indices.
#pragma once
#include <cstddef>

#include "workload.h"

namespace switchyard::node {

// One tensor's description: kind, dtype, rank, extents.
constexpr size_t kSlotKind = 0, kSlotDType = 1, kSlotRank = 2, kSlotExtents = 3;
constexpr size_t kSlotSize = kSlotExtents + Shape::kMaxRank;
// kinds; kFlat: an `into` that fits every shape of its length
constexpr double kAbsent = 0, kHost = 1, kOnDevice = 2, kFlat = 3;

// What a call hands in. A graph brings its own array, laid out as readGraph() says.
constexpr size_t kCallId = 0, kCallWorkload = 1, kCallInline = 2, kCallParams = 3;
constexpr size_t kCallInputs = kCallParams + kMaxParams;
constexpr size_t kCallInto = kCallInputs + kMaxTensors * kSlotSize;

constexpr double kProgramCall = -1;  // at kCallWorkload: a program's
// a built-in of at most so many takes its inputs as arguments, others in an array
constexpr size_t kDirectInputs = 4;

// What a finished job hands back.
constexpr size_t kResultId = kCallInto + kMaxTensors * kSlotSize;
constexpr size_t kResultQueued = kResultId + 1, kResultUpload = kResultId + 2, kResultCompute = kResultId + 3;
constexpr size_t kResultReadback = kResultId + 4, kResultTotal = kResultId + 5, kResultCount = kResultId + 6;
constexpr size_t kResultOutputs = kResultCount + 1;
constexpr size_t kMaxOutputs = 256;
// What a job that may leave the process hands in besides (requested_jobs.h).
constexpr size_t kCallAsk = kResultOutputs + kMaxOutputs * kSlotSize;
constexpr size_t kScratchSize = kCallAsk + 32;

}  // namespace switchyard::node
