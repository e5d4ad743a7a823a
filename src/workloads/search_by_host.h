// A search on a GPU with `rescore`, of rows for which its kernels' loops are too long (vulkan/loops.h).
#pragma once
#include "workloads/common.h"

namespace switchyard {

// The whole of a search with a mask, or a base that is no float32: rows that may be found become float32, and what is
// said of each query (which rows are scored again, how far off the scores are) is worked out on the host.
Task recordSearchByHost(Recorder& r, const Call& call);

}  // namespace switchyard
