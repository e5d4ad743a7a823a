// A search whose rows the host picks: what may be found becomes float32 by the kernels of other workloads.
#include "workloads/search_by_host.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "search_bound.h"
#include "workloads/graph_input.h"
#include "workloads/search_on_device.h"

namespace switchyard {
namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

// Of a table [n, d]: floating, or int8 with scales.
struct Table {
  Elements rows;
  BufferView scales;
  bool coded = false;
  uint64_t n, d;

  uint64_t rowBytes() const { return d * (coded ? 1 : rows.bytes()); }
};

// The rows of the list, which ascends, as float32.
void gatherRows(Recorder& r, const Table& table, std::span<const int32_t> list, BufferView out) {
  const uint64_t outBytes = table.d * 4;
  r.forRowPieces(table.n, {table.rowBytes(), 4}, [&](uint64_t first, uint32_t rows) {
    const auto begin = std::ranges::lower_bound(list, static_cast<int64_t>(first));
    const auto end = std::ranges::lower_bound(list, static_cast<int64_t>(first + rows));
    const size_t from = static_cast<size_t>(begin - list.begin()), count = static_cast<size_t>(end - begin);
    if (count == 0) return;
    const std::span<int32_t> own = r.hostMemory<int32_t>(count);
    std::transform(begin, end, own.begin(), [&](int32_t row) { return row - static_cast<int32_t>(first); });
    const BufferView indices = r.fresh(count * 4), made = r.scratch(count * outBytes);
    r.upload(indices, std::as_bytes(own));
    const Elements some{table.rows.view.slice(first * table.rowBytes(), rows * table.rowBytes()), table.rows.format};
    const BufferView scales = table.coded ? table.scales.slice(first * 4, uint64_t{rows} * 4) : some.view;
    r.forRowPieces(count, {outBytes, 4}, [&](uint64_t at, uint32_t piece) {
      const uint64_t elements = piece * table.d;
      r.launch(
          Kernel::gather, elements,
          {some.view, indices.slice(at * 4, uint64_t{piece} * 4), scales, made.slice(at * outBytes, piece * outBytes)},
          GatherParams{static_cast<uint32_t>(elements), static_cast<uint32_t>(table.d), rows, table.coded,
                       formatsOf({some, {}, {}, {}})});
    });
    r.copy(out.slice(from * outBytes, count * outBytes), made);
    r.release(made);
  });
}

void dequantizeRows(Recorder& r, const Table& table, BufferView out) {
  r.forRowPieces(table.n, {table.d, 4, table.d * 4}, [&](uint64_t first, uint32_t rows) {
    const uint32_t d = static_cast<uint32_t>(table.d);
    r.launch(Kernel::dequantize, rows * table.d,
             {table.rows.view.slice(first * d, rows * table.d), table.scales.slice(first * 4, uint64_t{rows} * 4),
              out.slice(first * d * 4, rows * table.d * 4)},
             QuantizeParams{rows, d, 8, d});
  });
}

// The rows that may be found as float32; the table's own memory where they are that.
BufferView floatRows(Recorder& r, const Table& table, std::span<const int32_t> list) {
  if (list.size() == table.n && !table.coded && table.rows.format == kFormatFloat32) return table.rows.view;
  const BufferView out = r.scratch(list.size() * table.d * 4);
  if (list.size() < table.n)
    gatherRows(r, table, list, out);
  else if (table.coded)
    dequantizeRows(r, table, out);
  else
    r.cast(table.rows, {out}, table.n * table.d);
  return out;
}

std::span<const float> lengthsOf(Recorder& r, BufferView rows, uint64_t n, uint64_t d) {
  const BufferView lengths = r.scratch(n * 4);
  r.forRowPieces(n, {d * 4, 4}, [&](uint64_t first, uint32_t count) {
    r.launch(Kernel::reduce, count,
             {rows.slice(first * d * 4, count * d * 4), lengths.slice(first * 4, uint64_t{count} * 4)},
             ReduceParams{count, static_cast<uint32_t>(d), kReduceNorm, 0});
  });
  const std::span<float> out = r.hostMemory<float>(n);
  r.download(std::as_writable_bytes(out), lengths);
  r.release(lengths);
  return out;
}

std::vector<int32_t> allowedRows(std::span<const uint8_t> mask, bool masked, uint64_t n) {
  std::vector<int32_t> rows;
  for (uint64_t row = 0; row < n; ++row)
    if (!masked || mask[row / 8] >> row % 8 & 1) rows.push_back(static_cast<int32_t>(row));
  return rows;
}

double normOf(const float* query, uint64_t d, bool sum) {
  double all = 0;
  for (uint64_t i = 0; i < d; ++i) all += sum ? std::fabs(double{query[i]}) : double{query[i]} * query[i];
  return sum ? all : std::sqrt(all);
}

struct Found {
  std::span<float> scores;
  std::span<int32_t> rows;  // of the float32 rows
};

Found searched(Recorder& r, BufferView queries, BufferView base, uint64_t q, uint64_t n, uint32_t d, uint32_t k,
               uint32_t metric) {
  const Found found{r.hostMemory<float>(q * k), r.hostMemory<int32_t>(q * k)};
  const BufferView scores = r.scratch(q * k * 4), rows = r.scratch(q * k * 4);
  DeviceSearch search;
  search.queries = queries, search.base = base, search.scores = scores, search.indices = rows;
  search.q = q, search.n = n, search.d = d, search.k = k, search.metric = metric;
  recordSearch(r, search);
  r.download(std::as_writable_bytes(found.scores), scores);
  r.download(std::as_writable_bytes(found.rows), rows);
  r.release(scores);
  r.release(rows);
  return found;
}

}  // namespace

