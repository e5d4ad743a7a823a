// A graph as inputs bring it: rowOffsets [n + 1], columns [m], weights [m]. What is in it can be checked only where it
// runs.
#pragma once
#include "recorder.h"
#include "workload.h"

namespace switchyard {

// The values where the host sees them: in place, or after the next sync in memory that lives as long as the job.
template <class T>
std::span<const T> onHost(Recorder& r, const Value& value) {
  const size_t count = value.spec.elements();
  const bool direct = value.host && !isHalf(value.spec.dtype);
  if (direct || count == 0) return {reinterpret_cast<const T*>(value.host), count};
  const std::span<T> copied = r.hostMemory<T>(count);
  r.download(std::as_writable_bytes(copied), r.floats(value));
  return copied;
}

// All throw InvalidArgument naming the first index that is wrong. Every offset is checked before a column is looked at.
void checkOffsets(const Workload& workload, std::span<const int32_t> offsets, uint64_t edges);
void checkColumns(const Workload& workload, std::span<const int32_t> columns, uint32_t nodes);
void checkWeights(const Workload& workload, std::span<const float> weights);

}  // namespace switchyard
