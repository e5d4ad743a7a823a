// How long rows are cut: by how many there are and how long they are, alike on every device of a kind, so that sums
// repeat.
#include "workloads/long_rows.h"

#include <algorithm>

#include "workloads/common.h"

namespace switchyard {
namespace {

constexpr uint64_t kLongRow = 32768;
// As many rows keep a card busy by themselves, or the threads of a software driver.
constexpr uint64_t kManyRows = 512, kManyRowsOfSoftware = 64;
constexpr uint64_t kPartsWanted = 2048, kLeastPart = 4096, kLongestPart = 65536;

bool isSoftware(const Recorder& r) { return r.device().type == DeviceType::Cpu; }

// The longest view of rows' elements: kernels count in 32 bits.
uint64_t longestView(const Recorder& r) { return std::min(r.device().maxViewBytes, uint64_t{1} << 33); }

[[noreturn]] void refuseRow(const Recorder& r, uint64_t bytes) {
  throw Error(Code::Unsupported, "rows of " + std::to_string(bytes) + " bytes can't be bound by " + r.device().id +
                                     ", whose longest binding is " + std::to_string(longestView(r)) +
                                     " bytes: use another device");
}

// Calls fn(row) for every row and returns true where there are several of which none can be bound.
template <class F>
bool eachByItself(const Recorder& r, Elements in, uint64_t outBytes, uint64_t rows, uint64_t d, const F& fn) {
  const uint64_t bytes = d * std::max(in.bytes(), outBytes), alignment = r.device().viewAlignment;
  if (r.onCpu() || rows < 2 || d < kLongRow || bytes <= longestView(r)) return false;
  if (d * in.bytes() % alignment || d * outBytes % alignment) refuseRow(r, bytes);  // they begin where no view may
  for (uint64_t row = 0; row < rows; ++row) {
    r.throwIfStopped();
    fn(row);
  }
  return true;
}

Elements rowOf(Elements rows, uint64_t row, uint64_t d) { return {rows.slice(row * d, d), rows.format}; }

// 0: a row a group.
uint32_t partFor(const Recorder& r, uint64_t rows, uint64_t d) {
  if (r.onCpu() || !rows || d < kLongRow || rows >= (isSoftware(r) ? kManyRowsOfSoftware : kManyRows)) return 0;
  uint64_t part = kLeastPart;
  while (part < kLongestPart && part * kPartsWanted < rows * d) part *= 4;
  return static_cast<uint32_t>(part);
}

uint64_t partsOf(uint64_t d, uint32_t part) { return (d + part - 1) / part; }

constexpr uint64_t kPairBytes = 8;  // what a part hands over, and what is known of a row

// fn(first element, rows, their length, first part) for the pieces of which each can be bound: of some rows, or of some
// parts of a row that is longer than a binding.
template <class F>
void forParts(const Recorder& r, Elements in, uint64_t outBytes, uint64_t rows, uint64_t d, uint32_t part,
              const F& fn) {
  const uint64_t parts = partsOf(d, part), most = longestView(r), bytes = std::max(in.bytes(), outBytes);
  if (d * bytes <= most) {
    r.forRowPieces(rows, {d * in.bytes(), d * outBytes, parts * kPairBytes, kPairBytes},
                   [&](uint64_t first, uint32_t count) { fn(first * d, count, d, first * parts); });
    return;
  }
  const uint64_t aligned = uint64_t{part} * std::max<uint64_t>(1, r.device().viewAlignment / kPairBytes);
  const uint64_t step = most / bytes / aligned * aligned;
  if (step == 0) refuseRow(r, d * bytes);
  for (uint64_t at = 0; at < d; at += step) {
    r.throwIfStopped();
    fn(at, 1, std::min(step, d - at), at / part);
  }
}

// What the rows are as one number each, over `over`, or, where that is 0, as two (kernels.def, reduce_parts).
void recordReduceParts(Recorder& r, Elements in, BufferView out, uint64_t rows, uint64_t d, uint32_t kind,
                       uint32_t part, float over) {
  const uint64_t all = partsOf(d, part);
  const BufferView partials = r.scratch(rows * all * kPairBytes);
  forParts(r, in, 0, rows, d, part, [&](uint64_t at, uint64_t count, uint64_t length, uint64_t firstPart) {
    const uint64_t parts = count * partsOf(length, part);
    r.launch(
        Kernel::reduce_parts, parts,
        {in.slice(at, count * length), partials.slice(firstPart * kPairBytes, parts * kPairBytes)},
        ReducePartsParams{static_cast<uint32_t>(count), static_cast<uint32_t>(length), kind, formatsOf({in}), part, 0});
  });
  r.launch(Kernel::reduce_parts, rows, {partials, out.slice(0, rows * (over == 0 ? kPairBytes : 4))},
           ReducePartsParams{static_cast<uint32_t>(rows), static_cast<uint32_t>(all), kind, 0, 0, over});
  r.release(partials);
}

}  // namespace

void recordReduce(Recorder& r, Elements in, Elements out, uint64_t rows, uint64_t d, uint32_t kind) {
  const bool alone = eachByItself(r, in, 0, rows, d, [&](uint64_t row) {
    const Elements one{r.scratch(4)};
    recordReduce(r, rowOf(in, row, d), one, 1, d, kind);
    r.copy(out.slice(row, 1), one.view);
    r.release(one.view);
  });
  if (alone) return;
  if (const uint32_t part = partFor(r, rows, d)) {
    const float over = kind == kReduceMean ? static_cast<float>(d) : 1;
    return recordReduceParts(r, in, out.view, rows, d, kind, part, over);
  }
  r.forRowPieces(rows, {d * in.bytes(), d * 4, out.bytes()}, [&](uint64_t first, uint32_t count) {
    r.launch(Kernel::reduce, count, {in.slice(first * d, count * d), out.slice(first, count)},
             ReduceParams{count, static_cast<uint32_t>(d), kind, formatsOf({in, out})});
  });
}

void recordNormalize(Recorder& r, Elements in, Elements out, uint64_t rows, uint64_t d, float epsilon) {
  if (eachByItself(r, in, out.bytes(), rows, d,
                   [&](uint64_t row) { recordNormalize(r, rowOf(in, row, d), rowOf(out, row, d), 1, d, epsilon); }))
    return;
  const uint32_t part = partFor(r, rows, d);
  if (!part) {
    // As if of float32: a driver that cuts loops (vulkan/loops.h) would not end longer rows.
    r.forRowPieces(rows, {d * in.bytes(), d * out.bytes(), d * 4}, [&](uint64_t first, uint32_t count) {
      r.launch(Kernel::normalize, count, {in.slice(first * d, count * d), out.slice(first * d, count * d)},
               NormalizeParams{count, static_cast<uint32_t>(d), epsilon, formatsOf({in, out})});
    });
    return;
  }
  const Elements norms{r.scratch(rows * kPairBytes)};
  recordReduceParts(r, in, norms.view, rows, d, kReduceNorm, part, 0);
  forParts(r, in, out.bytes(), rows, d, part, [&](uint64_t at, uint64_t count, uint64_t length, uint64_t firstPart) {
    const uint64_t elements = count * length, row = firstPart / partsOf(d, part);
    r.launch(Kernel::normalize_parts, count * partsOf(length, part),
             {in.slice(at, elements), norms.view.slice(row * kPairBytes, count * kPairBytes), out.slice(at, elements)},
             NormalizePartsParams{static_cast<uint32_t>(count), static_cast<uint32_t>(length), epsilon,
                                  formatsOf({in, norms, out}), part, 0x1p-64f});
  });
  r.release(norms.view);
}

void recordSoftmax(Recorder& r, Elements in, Elements out, uint64_t rows, uint64_t d, float inverseTemperature) {
  if (eachByItself(r, in, out.bytes(), rows, d, [&](uint64_t row) {
        recordSoftmax(r, rowOf(in, row, d), rowOf(out, row, d), 1, d, inverseTemperature);
      }))
    return;
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
