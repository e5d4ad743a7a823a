// How long rows are cut: by how many there are and how long they are, alike on every device of a kind, so that sums
// repeat.
#include "workloads/long_rows.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "workloads/common.h"

namespace switchyard {
namespace {

constexpr uint64_t kLongRow = 32768;
// As many rows keep a card busy by themselves, or the threads of a software driver.
constexpr uint64_t kManyRows = 512, kManyRowsOfSoftware = 64;
constexpr uint64_t kPartsWanted = 2048, kLeastPart = 4096, kLongestPart = 65536;

bool isSoftware(const Recorder& r) { return r.device().type == DeviceType::Cpu; }

// 0: a row a group. Else a power of 4: what sums and norms are taken over is exact then.
uint32_t partFor(const Recorder& r, uint64_t rows, uint64_t d) {
  if (r.onCpu() || !rows || d < kLongRow || rows >= (isSoftware(r) ? kManyRowsOfSoftware : kManyRows)) return 0;
  uint64_t part = kLeastPart;
  while (part < kLongestPart && part * kPartsWanted < rows * d) part *= 4;
  return static_cast<uint32_t>(part);
}

uint64_t partsOf(uint64_t d, uint32_t part) { return (d + part - 1) / part; }

// fn(first element, rows, their length, first part) for the pieces of which each can be bound: of some rows, or of some
// parts of a row that is longer than a binding.
template <class F>
void forParts(const Recorder& r, Elements in, uint64_t outBytes, uint64_t rows, uint64_t d, uint32_t part,
              const F& fn) {
  const uint64_t parts = partsOf(d, part), most = r.device().maxViewBytes;
  if (d * 4 <= most) {
    r.forRowPieces(rows, {d * in.bytes(), d * outBytes, parts * 4, 4, d * 4},
                   [&](uint64_t first, uint32_t count) { fn(first * d, count, d, first * parts); });
    return;
  }
  const uint64_t aligned = uint64_t{part} * std::max<uint64_t>(1, r.device().viewAlignment / 4);  // of parts' results
  const uint64_t step = most / 4 / aligned * aligned;
  if (rows != 1 || step == 0)  // parts of several rows would begin where no view may
    throw Error(Code::Unsupported, "rows of " + std::to_string(d * in.bytes()) + " bytes can't be bound by " +
                                       r.device().id + ", whose longest binding is " + std::to_string(most) +
                                       " bytes: use another device");
  for (uint64_t at = 0; at < d; at += step) {
    r.throwIfStopped();
    fn(at, 1, std::min(step, d - at), at / part);
  }
}

void recordReduceParts(Recorder& r, Elements in, Elements partials, uint64_t rows, uint64_t d, uint32_t kind,
                       uint32_t part, float over) {
  forParts(r, in, 0, rows, d, part, [&](uint64_t at, uint64_t count, uint64_t length, uint64_t firstPart) {
    const uint64_t parts = partsOf(length, part);
    r.launch(Kernel::reduce_parts, count * parts,
             {in.slice(at, count * length), partials.slice(firstPart, count * parts)},
             ReducePartsParams{static_cast<uint32_t>(count), static_cast<uint32_t>(length), kind,
                               formatsOf({in, partials}), part, over});
  });
}

// The parts of the rows' parts, as many as there are.
void recordMerge(Recorder& r, Elements partials, Elements out, uint64_t rows, uint64_t parts, uint32_t kind,
                 float over) {
  r.launch(Kernel::reduce_parts, rows, {partials.slice(0, rows * parts), out.slice(0, rows)},
           ReducePartsParams{static_cast<uint32_t>(rows), static_cast<uint32_t>(parts), kind,
                             formatsOf({partials, out}), static_cast<uint32_t>(parts), over});
}

float overOfPart(uint32_t kind, uint32_t part) {
  return kind == kReduceNorm ? std::sqrt(static_cast<float>(part)) : static_cast<float>(part);
}

}  // namespace

void recordReduce(Recorder& r, Elements in, Elements out, uint64_t rows, uint64_t d, uint32_t kind) {
  const uint32_t part = partFor(r, rows, d);
  if (!part) {
    r.forRowPieces(rows, {d * in.bytes(), d * 4, out.bytes()}, [&](uint64_t first, uint32_t count) {
      r.launch(Kernel::reduce, count, {in.slice(first * d, count * d), out.slice(first, count)},
               ReduceParams{count, static_cast<uint32_t>(d), kind, formatsOf({in, out})});
    });
    return;
  }
  const uint64_t parts = partsOf(d, part);
  const Elements partials{r.scratch(rows * parts * 4)};
  const uint32_t partKind = kind == kReduceMean ? kReduceSum : kind;
  const float over = overOfPart(kind, part);
  recordReduceParts(r, in, partials, rows, d, partKind, part, over);
  const float rest = kind == kReduceMean ? static_cast<float>(static_cast<double>(d) / over) : 1 / over;
  recordMerge(r, partials, out, rows, parts, partKind, rest);
  r.release(partials.view);
}

void recordNormalize(Recorder& r, Elements in, Elements out, uint64_t rows, uint64_t d, float epsilon) {
  const uint32_t part = partFor(r, rows, d);
  if (!part) {
    // As if of float32: a driver that cuts loops (vulkan/loops.h) would not end longer rows.
    r.forRowPieces(rows, {d * in.bytes(), d * out.bytes(), d * 4}, [&](uint64_t first, uint32_t count) {
      r.launch(Kernel::normalize, count, {in.slice(first * d, count * d), out.slice(first * d, count * d)},
               NormalizeParams{count, static_cast<uint32_t>(d), epsilon, formatsOf({in, out})});
    });
    return;
  }
  const uint64_t parts = partsOf(d, part);
  const Elements partials{r.scratch(rows * parts * 4)}, norms{r.scratch(rows * 4)};
  // A norm may be past float32: over these two it is not.
  const float over = overOfPart(kReduceNorm, part), rest = std::sqrt(static_cast<float>(std::bit_ceil(parts * parts)));
  recordReduceParts(r, in, partials, rows, d, kReduceNorm, part, over);
  recordMerge(r, partials, norms, rows, parts, kReduceNorm, rest);
  forParts(r, in, out.bytes(), rows, d, part, [&](uint64_t at, uint64_t count, uint64_t length, uint64_t firstPart) {
    const uint64_t elements = count * length;
    r.launch(Kernel::normalize_parts, count * partsOf(length, part),
             {in.slice(at, elements), norms.slice(firstPart / parts, count), out.slice(at, elements)},
             NormalizePartsParams{static_cast<uint32_t>(count), static_cast<uint32_t>(length), epsilon,
                                  formatsOf({in, norms, out}), part, over * rest});
  });
  r.release(partials.view);
  r.release(norms.view);
}

void recordSoftmax(Recorder& r, Elements in, Elements out, uint64_t rows, uint64_t d, float inverseTemperature) {
  const uint32_t part = partFor(r, rows, d);
  if (!part) {
    r.forRowPieces(rows, {d * in.bytes(), d * out.bytes(), d * 4}, [&](uint64_t first, uint32_t count) {
      r.launch(Kernel::softmax, count, {in.slice(first * d, count * d), out.slice(first * d, count * d)},
               SoftmaxParams{count, static_cast<uint32_t>(d), inverseTemperature, formatsOf({in, out})});
    });
    return;
  }
  const uint64_t parts = partsOf(d, part);
  const BufferView partials = r.scratch(rows * parts * 8), totals = r.scratch(rows * 8);
  const auto params = [&](uint64_t count, uint64_t length, uint32_t formats) {
    return SoftmaxPartsParams{static_cast<uint32_t>(count), static_cast<uint32_t>(length), inverseTemperature, formats,
                              part};
  };
  forParts(r, in, 0, rows, d, part, [&](uint64_t at, uint64_t count, uint64_t length, uint64_t firstPart) {
    const uint64_t launched = count * partsOf(length, part);
    r.launch(Kernel::softmax_parts, launched,
             {in.slice(at, count * length), partials.slice(firstPart * 8, launched * 8)},
             params(count, length, formatsOf({in})));
  });
  r.launch(Kernel::softmax_merge, rows, {partials, totals},
           SoftmaxParams{static_cast<uint32_t>(rows), static_cast<uint32_t>(parts), inverseTemperature, 0});
  forParts(r, in, out.bytes(), rows, d, part, [&](uint64_t at, uint64_t count, uint64_t length, uint64_t firstPart) {
    const uint64_t elements = count * length;
    r.launch(Kernel::softmax_write, count * partsOf(length, part),
             {in.slice(at, elements), totals.slice(firstPart / parts * 8, count * 8), out.slice(at, elements)},
             params(count, length, formatsOf({in, Elements{totals}, out})));
  });
  r.release(partials);
  r.release(totals);
}

void recordColumnMean(Recorder& r, BufferView input, BufferView mean, uint64_t rows, uint32_t d) {
  const uint64_t groups = (uint64_t{d} + kMeanColumns - 1) / kMeanColumns, rowBytes = uint64_t{d} * 4;
  // Slices of rows where the columns alone would leave the device idle.
  constexpr uint64_t kLeastElements = 65536, kLeastSlice = 1024;
  const uint64_t wanted = isSoftware(r) ? kManyRowsOfSoftware : kManyRows;
  uint64_t slice = rows;
  if (!r.onCpu() && groups < wanted)
    slice = std::min(rows, std::max({(rows * groups - 1) / wanted + 1, kLeastSlice,
                                     kLeastElements / std::min<uint64_t>(d, kMeanColumns)}));
  const auto launch = [&](BufferView from, BufferView to, uint64_t count, uint64_t sliced, double over) {
    r.launch(
        Kernel::column_mean, groups * ((count + sliced - 1) / sliced), {from, to},
        ColumnMeanParams{static_cast<uint32_t>(count), d, static_cast<uint32_t>(sliced), static_cast<float>(over)});
  };
  if (slice == rows) return launch(input, mean, rows, rows, static_cast<double>(rows));
  const uint64_t slices = (rows + slice - 1) / slice;
  const BufferView sums = r.scratch(slices * rowBytes);
  launch(input, sums, rows, slice, static_cast<double>(slice));
  launch(sums, mean, slices, slices, static_cast<double>(rows) / static_cast<double>(slice));
  r.release(sums);
}

}  // namespace switchyard
