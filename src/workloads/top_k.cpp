// top-k: the best k of each row. On a GPU chunks are sorted in shared memory and the winners sorted again, or, for a k
// over half a chunk, whole rows are sorted.
#include <algorithm>
#include <bit>

#include "workloads/common.h"

namespace switchyard {
namespace {

// Rounds of chunks until one is left. Gives the indices [rows, k].
BufferView recordChunks(Recorder& r, BufferView input, uint32_t rows, uint32_t d, uint32_t k, bool largest) {
  BufferView keys = input, indices = input;
  bool fromValues = true;
  for (uint32_t length = d;;) {
    uint32_t chunks = (length + kTopKChunk - 1) / kTopKChunk;
    uint64_t bytes = uint64_t{rows} * chunks * k * 4;
    BufferView outKeys = r.scratch(bytes), outIndices = r.scratch(bytes);
    r.launch(Kernel::top_k_chunk, uint64_t{rows} * chunks, {keys, indices, outKeys, outIndices},
             TopKChunkParams{rows, length, k, chunks, fromValues, largest});
    if (!fromValues)
      for (BufferView used : {keys, indices}) r.release(used);
    keys = outKeys, indices = outIndices, fromValues = false;
    if (chunks == 1) {
      r.release(keys);
      return indices;
    }
    length = chunks * k;
  }
}

BufferView recordSort(Recorder& r, BufferView input, uint32_t rows, uint32_t d, uint32_t padded, bool largest) {
  uint64_t bytes = uint64_t{rows} * padded * 4;
  BufferView keys = r.scratch(bytes), indices = r.scratch(bytes);
  SortParams p{rows, d, padded, largest, 0, 0};
  r.launch(Kernel::sort_keys, uint64_t{rows} * padded, {input, keys, indices}, p);
  for (p.size = 2; p.size <= padded; p.size *= 2)
    for (p.stride = p.size / 2; p.stride > 0; p.stride /= 2)
      r.launch(Kernel::sort_step, uint64_t{rows} * padded / 2, {keys, indices}, p);
  r.release(keys);
  return indices;
}

class TopK final : public Workload {
 public:
  TopK()
      : Workload({"top-k",
                  WorkKind::Search,
                  JoinRule{Join::Rows},
                  {{"input"}},
                  {{.name = "k", .kind = ParamInfo::Kind::Integer, .min = 1, .max = 2147483647, .required = true},
                   {.name = "largest", .kind = ParamInfo::Kind::Boolean, .fallback = 1, .min = 0, .max = 1},
                   dtypeParam()},
                  {"values", "indices"}}) {}

  Cost check(Call& call) const override {
    requireRank(*this, call, 0, 2);
    uint64_t n = call.shape(0)[0], d = call.shape(0)[1], k = call.integer(0);
    checkedUint(*this, d, "the length of a row");
    if (k > d)
      refuse(*this,
             "parameter 'k' is " + std::to_string(k) + ", but a row of 'input' " + call.shape(0).text() + " has " +
                 std::to_string(d) + " elements",
             "params.k");
    call.outputCount = 2;
    call.outputs[0].spec = {outputDType(*this, call), Shape{n, k}};
    call.outputs[1].spec = {DType::Int32, Shape{n, k}};
    return {4.0 * static_cast<double>(call.inputs[0].spec.elements()), bytesMoved(call)};
  }

  Task record(Recorder& r, const Call& call) const override {
    BufferView input = r.floats(call.inputs[0]), values = r.floatTarget(call.outputs[0]);
    recordTopK(r, input, call.shape(0)[0], static_cast<uint32_t>(call.shape(0)[1]), call.integer(0), call.flag(1),
               values, call.outputs[1].view);
    r.finishTarget(call.outputs[0], values);
    co_return;
  }
};

}  // namespace

void recordTopK(Recorder& r, BufferView input, uint64_t rows, uint32_t d, uint32_t k, bool largest, BufferView values,
                BufferView indices) {
  uint64_t rowBytes = uint64_t{d} * 4, outBytes = uint64_t{k} * 4;
  auto run = [&](uint64_t first, uint32_t count, uint32_t padded) {
    BufferView in = input.slice(first * rowBytes, count * rowBytes);
    BufferView v = values.slice(first * outBytes, count * outBytes),
               i = indices.slice(first * outBytes, count * outBytes);
    if (r.onCpu()) return r.launch(Kernel::top_k, count, {in, v, i}, TopKParams{count, d, k, largest});
    BufferView sorted =
        padded ? recordSort(r, in, count, d, padded, largest) : recordChunks(r, in, count, d, k, largest);
    r.launch(Kernel::top_k_gather, uint64_t{count} * k, {in, sorted, v, i},
             TopKGatherParams{count, d, k, padded ? padded : k});
    r.release(sorted);
  };
  if (r.onCpu())
    return r.forRowPieces(rows, {rowBytes, outBytes}, [&](uint64_t first, uint32_t count) { run(first, count, 0); });
  uint32_t padded = k <= kTopKChunk / 2 ? 0 : std::bit_ceil(d);
  uint64_t scratchRow = padded ? uint64_t{padded} * 4 : (uint64_t{d} + kTopKChunk - 1) / kTopKChunk * k * 4;
  uint64_t most = std::max<uint64_t>(1, std::min(kScratchBudget, r.device().maxViewBytes) / scratchRow);
  r.requireBindable(scratchRow, "sorting a row");
  r.forRowPieces(
      rows, {rowBytes, outBytes}, [&](uint64_t first, uint32_t count) { run(first, count, padded); }, most);
}

const Workload& topKWorkload() {
  static const TopK w;
  return w;
}

}  // namespace switchyard
