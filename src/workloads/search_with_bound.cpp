// similarity-search on a GPU from its inputs to its outputs. The device finds the rows; how far their scores can be
// from exact is worked out on the host, from what rounding has cost the base's rows.
#include <algorithm>
#include <cmath>

#include "search_bound.h"
#include "workloads/common.h"
#include "workloads/graph_input.h"
#include "workloads/search_by_host.h"
#include "workloads/search_on_device.h"

namespace switchyard {
namespace {

constexpr uint64_t kCodesAtOnce = 16 << 20;  // bytes of codes that are float32 at a time

DeviceSearch searchOf(Recorder& r, const Call& call) {
  const Value& base = call.inputs[1];
  const bool coded = base.spec.dtype == DType::Int8;
  DeviceSearch s;
  s.queries = r.floats(call.inputs[0]);
  s.base = base.view;
  s.baseFormat = coded ? kElementInt8 : formatOf(base.spec.dtype);
  if (coded) s.scales = r.floats(call.inputs[2]);
  if (call.inputs[3].present) s.mask = call.inputs[3].view;
  s.q = call.shape(0)[0], s.n = call.shape(1)[0], s.d = static_cast<uint32_t>(call.shape(0)[1]);
  // What `fast` might miss is in no bound: a rounded base is looked through as with 'high'.
  s.k = call.integer(0), s.metric = call.integer(1), s.fast = call.flag(2) && s.baseFormat == kFormatFloat32;
  s.scores = call.outputs[0].view, s.indices = call.outputs[1].view;
  return s;
}

// |row| of each row of the base, of codes without their scale, where the host finds them after the next sync.
std::span<const float> lengthsOf(Recorder& r, const DeviceSearch& s) {
  const uint64_t n = s.n, d = s.d;
  const BufferView lengths = r.scratch(n * 4);
  const auto measure = [&](Elements rows, uint64_t first, uint32_t count) {
    r.launch(Kernel::reduce, count, {rows.view, lengths.slice(first * 4, uint64_t{count} * 4)},
             ReduceParams{count, s.d, kReduceNorm, formatsOf({rows, {}})});
  };
  if (s.baseFormat == kElementInt8) {
    const uint64_t most = std::max<uint64_t>(1, std::min(n, kCodesAtOnce / (d * 4)));
    r.forRowPieces(
        n, {d, 4, d * 4},
        [&](uint64_t first, uint32_t count) {
          const BufferView floats = r.scratch(count * d * 4), ones = r.scratch(uint64_t{count} * 4);
          r.fill(ones, 0x3F800000);
          r.launch(Kernel::dequantize, count * d, {s.base.slice(first * d, count * d), ones, floats},
                   QuantizeParams{count, s.d, 8, s.d});
          measure({floats}, first, count);
          r.release(floats);
          r.release(ones);
        },
        most);
  } else {
    const Elements base{s.base, s.baseFormat};
    r.forRowPieces(n, {d * base.bytes(), 4}, [&](uint64_t first, uint32_t count) {
      measure({base.slice(first * d, count * d), base.format}, first, count);
    });
  }
  const std::span<float> out = r.hostMemory<float>(n);
  r.download(std::as_writable_bytes(out), lengths);
  r.release(lengths);
  return out;
}

double normOf(const float* query, uint64_t d, bool sum) {
  double all = 0;
  for (uint64_t i = 0; i < d; ++i) all += sum ? std::fabs(double{query[i]}) : double{query[i]} * query[i];
  return sum ? all : std::sqrt(all);
}

// What the bounds are made of, on the host.
struct Known {
  std::span<const float> queries, scales, lengths;
  std::span<const uint8_t> mask;
  std::span<const float> rough, returned;  // scores by the base [q, wanted], and of the output [q, k]
};

struct Rows {
  uint64_t count = 0;  // that may be found
  double worst = 0;    // what rounding has cost the one of them that it has cost most
};
Rows rowsOf(const Recorder& r, const Known& known, const SearchBound& bound, uint64_t n) {
  Rows rows;
  for (uint64_t row = 0; row < n; ++row) {
    if (row % (1 << 20) == 0) r.throwIfStopped();
    if (!known.mask.empty() && (known.mask[row / 8] >> row % 8 & 1) == 0) continue;
    ++rows.count;
    rows.worst = std::max(rows.worst, bound.rowError(known.lengths.empty() ? 1 : double{known.lengths[row]},
                                                     known.scales.empty() ? 1 : known.scales[row]));
  }
  return rows;
}

template <class T>
std::span<const T> downloaded(Recorder& r, BufferView view, size_t count) {
  const std::span<T> out = r.hostMemory<T>(count);
  r.download(std::as_writable_bytes(out), view);
  return out;
}

// `wanted` rows of each query are found by the base, of which the best k come out.
Task recordNatively(Recorder& r, const Call& call, uint32_t wanted) {
  DeviceSearch search = searchOf(r, call);
  const Value& rescore = call.inputs[4];
  const uint64_t q = search.q, n = search.n, k = search.k;
  if (q == 0) co_return;
  if (rescore.present) {
    search.k = wanted;
    search.scores = r.scratch(q * wanted * 4), search.indices = r.scratch(q * wanted * 4);
  }
  recordSearch(r, search);
  if (rescore.present) {
    DeviceSearch again = search;
    again.base = rescore.view, again.baseFormat = formatOf(rescore.spec.dtype), again.scales = {};
    again.k = static_cast<uint32_t>(k);
    again.scores = call.outputs[0].view, again.indices = call.outputs[1].view;
    recordRescore(r, again, search.indices, wanted);
  }
  if (call.outputCount < 3) co_return;  // nothing was rescored then

  const SearchBound bound(call.inputs[1].spec.dtype, search.metric, search.d);
  const bool coded = search.baseFormat == kElementInt8;
  Known known;
  known.queries = onHost<float>(r, call.inputs[0]);
  if (coded) known.scales = onHost<float>(r, call.inputs[2]);
  if (search.mask) known.mask = onHost<uint8_t>(r, call.inputs[3]);
  if (bound.needsLength()) known.lengths = lengthsOf(r, search);
  known.rough = known.returned = downloaded<float>(r, call.outputs[0].view, q * k);
  if (rescore.present) {
    known.rough = downloaded<float>(r, search.scores, q * wanted);
    r.release(search.scores);
    r.release(search.indices);
  }
  co_await r.sync();
  const Rows rows = rowsOf(r, known, bound, n);
  const std::span<float> bounds = r.hostMemory<float>(q);
  for (uint64_t i = 0; i < q && rows.count > wanted; ++i)  // else no row was left out
    bounds[i] = bound.of(normOf(known.queries.data() + i * search.d, search.d, bound.needsSum()), rows.worst,
                         known.rough[(i + 1) * wanted - 1], known.returned[(i + 1) * k - 1]);
  r.upload(call.outputs[2].view, std::as_bytes(bounds));
}

}  // namespace

Task recordSearchOnDevice(Recorder& r, const Call& call) {
  const Value& rescore = call.inputs[4];
  const uint64_t n = call.shape(1)[0], d = call.shape(0)[1], k = call.integer(0);
  const uint64_t wanted = rescore.present ? searchCandidates(k, n) : k;
  if (rescore.present && !canRescore(r.device(), static_cast<uint32_t>(d), wanted)) return recordSearchByHost(r, call);
  return recordNatively(r, call, static_cast<uint32_t>(wanted));
}

}  // namespace switchyard
