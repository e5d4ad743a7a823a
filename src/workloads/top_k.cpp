// top-k: the best k of each row. On a GPU segments of rows are cut down to their best k, and those again; what no
// segment's shared memory holds is found digit by digit of its keys, and then sorted.
#include <algorithm>
#include <bit>

#include "workloads/common.h"

namespace switchyard {
namespace {

// How a row of d candidates is cut: into segments of about one length, in whole fours.
struct Segments {
  uint32_t count, length;
};
Segments segmentsOf(uint32_t d) {
  const uint64_t count = (uint64_t{d} + kTopKSegment - 1) / kTopKSegment;
  const uint64_t length = ((d + count - 1) / count + 3) / 4 * 4;
  return {static_cast<uint32_t>((d + length - 1) / length), static_cast<uint32_t>(length)};
}

// Rounds of segments until one is left. Gives the indices [rows, k].
BufferView recordRounds(Recorder& r, Elements input, uint32_t rows, uint32_t d, uint32_t k, bool largest) {
  BufferView keys = input.view, indices = input.view;
  for (bool fromValues = true;; fromValues = false) {
    const Segments segments = segmentsOf(d);
    const uint64_t units = uint64_t{rows} * segments.count;
    const BufferView outKeys = r.scratch(units * k * 4), outIndices = r.scratch(units * k * 4);
    r.launch(Kernel::top_k_select, units, {keys, indices, outKeys, outIndices},
             TopKSelectParams{rows, d, k, segments.count, segments.length, fromValues, largest,
                              fromValues ? input.format : kFormatFloat32});
    if (!fromValues)
      for (BufferView used : {keys, indices}) r.release(used);
    keys = outKeys, indices = outIndices;
    if (segments.count == 1) {
      r.release(keys);
      return indices;
    }
    d = segments.count * k;
  }
}

// Sorts rows of a power of two. Strides that stay in a chunk go together.
void recordSort(Recorder& r, BufferView keys, BufferView indices, uint32_t rows, uint32_t padded) {
  const uint64_t elements = uint64_t{rows} * padded;
  const auto inChunks = [&](uint32_t from, uint32_t to) {
    r.launch(Kernel::sort_chunk, elements / kTopKChunk, {keys, indices}, SortChunkParams{rows, padded, from, to});
  };
  inChunks(2, kTopKChunk);
  for (uint64_t size = 2 * kTopKChunk; size <= padded; size *= 2) {
    SortParams p{rows, 0, padded, 0, static_cast<uint32_t>(size), 0, kFormatFloat32};
    for (p.stride = p.size / 2; p.stride >= kTopKChunk; p.stride /= 2)
      r.launch(Kernel::sort_step, elements / 2, {keys, indices}, p);
    inChunks(p.size, p.size);
  }
}

// The keys and indices of the best k of each row, in any order, to the front of rows of `padded`.
void recordCollect(Recorder& r, Elements input, uint32_t rows, uint32_t d, uint32_t k, bool largest, uint32_t padded,
                   BufferView keys, BufferView indices) {
  const Segments segments = segmentsOf(d);
  const uint64_t units = uint64_t{rows} * segments.count;
  const BufferView state = r.scratch(rows * sizeof(TopKState)), bins = r.scratch(uint64_t{rows} * kTopKBins * 4);
  TopKDigitParams p{rows, d, k, segments.count, segments.length, 0, largest, input.format, padded};
  r.fill(bins, 0);
  for (; p.digit < kTopKDigits; ++p.digit) {
    r.launch(Kernel::top_k_histogram, units, {input.view, state, bins}, p);
    r.launch(Kernel::top_k_digit, rows, {bins, state}, p);
  }
  r.fill(keys, 0xFFFFFFFF);
  r.fill(indices, 0x7FFFFFFF);
  r.launch(Kernel::top_k_collect, units, {input.view, state, keys, indices}, p);
  r.release(state);
  r.release(bins);
}

// For what no segment's shared memory holds. Gives the indices [rows, padded].
BufferView recordSorted(Recorder& r, Elements input, uint32_t rows, uint32_t d, uint32_t k, uint32_t padded,
                        bool largest) {
  const uint64_t elements = uint64_t{rows} * padded;
  const BufferView keys = r.scratch(elements * 4), indices = r.scratch(elements * 4);
  if (padded < d)
    recordCollect(r, input, rows, d, k, largest, padded, keys, indices);
  else
    r.launch(Kernel::sort_keys, elements, {input.view, keys, indices},
             SortParams{rows, d, padded, largest, 0, 0, input.format});
  recordSort(r, keys, indices, rows, padded);
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
    recordTopK(r, r.elements(call.inputs[0]), call.shape(0)[0], static_cast<uint32_t>(call.shape(0)[1]),
               call.integer(0), call.flag(1), r.elements(call.outputs[0]), call.outputs[1].view);
    co_return;
  }
};

// Rows on a GPU of which as many as start at an offset that the device accepts are more than a piece may have: halves
// become floats, of which fewer do, and rows of floats are copied to where they can be bound.
void recordApart(Recorder& r, Elements input, uint64_t rows, uint32_t d, uint32_t k, bool largest, Elements values,
                 BufferView indices, uint64_t mostRows) {
  if (input.format != kFormatFloat32 || values.format != kFormatFloat32) {
    Elements wide = input, target = values;
    if (input.format != kFormatFloat32) {
      wide = {r.scratch(rows * d * 4)};
      r.cast(input, wide, rows * d);
    }
    if (values.format != kFormatFloat32) target = {r.scratch(rows * k * 4)};
    recordTopK(r, wide, rows, d, k, largest, target, indices);
    if (input.format != kFormatFloat32) r.release(wide.view);
    if (values.format == kFormatFloat32) return;
    r.cast(target, values, rows * k);
    return r.release(target.view);
  }
  const uint64_t rowBytes = uint64_t{d} * 4, outBytes = uint64_t{k} * 4;
  const uint64_t piece = std::min(mostRows, std::max<uint64_t>(1, kScratchBudget / rowBytes));
  for (uint64_t first = 0; first < rows; first += piece) {
    const uint64_t count = std::min(piece, rows - first);
    const BufferView from = input.view.slice(first * rowBytes, count * rowBytes), in = r.aligned(from);
    const BufferView v = r.scratch(count * outBytes), i = r.scratch(count * outBytes);
    recordTopK(r, Elements{in}, count, d, k, largest, Elements{v}, i);
    r.copy(values.view.slice(first * outBytes, count * outBytes), v);
    r.copy(indices.slice(first * outBytes, count * outBytes), i);
    r.releaseAligned(in, from);
    for (BufferView used : {v, i}) r.release(used);
  }
}

}  // namespace

