// linear: every dtype of weight and input, codes with scales of rows and groups, each activation, bias and residual.
#include <algorithm>
#include <cmath>

#include "oracles.h"

namespace switchyard::test {
namespace {

enum : size_t { kInput, kWeight, kScales, kBias, kResidual };

struct Layer {
  Shape input;
  uint64_t outputs;
  DType inputs = kF32, weights = kF32;
  uint64_t groups = 0;  // of scales; 0: one a row
  bool bias = false, residual = false;
  const char* activation = "none";
  bool int8 = false, fast = false, whole = false;
  const char* dtype = nullptr;
};

// A row as the products see it: itself, or what its int8 codes stand for. `doubt`: how far an element may be off, where
// its code lies between two.
struct Row {
  std::vector<double> values, doubt;
};

Row rowOf(const HostTensor& input, size_t row, uint64_t k, bool int8) {
  Row made{std::vector<double>(k), std::vector<double>(k, 0)};
  double most = 0;
  for (size_t i = 0; i < k; ++i) {
    made.values[i] = input.at(row * k + i);
    most = std::isnan(made.values[i]) ? kNaN : std::max(most, std::fabs(made.values[i]));
    if (std::isnan(most)) break;
  }
  if (!int8) {
    for (size_t i = 0; i < k; ++i) made.values[i] = input.at(row * k + i);
    return made;
  }
  const double scale = most / 127;
  for (size_t i = 0; i < k; ++i) {
    if (scale == 0) continue;
    const double quotient = made.values[i] / scale, code = std::nearbyint(quotient);
    if (std::fabs(std::fabs(quotient - std::trunc(quotient)) - 0.5) < 1e-4) made.doubt[i] = scale;
    made.values[i] = std::isfinite(scale) ? code * scale : kNaN;
  }
  return made;
}

DType outputOf(const Problem& p) {
  const std::string dtype = p.choice("dtype", "float32");
  return dtype == "same" ? p.inputs[kInput].spec.dtype : dtype == "float16" ? kF16 : dtype == "bfloat16" ? kBF16 : kF32;
}

std::vector<double> weightsOf(const Problem& p, uint64_t m, uint64_t k) {
  const HostTensor &weight = p.inputs[kWeight], &scales = p.inputs[kScales];
  std::vector<double> values(m * k);
  const int bits = int(p.param("bits", 8));
  const uint64_t groups = scales.present && scales.shape().rank() == 2 ? scales.shape()[1] : 1;
  for (size_t j = 0; j < m; ++j)
    for (size_t i = 0; i < k; ++i)
      values[j * k + i] = scales.present
                              ? codeAt(weight, j, i, k, bits) * scales.at(j * groups + (groups ? i / (k / groups) : 0))
                              : weight.at(j * k + i);
  return values;
}

}  // namespace

void expectLinear(Problem& p, bool whole) {
  const HostTensor &input = p.inputs[kInput], &bias = p.inputs[kBias], &residual = p.inputs[kResidual];
  const uint64_t k = input.shape().back(), m = p.inputs[kWeight].shape()[0], rows = rowCount(input.shape());
  const bool int8 = p.choice("activations", "float") == "int8";
  const std::string activation = p.choice("activation", "none");
  Shape shape = input.shape().leading(input.shape().rank() - 1);
  shape.push(m);
  Expected out(outputOf(p), shape);
  const std::vector<double> weights = weightsOf(p, m, k);
  // `fast` may round both factors to 8 bits; scales are a rounding or two for each of the factors.
  const double perProduct = (sumRoundings(k) + (p.inputs[kScales].present ? 6 : 0)) * kUlp +
                            (p.choice("precision", "high") == "fast" ? 0x1p-7 : 0);
  for (size_t r = 0; r < rows; ++r) {
    const Row row = rowOf(input, r, k, int8);
    for (size_t j = 0; j < m; ++j) {
      double sum = 0, magnitude = 0, error = double(k) * 0x1p-149;
      for (size_t i = 0; i < k; ++i) {
        const double product = row.values[i] * weights[j * k + i];
        sum += product;
        magnitude += std::fabs(product);
        error += row.doubt[i] * std::fabs(weights[j * k + i]);
      }
      if (bias.present) sum += bias.at(j);
      error += perProduct * magnitude + 4 * kUlp * std::fabs(sum);
      const Activated one = activated(activation, sum);
      // No activation is steeper than 1.13.
      error = 1.13 * error + one.error;
      double value = one.value;
      if (residual.present) {
        value += residual.at(r * m + j);
        error += kUlp * std::fabs(value);
      }
      out.set(r * m + j, value, whole || !std::isfinite(error) ? 0 : error);
    }
  }
  p.outputs = {std::move(out)};
}

namespace {

bool isCodes(DType t) { return t == DType::Int8 || t == DType::Uint8; }

HostTensor scalesOf(Random& random, const Layer& layer) {
  if (!isCodes(layer.weights)) return absent();
  const Shape shape = layer.groups ? Shape{layer.outputs, layer.groups} : Shape{layer.outputs};
  if (!layer.whole) return random.uniform(kF32, shape, 0.001, 0.02);
  HostTensor ones(kF32, shape);
  for (size_t i = 0; i < ones.size(); ++i) ones.set(i, 1);
  return ones;
}

void makeLayer(Problem& p, Random& random, const Layer& layer) {
  const uint64_t k = layer.input.back(), m = layer.outputs;
  const auto floats = [&](DType t, Shape shape) {
    return layer.whole ? random.integers(t, shape) : random.uniform(t, shape);
  };
  HostTensor weight = layer.weights == DType::Int8
                          ? random.integers(DType::Int8, {m, k}, layer.whole ? -4 : -127, layer.whole ? 4 : 127)
                      : layer.weights == DType::Uint8 ? random.integers(DType::Uint8, {m, (k + 1) / 2}, 0, 255)
                                                      : floats(layer.weights, {m, k});
  Shape shape = layer.input.leading(layer.input.rank() - 1);
  shape.push(m);
  p.inputs = {floats(layer.inputs, layer.input), std::move(weight), scalesOf(random, layer),
              layer.bias ? floats(layer.inputs, {m}) : absent(),
              layer.residual ? floats(layer.inputs, shape) : absent()};
  if (layer.weights == DType::Uint8) p.params.push_back({"bits", 4});
  if (layer.int8) p.params.push_back({"activations", "int8"});
  if (layer.fast) p.params.push_back({"precision", "fast"});
  if (layer.dtype) p.params.push_back({"dtype", layer.dtype});
  if (std::string(layer.activation) != "none") p.params.push_back({"activation", layer.activation});
  expectLinear(p, layer.whole);
}

void add(CaseList& list, const std::string& name, Size size, const Layer& layer) {
  list.add("linear", name, size, [=](Problem& p, Random& random) { makeLayer(p, random, layer); });
}

std::string sizeName(uint64_t rows, uint64_t k, uint64_t m) {
  return std::to_string(rows) + "x" + std::to_string(k) + "x" + std::to_string(m);
}

void addSizes(CaseList& list) {
  struct {
    uint64_t rows, k, m;
  } sizes[] = {{0, 3, 4},    {3, 0, 4},    {3, 4, 0},    {1, 1, 1},    {1, 7, 3},     {1, 64, 33},
               {1, 129, 65}, {2, 65, 31},  {5, 31, 17},  {8, 257, 9},  {13, 33, 47},  {16, 64, 48},
               {17, 66, 49}, {63, 32, 32}, {97, 35, 67}, {101, 97, 5}, {130, 131, 33}};
  struct {
    const char* name;
    DType input, weight;
    bool int8;
  } kinds[] = {{"float32", kF32, kF32, false},
               {"float16", kF16, kF16, false},
               {"bfloat16", kBF16, kBF16, false},
               {"float32-by-bfloat16", kF32, kBF16, false},
               {"bfloat16-by-float32", kBF16, kF32, false},
               {"float16-by-int8", kF16, DType::Int8, false},
               {"int8", kF32, DType::Int8, false},
               {"bfloat16-by-int8", kBF16, DType::Int8, false},
               {"int4", kF32, DType::Uint8, false},
               {"bfloat16-by-int4", kBF16, DType::Uint8, false},
               {"int8-int8", kF32, DType::Int8, true},
               {"int4-int8", kF32, DType::Uint8, true},
               {"bfloat16-by-int8-int8", kBF16, DType::Int8, true}};
  for (size_t i = 0; i < std::size(kinds); ++i)
    for (size_t s = 0; s < std::size(sizes); ++s) {
      const auto [rows, k, m] = sizes[s];
      // Not every size of every kind: float32 has them all, the others those where something ends.
      if (i && s > 3 && (s + i) % 3) continue;
      Layer layer{{rows, k}, m, kinds[i].input, kinds[i].weight};
      layer.int8 = kinds[i].int8;
      layer.bias = s % 2 == 0;
      add(list, std::string(kinds[i].name) + "-" + sizeName(rows, k, m), Size::Small, layer);
    }
}

void addGroups(CaseList& list) {
  struct {
    uint64_t rows, k, m, groups;
  } forms[] = {{3, 8, 5, 1}, {3, 8, 5, 4}, {19, 96, 35, 3}, {70, 128, 33, 4}, {2, 256, 17, 2}, {66, 60, 18, 15}};
  for (auto [rows, k, m, groups] : forms)
    for (DType weight : {DType::Int8, DType::Uint8})
      for (bool int8 : {false, true})
        for (DType input : {kF32, kBF16}) {
          Layer layer{{rows, k}, m, input, weight, groups};
          layer.int8 = int8, layer.residual = rows == 3;
          add(list,
              "groups-" + sizeName(rows, k, m) + "-" + std::to_string(groups) + (weight == DType::Int8 ? "-8" : "-4") +
                  (int8 ? "-int8" : "") + dtypeSuffix(input),
              Size::Small, layer);
        }
  Layer odd{{3, 7}, 5, kF32, DType::Int8, 7};
  add(list, "groups-of-1", Size::Small, odd);
}

void addEpilogues(CaseList& list) {
  size_t index = 0;
  for (const char* activation : {"none", "relu", "gelu", "gelu-tanh", "silu", "tanh"})
    for (int with = 0; with < 4; ++with, ++index)
      for (DType t : kFloatTypes) {
        if (halfSkips(t, index)) continue;  // a GPU compiles each
        Layer layer{{2, 9, 37}, 21, t, t};
        layer.activation = activation, layer.bias = with & 1, layer.residual = with & 2, layer.dtype = "same";
        add(list,
            std::string("epilogue-") + activation + (with & 1 ? "-bias" : "") + (with & 2 ? "-residual" : "") +
                dtypeSuffix(t),
            Size::Small, layer);
      }
  for (const char* dtype : {"float32", "float16", "bfloat16", "same"})
    for (uint64_t m : {20, 21}) {
      Layer layer{{7, 12}, m, kBF16, kF32};
      layer.dtype = dtype, layer.bias = true;
      add(list, std::string("to-") + dtype + "-" + std::to_string(m), Size::Small, layer);
    }
}

void addSpecials(CaseList& list) {
  // Whatever is not finite stays in its row of the input, or in its row of the weight.
  for (uint64_t rows : {3, 70})
    for (DType weights : {kF32, kBF16, DType::Int8})
      for (bool int8 : {false, true}) {
        if (int8 && weights != DType::Int8) continue;
        const std::string name = std::string("special-") + std::to_string(rows) + "-" + dtypeName(weights);
        list.add("linear", name + (int8 ? "-int8" : ""), Size::Small, [=](Problem& p, Random& random) {
          Layer layer{{rows, 40}, 35, weights == kBF16 ? kBF16 : kF32, weights};
          layer.int8 = int8, layer.bias = true;
          makeLayer(p, random, layer);
          p.inputs[kInput].set(5, kNaN), p.inputs[kInput].set(40 + 7, kInf);
          if (isCodes(weights)) {
            p.inputs[kScales].set(3, kNaN), p.inputs[kScales].set(4, 0), p.inputs[kWeight].set(0, -128);
          } else {
            p.inputs[kWeight].set(3 * 40 + 1, kNaN), p.inputs[kWeight].set(34 * 40 + 39, -kInf);
          }
          p.inputs[kBias].set(6, kInf), p.inputs[kBias].set(7, kNaN);
          expectLinear(p);
        });
      }
  // Sums that overflow on their way, to a result that doesn't.
  for (uint64_t rows : {3, 70})
    list.add("linear", "overflow-on-the-way-" + std::to_string(rows), Size::Small, [=](Problem& p, Random&) {
      const uint64_t k = 48, m = 5;
      p.inputs = {HostTensor(kF32, {rows, k}), HostTensor(kF32, {m, k}), absent(), HostTensor(kF32, {m}), absent()};
      for (size_t i = 0; i < k; ++i) {
        for (size_t r = 0; r < rows; ++r) p.inputs[kInput].set(r * k + i, i < k / 2 ? 1e20 : -1e20 + 1e16 * double(r));
        for (size_t j = 0; j < m; ++j) p.inputs[kWeight].set(j * k + i, 1e19 + 1e16 * double(j));
      }
      for (size_t j = 0; j < m; ++j) p.inputs[kBias].set(j, 1);
      expectLinear(p);
    });
}

}  // namespace

void addLinearCases(CaseList& list) {
  addSizes(list);
  addGroups(list);
  addEpilogues(list);
  addSpecials(list);
  Layer fast{{75, 66}, 70};
  fast.fast = true;
  add(list, "fast", Size::Small, fast);
  Layer vector{{33}, 18};
  vector.bias = vector.residual = true;
  add(list, "vector", Size::Small, vector);
  for (DType weight : {kF32, kF16, kBF16, DType::Int8}) {
    // Exact, so that a tile or a piece that is dropped, doubled or misplaced shows.
    Layer large{{509, 389}, 401, isCodes(weight) ? kF32 : weight, weight};
    large.whole = large.bias = large.residual = true;
    add(list, std::string("large-") + dtypeName(weight), Size::Split, large);
    large.input = {11, 30011}, large.outputs = 13;
    // Rows of codes that a piece of 64 KB does not hold are not cut.
    add(list, std::string("long-") + dtypeName(weight), isCodes(weight) ? Size::Large : Size::Split, large);
  }
  // Rows that become codes begin where a device can bind them: of 1,000 every fourth does.
  Layer integers{{300, 1000}, 97, kF32, DType::Int8};
  integers.int8 = integers.bias = true;
  add(list, "large-int8-int8", Size::Split, integers);
}

}  // namespace switchyard::test
