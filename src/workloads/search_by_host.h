// A search on a GPU of what its kernels don't take yet.
#pragma once
#include "workloads/common.h"

namespace switchyard {

// Scores of queries [q, d] and base [n, d], all of float32, and the best k of each query: similarity_search.cpp.
void recordSearch(Recorder& r, BufferView queries, BufferView base, uint64_t q, uint64_t n, uint32_t d, uint32_t k,
                  uint32_t metric, BufferView scores, BufferView indices);

// The whole of a search with a mask, or a base that is no float32: rows that may be found become float32, and what is
// said of each query (which rows are scored again, how far off the scores are) is worked out on the host.
Task recordSearchByHost(Recorder& r, const Call& call);

}  // namespace switchyard
