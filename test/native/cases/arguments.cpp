// Arguments that can't be right: each is refused with InvalidArgument, and the context goes on.
#include "../conformance.h"

namespace switchyard::test {
namespace {

struct Refusal {
  const char *workload, *name;
  std::vector<TensorSpec> inputs;  // a spec of rank 8 and all zeros stands for an absent input
  std::vector<Param> params = {};
};

TensorSpec f(Shape shape) { return {kF32, shape}; }
TensorSpec of(DType dtype, Shape shape) { return {dtype, shape}; }

std::vector<Refusal> refusals() {
  constexpr DType i32 = DType::Int32, u8 = DType::Uint8, i8 = DType::Int8, u32 = DType::Uint32;
  const TensorSpec none = f({0, 0, 0, 0, 0, 0, 0, 0});
  return {
      {"add", "shapes-differ", {f({2, 3}), f({3, 2})}},
      {"add", "b-larger", {f({3}), f({2, 3})}},
      {"add", "row-of-the-wrong-length", {f({2, 3}), f({2})}},
      {"add", "dtype", {of(i32, {2}), of(i32, {2})}},
      {"add", "missing-input", {f({2})}},
      {"scale", "infinite-factor", {f({2})}, {{"factor", kInf}}},
      {"scale", "dtype", {of(u32, {2})}},
      {"activation", "no-kind", {f({2})}},
      {"activation", "unknown-kind", {f({2})}, {{"kind", "swish"}}},
      {"activation", "kind-out-of-range", {f({2})}, {{"kind", 7}}},
      {"reduce", "no-kind", {f({2, 3})}},
      {"reduce", "scalar-shape", {f({})}, {{"kind", "sum"}}},
      {"normalize", "rank1", {f({3})}},
      {"normalize", "rank3", {f({2, 3, 4})}},
      {"normalize", "negative-epsilon", {f({2, 3})}, {{"epsilon", -1}}},
      {"softmax", "scalar-shape", {f({})}},
      {"softmax", "temperature-0", {f({2, 3})}, {{"temperature", 0}}},
      {"softmax", "negative-temperature", {f({2, 3})}, {{"temperature", -1}}},
      {"layer-norm", "gamma-length", {f({2, 3}), f({2}), f({3})}},
      {"layer-norm", "beta-rank", {f({2, 3}), f({3}), f({1, 3})}},
      {"layer-norm", "negative-epsilon", {f({2, 3})}, {{"epsilon", -1}}},
      {"matmul", "inner-sizes", {f({2, 3}), f({4, 5})}},
      {"matmul", "inner-sizes-transposed", {f({2, 3}), f({3, 5})}, {{"transposeB", 1}}},
      {"matmul", "rank1", {f({3}), f({3, 2})}},
      {"matmul", "batches", {f({2, 3, 4}), f({3, 4, 5})}},
      {"matmul", "dtype", {of(i32, {2, 2}), of(i32, {2, 2})}},
      {"matmul", "transpose-of-2", {f({2, 2}), f({2, 2})}, {{"transposeA", 2}}},
      {"matmul", "infinite-alpha", {f({2, 2}), f({2, 2})}, {{"alpha", kInf}}},
      {"attention", "heads", {f({2, 3, 4}), f({1, 3, 4}), f({2, 3, 4})}},
      {"attention", "depths", {f({2, 3, 4}), f({2, 3, 5}), f({2, 3, 4})}},
      {"attention", "keys-and-values", {f({2, 3, 4}), f({2, 3, 4}), f({2, 5, 4})}},
      {"attention", "mask", {f({2, 3, 4}), f({2, 5, 4}), f({2, 5, 4}), f({5, 3})}},
      {"attention", "rank2", {f({3, 4}), f({3, 4}), f({3, 4})}},
      {"attention", "no-depth", {f({2, 3, 0}), f({2, 3, 0}), f({2, 3, 4})}},
      {"top-k", "no-k", {f({2, 3})}},
      {"top-k", "k-over-n", {f({2, 3})}, {{"k", 4}}},
      {"top-k", "k-0", {f({2, 3})}, {{"k", 0}}},
      {"top-k", "k-negative", {f({2, 3})}, {{"k", -1}}},
      {"top-k", "k-fraction", {f({2, 3})}, {{"k", 1.5}}},
      {"top-k", "rank1", {f({3})}, {{"k", 1}}},
      {"top-k", "no-columns", {f({2, 0})}, {{"k", 1}}},
      {"similarity-search", "dimensions", {f({2, 3}), f({5, 4})}, {{"k", 1}}},
      {"similarity-search", "k-over-n", {f({2, 3}), f({5, 3})}, {{"k", 6}}},
      {"similarity-search", "no-k", {f({2, 3}), f({5, 3})}},
      {"similarity-search", "no-rows", {f({2, 3}), f({0, 3})}, {{"k", 1}}},
      {"similarity-search", "unknown-metric", {f({2, 3}), f({5, 3})}, {{"k", 1}, {"metric", "hamming"}}},
      {"similarity-search", "base-dtype", {f({2, 3}), of(u8, {5, 3})}, {{"k", 1}}},
      {"similarity-search", "queries-dtype", {of(i8, {2, 3}), f({5, 3})}, {{"k", 1}}},
      {"similarity-search", "missing-scales", {f({2, 3}), of(i8, {5, 3})}, {{"k", 1}}},
      {"similarity-search", "scales-length", {f({2, 3}), of(i8, {5, 3}), f({4})}, {{"k", 1}}},
      {"similarity-search", "scales-rank", {f({2, 3}), of(i8, {5, 3}), f({5, 1})}, {{"k", 1}}},
      {"similarity-search", "scales-of-floats", {f({2, 3}), f({5, 3}), f({5})}, {{"k", 1}}},
      {"similarity-search", "mask-too-short", {f({2, 3}), f({9, 3}), none, of(u8, {1})}, {{"k", 1}}},
      {"similarity-search", "mask-too-long", {f({2, 3}), f({9, 3}), none, of(u8, {9})}, {{"k", 1}}},
      {"similarity-search", "mask-dtype", {f({2, 3}), f({9, 3}), none, of(i8, {2})}, {{"k", 1}}},
      {"similarity-search", "rescore-of-floats", {f({2, 3}), f({9, 3}), none, none, f({9, 3})}, {{"k", 1}}},
      {"similarity-search", "rescore-shape", {f({2, 3}), of(kF16, {9, 3}), none, none, f({9, 4})}, {{"k", 1}}},
      {"similarity-search", "rescore-dtype", {f({2, 3}), of(kF16, {9, 3}), none, none, of(i8, {9, 3})}, {{"k", 1}}},
      {"similarity-search",
       "rescore-of-halves",
       {f({2, 3}), of(kF16, {9, 3}), none, none, of(kF16, {9, 3})},
       {{"k", 1}}},
      {"similarity-search", "k-over-n-with-mask", {f({2, 3}), f({9, 3}), none, of(u8, {2})}, {{"k", 10}}},
      {"quantize", "rank1", {f({3})}},
      {"quantize", "bits", {f({2, 3})}, {{"bits", 5}}},
      {"quantize", "bits-16", {f({2, 3})}, {{"bits", 16}}},
      {"quantize", "dtype", {of(i8, {2, 3})}},
      {"dequantize", "dtype-of-8-bits", {of(u8, {2, 3}), f({2})}},
      {"dequantize", "dtype-of-4-bits", {of(i8, {2, 3}), f({2})}, {{"bits", 4}}},
      {"dequantize", "scales-length", {of(i8, {2, 3}), f({3})}},
      {"dequantize", "columns-8", {of(i8, {2, 3}), f({2})}, {{"columns", 4}}},
      {"dequantize", "columns-4", {of(u8, {2, 3}), f({2})}, {{"bits", 4}, {"columns", 7}}},
      {"dequantize", "missing-scales", {of(i8, {2, 3})}},
      {"linear", "rank-0", {f({}), f({2, 3})}},
      {"linear", "weight-rank", {f({2, 3}), f({3})}},
      {"linear", "weight-of-another-k", {f({2, 3}), f({5, 4})}},
      {"linear", "weight-dtype", {f({2, 3}), of(i32, {5, 3})}},
      {"linear", "input-dtype", {of(i8, {2, 3}), f({5, 3})}},
      {"linear", "missing-scales", {f({2, 3}), of(i8, {5, 3})}},
      {"linear", "scales-of-floats", {f({2, 3}), f({5, 3}), f({5})}},
      {"linear", "scales-length", {f({2, 3}), of(i8, {5, 3}), f({4})}},
      {"linear", "scales-rank", {f({2, 3}), of(i8, {5, 3}), f({5, 1, 1})}},
      {"linear", "groups-do-not-divide", {f({2, 6}), of(i8, {5, 6}), f({5, 4})}},
      {"linear", "no-groups", {f({2, 6}), of(i8, {5, 6}), f({5, 0})}},
      {"linear", "groups-within-a-byte", {f({2, 6}), of(u8, {5, 3}), f({5, 2})}, {{"bits", 4}}},
      {"linear", "bits", {f({2, 3}), of(i8, {5, 3}), f({5})}, {{"bits", 5}}},
      {"linear", "bits-of-int8", {f({2, 3}), of(i8, {5, 3}), f({5})}, {{"bits", 4}}},
      {"linear", "bits-of-uint8", {f({2, 3}), of(u8, {5, 3}), f({5})}},
      {"linear", "packed-columns", {f({2, 7}), of(u8, {5, 3}), f({5})}, {{"bits", 4}}},
      {"linear", "integers-times-floats", {f({2, 3}), f({5, 3})}, {{"activations", "int8"}}},
      {"linear", "bias-length", {f({2, 3}), f({5, 3}), none, f({4})}},
      {"linear", "bias-rank", {f({2, 3}), f({5, 3}), none, f({1, 5})}},
      {"linear", "residual-shape", {f({2, 3}), f({5, 3}), none, none, f({2, 3})}},
      {"linear", "residual-rank", {f({2, 3}), f({5, 3}), none, none, f({1, 2, 5})}},
      {"linear", "unknown-activation", {f({2, 3}), f({5, 3})}, {{"activation", "exp"}}},
      {"linear", "unknown-dtype", {f({2, 3}), f({5, 3})}, {{"dtype", "int8"}}},
      {"pca-fit", "no-components", {f({5, 3})}},
      {"pca-fit", "components-over-d", {f({5, 3})}, {{"components", 4}}},
      {"pca-fit", "components-0", {f({5, 3})}, {{"components", 0}}},
      {"pca-fit", "one-row", {f({1, 3})}, {{"components", 1}}},
      {"pca-fit", "no-rows", {f({0, 3})}, {{"components", 1}}},
      {"pca-fit", "rank1", {f({3})}, {{"components", 1}}},
      {"pca-transform", "mean-length", {f({5, 3}), f({4}), f({2, 3})}},
      {"pca-transform", "component-length", {f({5, 3}), f({3}), f({2, 4})}},
      {"pca-transform", "missing", {f({5, 3}), f({3})}},
      {"evidence-timeline", "columns", {f({5, 3})}},
      {"evidence-timeline", "rank1", {f({4})}},
      {"gather", "no-scales", {of(i8, {3, 4}), of(i32, {2})}},
      {"gather", "scales-of-floats", {f({3, 4}), of(i32, {2}), f({3})}},
      {"gather", "scales-length", {of(i8, {3, 4}), of(i32, {2}), f({4})}},
      {"gather", "table-rank", {f({3}), of(i32, {2})}},
      {"gather", "indices-dtype", {f({3, 4}), f({2})}},
      {"gather", "rows-of-no-table", {f({0, 4}), of(i32, {2})}},
      {"gather", "unknown-dtype", {f({3, 4}), of(i32, {2})}, {{"dtype", "int8"}}},
      {"pool", "no-kind", {f({3, 4}), of(i32, {2})}},
      {"pool", "rank3", {f({3, 4, 5}), of(i32, {2})}, {{"kind", "mean"}}},
      {"pool", "offsets-rank", {f({3, 4}), of(i32, {1, 2})}, {{"kind", "mean"}}},
      {"transpose", "axis-twice", {f({2, 3})}, {{"axes", std::vector<double>{0, 0}}}},
      {"transpose", "axis-past-the-last", {f({2, 3})}, {{"axes", std::vector<double>{0, 2}}}},
      {"transpose", "too-few-axes", {f({2, 3})}, {{"axes", std::vector<double>{0}}}},
      {"concat", "dtypes", {f({2, 3}), of(kF16, {2, 3})}},
      {"concat", "ranks", {f({2, 3}), f({2})}},
      {"concat", "other-axes", {f({2, 3}), f({2, 4})}},
      {"concat", "axis", {f({2, 3}), f({2, 3})}, {{"axis", 2}}},
      {"concat", "scalar-shape", {f({}), f({})}},
      {"rms-norm", "gamma-length", {f({2, 3}), f({2})}},
      {"layer-norm", "residual-shape", {f({2, 3}), f({3}), f({3}), f({3, 2})}},
      {"rope", "rank2", {f({2, 4}), of(i32, {2})}},
      {"rope", "base-0", {f({2, 1, 4}), of(i32, {2})}, {{"base", 0}}},
      {"add", "unknown-dtype", {f({2}), f({2})}, {{"dtype", "int8"}}},
      {"pagerank", "dtype", {f({3}), of(i32, {2})}},
      {"pagerank", "no-offsets", {of(i32, {0}), of(i32, {0})}},
      {"pagerank", "weights-length", {of(i32, {3}), of(i32, {2}), f({3})}},
      {"pagerank", "damping-over-1", {of(i32, {3}), of(i32, {0})}, {{"damping", 1.5}}},
      {"pagerank", "negative-tolerance", {of(i32, {3}), of(i32, {0})}, {{"tolerance", -1}}},
      {"pagerank", "iterations-fraction", {of(i32, {3}), of(i32, {0})}, {{"maxIterations", 1.5}}},
  };
}

// Links whose numbers, not whose shapes, are wrong.
void addBadLinks(CaseList& list) {
  auto add = [&](const std::string& name, std::initializer_list<double> offsets, std::initializer_list<double> columns,
                 std::initializer_list<double> weights = {}) {
    std::vector<double> o(offsets), c(columns), w(weights);
    list.add("pagerank", "refused-" + name, Size::Small, [=](Problem& p, Random&) {
      p.inputs = {HostTensor(DType::Int32, {o.size()}), HostTensor(DType::Int32, {c.size()}),
                  w.empty() ? absent() : HostTensor(kF32, {w.size()})};
      for (size_t i = 0; i < o.size(); ++i) p.inputs[0].set(i, o[i]);
      for (size_t i = 0; i < c.size(); ++i) p.inputs[1].set(i, c[i]);
      for (size_t i = 0; i < w.size(); ++i) p.inputs[2].set(i, w[i]);
      p.refused = Code::InvalidArgument;
    });
  };
  add("column-too-large", {0, 1, 2}, {1, 2});
  add("column-negative", {0, 1, 2}, {1, -1});
  add("offsets-decreasing", {0, 2, 1}, {1, 0});
  add("offsets-not-from-0", {1, 1, 2}, {1, 0});
  add("offsets-past-the-end", {0, 1, 3}, {1, 0});
  add("offsets-short-of-the-end", {0, 1, 1}, {1, 0});
  add("weight-negative", {0, 1, 2}, {1, 0}, {1, -1});
  add("weight-nan", {0, 1, 2}, {1, 0}, {1, kNaN});
}

}  // namespace

void addArgumentCases(CaseList& list) {
  for (const Refusal& refusal : refusals())
    list.add(refusal.workload, std::string("refused-") + refusal.name, Size::Small, [refusal](Problem& p, Random&) {
      for (const TensorSpec& spec : refusal.inputs) {
        const bool isThere = spec.shape.rank() < Shape::kMaxRank;
        p.inputs.push_back(isThere ? HostTensor(spec.dtype, spec.shape) : absent());
      }
      p.params = refusal.params;
      p.refused = Code::InvalidArgument;
    });
  addBadLinks(list);
}

}  // namespace switchyard::test