Task recordSearchByHost(Recorder& r, const Call& call) {
  const Value &base = call.inputs[1], &scaled = call.inputs[2], &masked = call.inputs[3], &rescore = call.inputs[4];
  const uint64_t q = call.shape(0)[0], n = call.shape(1)[0], d = call.shape(0)[1], k = call.integer(0);
  const uint32_t metric = call.integer(1), columns = static_cast<uint32_t>(d);
  if (q == 0) co_return;
  const BufferView queries = r.floats(call.inputs[0]);
  const std::span<float> floats = r.hostMemory<float>(q * d);
  r.download(std::as_writable_bytes(floats), queries);
  const std::span<const float> scales = scaled.present ? onHost<float>(r, scaled) : std::span<const float>();
  const std::span<const uint8_t> mask = masked.present ? onHost<uint8_t>(r, masked) : std::span<const uint8_t>();
  co_await r.sync();

  const std::vector<int32_t> rows = allowedRows(mask, masked.present, n);
  const uint64_t m = rows.size(), wanted = std::min(rescore.present ? searchCandidates(k, n) : k, m);
  const std::span<float> scores = r.hostMemory<float>(q * k), bounds = r.hostMemory<float>(q);
  const std::span<int32_t> indices = r.hostMemory<int32_t>(q * k);
  std::ranges::fill(scores, kNone);
  std::ranges::fill(indices, -1);
  if (m) {
    const bool coded = base.spec.dtype == DType::Int8, hasBound = call.outputCount == 3;
    Table table{r.elements(base), coded ? r.floats(scaled) : base.view, coded, n, d};
    const BufferView some = floatRows(r, table, rows);
    const Found found = searched(r, queries, some, q, m, columns, static_cast<uint32_t>(wanted), metric);
    const SearchBound bound(base.spec.dtype, metric, d);
    std::span<const float> lengths;
    if (hasBound && coded && metric == kMetricCosine) {
      table.scales = r.scratch(n * 4);
      r.fill(table.scales, 0x3F800000);  // 1: the codes alone
      const BufferView codes = floatRows(r, table, rows);
      lengths = lengthsOf(r, codes, m, d);
      r.release(codes);
    } else if (hasBound && !coded) {
      lengths = lengthsOf(r, some, m, d);
    }
    co_await r.sync();
    r.release(some);

    double worst = 0;
    for (uint64_t i = 0; hasBound && i < m; ++i)
      worst = std::max(worst, bound.rowError(lengths.empty() ? 1 : double{lengths[i]},
                                             coded ? scales[static_cast<size_t>(rows[i])] : 1));
    for (int32_t& row : found.rows) row = rows[static_cast<size_t>(row)];
    const uint64_t given = std::min(k, m);
    const auto put = [&](uint64_t query, const float* own, const auto& row) {
      for (uint64_t i = 0; i < given; ++i) scores[query * k + i] = own[i], indices[query * k + i] = row(i);
    };
    for (uint64_t i = 0; i < q; ++i) {
      const int32_t* const candidates = found.rows.data() + i * wanted;
      const float last = found.scores[i * wanted + wanted - 1];
      if (!rescore.present) {
        put(i, found.scores.data() + i * wanted, [&](uint64_t j) { return candidates[j]; });
      } else {
        std::vector<int32_t> list(candidates, candidates + wanted);
        std::ranges::sort(list);
        const BufferView again = r.scratch(wanted * d * 4);
        gatherRows(r, {r.elements(rescore), {}, false, n, d}, list, again);
        const BufferView query = queries.slice(i * d * 4, d * 4), own = r.aligned(query);
        const Found best = searched(r, own, again, 1, wanted, columns, static_cast<uint32_t>(given), metric);
        r.releaseAligned(own, query);
        r.release(again);
        co_await r.sync();
        put(i, best.scores.data(), [&](uint64_t j) { return list[static_cast<size_t>(best.rows[j])]; });
      }
      const double norm = normOf(floats.data() + i * d, d, bound.needsSum());
      bounds[i] = wanted == m ? 0 : bound.of(norm, worst, last, scores[i * k + given - 1]);
    }
  }
  r.upload(call.outputs[0].view, std::as_bytes(scores));
  r.upload(call.outputs[1].view, std::as_bytes(indices));
  if (call.outputCount == 3) r.upload(call.outputs[2].view, std::as_bytes(bounds));
}

}  // namespace switchyard
