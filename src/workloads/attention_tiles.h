// The fused kernel of attention as a plan launches it: sequences cut into tiles of queries.
#pragma once
#include <span>
#include <vector>

#include "recorder.h"

namespace switchyard {

// Rows of one sequence, which attend within it: queries [query, query + rows), keys [key, key + keys).
struct AttentionSequence {
  uint64_t query, rows, key, keys;
  int64_t position;  // of its first query among the keys
  uint64_t biasRow;  // of its first query
};

struct FusedAttention {
  FusedAttentionParams params{};  // all but parts, formats and steps
  Elements query, key, value, bias, output;
};

// Whether no thread of the device's kernel makes more turns of its loops than the driver lets it (vulkan/loops.h).
bool fusedLoopsFit(const DeviceInfo& device, uint64_t keys, uint64_t d, uint64_t e);
// One launch, or several where the views are longer than the device binds; the dear tiles first. Sequences are in the
// order of their rows.
void recordFused(Recorder& r, const FusedAttention& what, std::span<const AttentionSequence> sequences);

}  // namespace switchyard
