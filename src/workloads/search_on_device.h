// The plan of similarity-search on a GPU.
#pragma once
#include "recorder.h"
#include "workload.h"

namespace switchyard {

struct DeviceSearch {
  BufferView queries;                    // float32 [q, d]
  BufferView base;                       // [n, d]
  uint32_t baseFormat = kFormatFloat32;  // kFormat*, or kElementInt8
  BufferView scales;                     // [n], of codes alone
  BufferView mask;                       // null: all rows may be found
  uint64_t q = 0, n = 0;
  uint32_t d = 0, k = 0, metric = 0;
  bool fast = false;           // which blocks of rows are looked at may be found by rounded factors
  BufferView scores, indices;  // [q, k]
};
// The best k rows of each query, by the rules of kernels.def. Nothing is written to memory but the best score of each
// kSearchBlock rows, where k is small beside n.
void recordSearch(Recorder& r, const DeviceSearch& search);
// The best k of the rows that each query's own list [q, listed] names, as recordSearch finds them (-1: nothing): by
// their scores in `search`, whose mask only tells whether there may be such entries. `listed` is at most what
// canRescore() allows.
void recordRescore(Recorder& r, const DeviceSearch& search, BufferView lists, uint32_t listed);
bool canRescore(const DeviceInfo& device, uint32_t d, uint64_t listed);

// The whole of a search, with its bound.
Task recordSearchOnDevice(Recorder& r, const Call& call);

}  // namespace switchyard