void recordTopK(Recorder& r, BufferView input, uint64_t rows, uint32_t d, uint32_t k, bool largest, BufferView values,
                BufferView indices) {
  recordTopK(r, Elements{input}, rows, d, k, largest, Elements{values}, indices);
}

void recordTopK(Recorder& r, Elements input, uint64_t rows, uint32_t d, uint32_t k, bool largest, Elements values,
                BufferView indices) {
  const uint64_t rowBytes = d * input.bytes(), valueBytes = k * values.bytes(), indexBytes = uint64_t{k} * 4;
  const auto run = [&](uint64_t first, uint32_t count, uint32_t padded) {
    const BufferView in = input.slice(first * d, uint64_t{count} * d);
    const BufferView v = values.slice(first * k, uint64_t{count} * k),
                     i = indices.slice(first * indexBytes, count * indexBytes);
    const Elements piece{in, input.format};
    if (r.onCpu())
      return r.launch(Kernel::top_k, count, {in, v, i}, TopKParams{count, d, k, largest, formatsOf({input, values})});
    const BufferView sorted =
        padded ? recordSorted(r, piece, count, d, k, padded, largest) : recordRounds(r, piece, count, d, k, largest);
    const uint32_t together = values.format == kFormatFloat32 ? 1 : 2;
    r.launch(Kernel::top_k_gather, (uint64_t{count} * k + together - 1) / together, {in, sorted, v, i},
             TopKGatherParams{count, d, k, padded ? padded : k, together, formatsOf({input, {}, values})});
    r.release(sorted);
  };
  const auto sizes = {rowBytes, valueBytes, indexBytes};
  if (r.onCpu()) return r.forRowPieces(rows, sizes, [&](uint64_t first, uint32_t count) { run(first, count, 0); });
  const uint32_t padded = k <= kTopKChunk ? 0 : std::bit_ceil(k);
  const uint64_t scratchRow = padded ? uint64_t{padded} * 4 : uint64_t{segmentsOf(d).count} * k * 4;
  const uint64_t most = std::max<uint64_t>(1, std::min(kScratchBudget, r.device().maxViewBytes) / scratchRow);
  r.requireBindable(scratchRow, "sorting a row");
  const auto [bindable, step] = r.pieces(sizes);
  const uint64_t piece = std::min(most, bindable);
  if (piece && rows > piece && step > piece) return recordApart(r, input, rows, d, k, largest, values, indices, piece);
  r.forRowPieces(
      rows, sizes, [&](uint64_t first, uint32_t count) { run(first, count, padded); }, most);
}

const Workload& topKWorkload() {
  static const TopK w;
  return w;
}

}  // namespace switchyard
