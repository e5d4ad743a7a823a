// reduce, normalize, softmax, layer-norm: one result or one transformed row for each row.
#include <algorithm>
#include <cfloat>
#include <cmath>

#include "oracles.h"

namespace switchyard::test {
namespace {

const std::vector<Shape> kRowShapes = {{0, 5},  {5, 0},   {0, 0},   {1, 1},   {4, 1},   {3, 7},    {3, 63},   {3, 64},
                                       {3, 65}, {2, 127}, {2, 128}, {2, 129}, {3, 255}, {3, 256},  {3, 257},  {63, 3},
                                       {64, 3}, {65, 3},  {255, 2}, {256, 2}, {257, 2}, {13, 997}, {1, 4099}, {20, 77}};

// For each way in which the threads of a card share a row and hold it in registers, rows of fours and others.
const std::vector<Shape> kHeldShapes = {{1025, 260}, {2, 1028}, {2, 4100}, {2, 8200}, {2, 16400},
                                        {1025, 259}, {2, 3001}, {2, 8191}, {2, 9001}, {2, 16387}};

struct Row {
  std::vector<double> x;
  double sum = 0, magnitude = 0, squares = 0, low = kInf, high = -kInf;
  bool nan = false;
};

Row readRow(const HostTensor& tensor, size_t row, size_t d) {
  Row r;
  r.x.resize(d);
  for (size_t i = 0; i < d; ++i) {
    double v = tensor.at(row * d + i);
    r.x[i] = v;
    r.sum += v;
    r.magnitude += std::fabs(v);
    r.squares += v * v;
    r.low = std::min(r.low, v);
    r.high = std::max(r.high, v);
    r.nan |= std::isnan(v);
  }
  return r;
}

}  // namespace

void expectReduce(Problem& p) {
  const HostTensor& in = p.inputs[0];
  std::string kind = p.choice("kind", "sum");
  size_t d = in.shape().back();
  Expected out(outputDType(p), in.shape().leading(in.shape().rank() - 1));
  for (size_t r = 0; r < rowCount(in.shape()); ++r) {
    Row row = readRow(in, r, d);
    bool finite = std::isfinite(row.magnitude);
    double sumError = finite ? sumRoundings(d) * kUlp * row.magnitude : 0;
    if (kind == "sum") out.set(r, row.sum, sumError);
    if (kind == "mean")
      out.set(r, row.sum / double(d),
              d && finite ? sumError / double(d) + 4 * kUlp * std::fabs(row.sum / double(d)) : 0);
    if (kind == "min") out.set(r, row.nan ? kNaN : row.low, 0);
    if (kind == "max") out.set(r, row.nan ? kNaN : row.high, 0);
    // The sum of squares has no cancellation: half its relative error, and the root's own.
    if (kind == "norm")
      out.set(r, std::sqrt(row.squares), finite ? (sumRoundings(d) / 2 + 6) * kUlp * std::sqrt(row.squares) : 0);
  }
  p.outputs = {std::move(out)};
}

namespace {

void addReduceCases(CaseList& list) {
  for (const char* kind : {"sum", "mean", "min", "max", "norm"}) {
    std::string prefix = std::string(kind) + "-";
    auto add = [&](const std::string& name, Size size, DType t, Shape shape, bool whole) {
      list.add("reduce", prefix + name + dtypeSuffix(t), size, [=](Problem& p, Random& random) {
        p.inputs = {whole ? random.integers(t, shape) : random.uniform(t, shape)};
        p.params = {{"kind", kind}};
        keepDType(p);
        if (shape.back() == 0 && kind != std::string("sum") && kind != std::string("norm")) {
          p.refused = Code::InvalidArgument;  // the least of nothing is not a number
          return;
        }
        expectReduce(p);
        if (whole && kind != std::string("norm") && kind != std::string("mean") && t == kF32)
          std::fill(p.outputs[0].slack.begin(), p.outputs[0].slack.end(), 0.0);  // whole numbers: exact in any order
      });
    };
    for (DType t : kFloatTypes) {
      for (size_t i = 0; i < kRowShapes.size(); ++i)
        if (!halfSkips(t, i)) add(shapeName(kRowShapes[i]), Size::Small, t, kRowShapes[i], false);
      add("rank1", Size::Small, t, {130}, false);
      add("rank4", Size::Small, t, {2, 3, 4, 33}, false);
      add("whole-numbers", Size::Small, t, {5, 1021}, true);
      if (t != kF32) add("long-rows", Size::Large, t, {2, 140011}, false);
      if (t != kF32) continue;
      add("large", Size::Split, t, {1031, 1021}, false);
      add("long-rows", Size::Large, t, {3, 400009}, true);
    }
    list.add("reduce", prefix + "special", Size::Small, [=](Problem& p, Random&) {
      p.inputs = {listed(kF32, {6, 4}, {kNaN, 1,     2, 3, kInf, 1, 2, 3,    -kInf, 1, 2, 3,
                                        kInf, -kInf, 0, 0, -0.0, 0, 0, -0.0, 3,     2, 1, kNaN})};
      p.params = {{"kind", kind}};
      expectReduce(p);
    });
  }
  for (const char* kind : {"sum", "mean"})
    list.add("reduce", std::string(kind) + "-overflows-on-the-way", Size::Small, [=](Problem& p, Random&) {
      p.inputs = {HostTensor(kF32, {2, 300})};
      for (size_t i = 0; i < 600; ++i) p.inputs[0].set(i, (i % 300 < 150 ? 3e38 : -2.99e38) * (i < 300 ? 1 : -1));
      p.params = {{"kind", kind}};
      expectReduce(p);
    });
  list.add("reduce", "max-of-huge", Size::Small, [](Problem& p, Random&) {
    p.inputs = {listed(kF32, {2, 3}, {-3e38, -2e38, -3.4e38, 1e-30, 2e-30, -1e-30})};
    p.params = {{"kind", "max"}};
    expectReduce(p);
  });
}

}  // namespace

void expectNormalize(Problem& p) {
  const HostTensor& in = p.inputs[0];
  size_t d = in.shape().back();
  double epsilon = float(p.param("epsilon", 1e-12));
  Expected out(outputDType(p), in.shape());
  for (size_t r = 0; r < rowCount(in.shape()); ++r) {
    Row row = readRow(in, r, d);
    double norm = std::sqrt(row.squares);
    for (size_t i = 0; i < d; ++i) {
      double value = std::isnan(norm) ? kNaN : row.x[i] / std::max(norm, epsilon);
      out.set(r * d + i, value, std::isfinite(norm) ? (sumRoundings(d) / 2 + 12) * kUlp * std::fabs(value) : 0);
    }
  }
  p.outputs = {std::move(out)};
}

namespace {

void addNormalizeCases(CaseList& list) {
  auto add = [&](const std::string& name, Size size, DType t, Shape shape, double magnitude,
                 std::vector<Param> params = {}) {
    list.add("normalize", name + dtypeSuffix(t), size, [=](Problem& p, Random& random) {
      p.inputs = {random.uniform(t, shape, -magnitude, magnitude)};
      p.params = params;
      if (p.choice("dtype", "").empty()) keepDType(p);
      expectNormalize(p);
    });
  };
  for (DType t : kFloatTypes) {
    for (size_t i = 0; i < kRowShapes.size(); ++i)
      if (!halfSkips(t, i)) add(shapeName(kRowShapes[i]), Size::Small, t, kRowShapes[i], 1);
    for (size_t i = 0; i < kHeldShapes.size(); ++i)
      if (!halfSkips(t, i)) add("held-" + shapeName(kHeldShapes[i]), Size::Small, t, kHeldShapes[i], 1);
    add("large", Size::Split, t, {2741, 384}, 1);
    if (t != kF32) add("long-rows", Size::Large, t, {2, 140012}, 1);
    if (t != kF32) add("odd-rows", Size::Split, t, {2741, 385}, 1);
    add("epsilon-wins", Size::Small, t, {3, 50}, 1, {{"epsilon", 100}});
  }
  for (uint64_t d : {5, 64, 300}) {
    add("huge-" + std::to_string(d), Size::Small, kF32, {3, d}, 3e38);  // the sum of squares overflows
    add("tiny-" + std::to_string(d), Size::Small, kF32, {3, d}, 1e-25, {{"epsilon", 1e-35}});  // ... or underflows
    add("tiny-default-epsilon-" + std::to_string(d), Size::Small, kF32, {3, d}, 1e-14);
  }
  list.add("normalize", "special", Size::Small, [](Problem& p, Random&) {
    p.inputs = {listed(kF32, {6, 3}, {0, 0, 0, kNaN, 1, 2, 3, 4, 0, -0.0, 0, -5, 1, 2, kNaN, 0, 0, 1e-3})};
    expectNormalize(p);
  });
  list.add("normalize", "infinity", Size::Small, [](Problem& p, Random&) {  // finite / inf is 0, inf / inf is NaN
    p.inputs = {listed(kF32, {2, 3}, {kInf, 1, 2, -1, -kInf, 5})};
    expectNormalize(p);
  });
}

}  // namespace

void expectSoftmax(Problem& p) {
  const HostTensor& in = p.inputs[0];
  size_t d = in.shape().back();
  double temperature = p.param("temperature", 1);
  Expected out(outputDType(p), in.shape());
  for (size_t r = 0; r < rowCount(in.shape()); ++r) {
    Row row = readRow(in, r, d);
    double sum = 0, sumError = 0;
    std::vector<double> e(d), units(d);
    for (size_t i = 0; i < d; ++i) {
      double y = (row.x[i] - row.high) / temperature;
      e[i] = row.nan ? kNaN : std::exp(y);
      // exp's own error and what rounding its argument (in units of |y|, and of |x| and |high| before the difference)
      // does.
      units[i] = std::isfinite(y) ? 8 + 5 * std::min(std::fabs(y), 110.0) : 0;
      sum += e[i];
      sumError += e[i] * units[i];
    }
    for (size_t i = 0; i < d; ++i) {
      double value = e[i] / sum;
      // An exponential that is no normal number may be flushed to zero before it is divided by the sum, 1 or more.
      double error = std::isnan(value) ? 0
                                       : value * kUlp * (units[i] + sumError / sum + sumRoundings(d) + 6) +
                                             (e[i] < 1.001 * FLT_MIN ? e[i] : 0);
      out.set(r * d + i, value, error);
    }
  }
  p.outputs = {std::move(out)};
}

namespace {

void addSoftmaxCases(CaseList& list) {
  auto add = [&](const std::string& name, Size size, DType t, Shape shape, double range,
                 std::vector<Param> params = {}) {
    list.add("softmax", name + dtypeSuffix(t), size, [=](Problem& p, Random& random) {
      p.inputs = {random.uniform(t, shape, -range, range)};
      p.params = params;
      if (p.choice("dtype", "").empty()) keepDType(p);
      expectSoftmax(p);
    });
  };
  for (DType t : kFloatTypes) {
    for (size_t i = 0; i < kRowShapes.size(); ++i)
      if (!halfSkips(t, i)) add(shapeName(kRowShapes[i]), Size::Small, t, kRowShapes[i], 3);
    for (size_t i = 0; i < kHeldShapes.size(); ++i)
      if (!halfSkips(t, i)) add("held-" + shapeName(kHeldShapes[i]), Size::Small, t, kHeldShapes[i], 3);
    add("rank1", Size::Small, t, {130}, 3);
    add("rank4", Size::Small, t, {2, 3, 4, 33}, 3);
    add("cold", Size::Small, t, {5, 77}, 3, {{"temperature", 0.05}});
    add("hot", Size::Small, t, {5, 77}, 3, {{"temperature", 40}});
    add("large-inputs", Size::Small, t, {5, 77}, 30000);
    add("large", Size::Split, t, {1031, 1021}, 4);
    if (t != kF32) add("long-rows", Size::Large, t, {2, 140012}, 4);
    if (t != kF32) add("large-of-fours", Size::Split, t, {1031, 1024}, 4);
  }
  list.add("softmax", "hot-and-huge", Size::Small, [](Problem& p, Random&) {
    p.inputs = {listed(kF32, {2, 3}, {3e38, -3e38, 0, 1e38, 1.5e38, -2e38})};
    p.params = {{"temperature", 1e38}};
    expectSoftmax(p);
  });
  list.add("softmax", "special", Size::Small, [](Problem& p, Random&) {
    p.inputs = {listed(kF32, {7, 3}, {kNaN,  1,    2,     kInf, 1, 2, -kInf, 1,     2,     -kInf, -kInf,
                                      -kInf, 3e38, -3e38, 0,    5, 5, 5,     -3e38, -3e38, -3e38})};
    expectSoftmax(p);
  });
}

}  // namespace

// The first input and what is added to it, as float32 has the sum.
HostTensor withResidual(const Problem& p, size_t residual) {
  if (residual >= p.inputs.size() || !p.inputs[residual].present) return p.inputs[0];
  HostTensor sum(kF32, p.inputs[0].shape());
  for (size_t i = 0; i < sum.size(); ++i) sum.set(i, p.inputs[0].at(i) + p.inputs[residual].at(i));
  return sum;
}

void expectLayerNorm(Problem& p) {
  const HostTensor in = withResidual(p, 3), &gamma = p.inputs[1], &beta = p.inputs[2];
  size_t d = in.shape().back();
  double epsilon = float(p.param("epsilon", 1e-5)), n = double(d);
  Expected out(outputDType(p), in.shape());
  for (size_t r = 0; r < rowCount(in.shape()); ++r) {
    Row row = readRow(in, r, d);
    // Rows of one number: what the double division leaves over is no variance.
    double mean = row.low == row.high ? row.low : row.sum / n, variance = 0, spread = 0;
    for (double x : row.x) {
      variance += (x - mean) * (x - mean);
      spread += std::fabs(x - mean) / n;
    }
    variance /= n;
    double deviation = std::sqrt(variance + epsilon);
    // A kernel goes by the differences to a mean that was rounded, and corrects it by what they leave over: their own
    // size counts, and not how far from zero they lie.
    double offset = (sumRoundings(d) + 2) * kUlp * row.magnitude / n;
    double meanError = (sumRoundings(d) + 8) * kUlp * (spread + offset);
    for (size_t i = 0; i < d; ++i) {
      double z = (row.x[i] - mean) / deviation, g = gamma.present ? gamma.at(i) : 1, b = beta.present ? beta.at(i) : 0;
      // The difference is off by the mean's error, the deviation by that of a sum of squares and of the mean (second
      // order, but squared against epsilon when the row is constant).
      double error = std::fabs(g) * (meanError / deviation + std::fabs(z) * (sumRoundings(d) + 12) * kUlp +
                                     std::fabs(z) * meanError * meanError / (deviation * deviation)) +
                     4 * kUlp * (std::fabs(z * g) + std::fabs(b)) +
                     FLT_MIN * std::fabs(g);  // z may be no normal number
      out.set(r * d + i, z * g + b, std::isfinite(error) ? error : 0);
    }
  }
  p.outputs = {std::move(out)};
}

namespace {

// Every dtype of inputs with every one of outputs.
void addDTypeCases(CaseList& list) {
  for (DType t : kFloatTypes)
    for (const char* dtype : {"float32", "float16", "bfloat16"})
      for (uint64_t d : {63, 64}) {
        const std::string name = std::to_string(d) + "-to-" + dtype + dtypeSuffix(t);
        const auto add = [&](const char* workload, auto expect, std::vector<Param> params) {
          params.push_back({"dtype", dtype});
          list.add(workload, name, Size::Small, [=](Problem& p, Random& random) {
            p.inputs = {random.uniform(t, {7, d})};
            if (workload == std::string_view("layer-norm")) p.inputs.resize(3, absent());
            p.params = params;
            expect(p);
          });
        };
        add("reduce", expectReduce, {{"kind", "sum"}});
        add("normalize", expectNormalize, {});
        add("softmax", expectSoftmax, {});
        add("layer-norm", expectLayerNorm, {});
      }
}

void addLayerNormCases(CaseList& list) {
  auto add = [&](const std::string& name, Size size, DType t, Shape shape, bool gamma, bool beta, double offset,
                 std::vector<Param> params = {}) {
    list.add("layer-norm", name + dtypeSuffix(t), size, [=](Problem& p, Random& random) {
      uint64_t d = shape.back();
      p.inputs = {random.uniform(t, shape, offset - 2, offset + 2), gamma ? random.uniform(t, {d}) : absent(),
                  beta ? random.uniform(t, {d}) : absent()};
      p.params = params;
      if (p.choice("dtype", "").empty()) keepDType(p);
      expectLayerNorm(p);
    });
  };
  for (DType t : kFloatTypes) {
    for (size_t i = 0; i < kRowShapes.size(); ++i)
      if (!halfSkips(t, i)) add(shapeName(kRowShapes[i]), Size::Small, t, kRowShapes[i], true, true, 0);
    for (size_t i = 0; i < kHeldShapes.size(); ++i)
      if (!halfSkips(t, i)) add("held-" + shapeName(kHeldShapes[i]), Size::Small, t, kHeldShapes[i], true, true, 0);
    add("plain", Size::Small, t, {5, 77}, false, false, 0);
    add("gamma", Size::Small, t, {5, 77}, true, false, 0);
    add("beta", Size::Small, t, {5, 77}, false, true, 0);
    add("rank1", Size::Small, t, {130}, true, true, 0);
    add("rank4", Size::Small, t, {2, 3, 4, 33}, true, true, 0);
    add("epsilon", Size::Small, t, {5, 77}, true, true, 0, {{"epsilon", 3}});
    add("large", Size::Split, t, {1031, 1021}, true, true, 0);
    if (t != kF32) add("long-rows", Size::Large, t, {2, 140012}, true, true, 0);
    if (t != kF32) add("large-of-fours", Size::Split, t, {1031, 1024}, true, true, 0);
  }
  // As many loops as there are, each as long as it gets: a driver may cut them (vulkan/loops.h).
  list.add("layer-norm", "long-and-huge-bfloat16", Size::Large, [](Problem& p, Random& random) {
    p.inputs = {random.uniform(kBF16, {2, 262140}, -1e20, 1e20), absent(), absent()};
    expectLayerNorm(p);
  });
  // one pass (E[x^2] - mean^2) would lose all digits
  add("far-from-zero", Size::Small, kF32, {5, 300}, true, true, 10000);
  auto listedRows = [&](const std::string& name, Shape shape, std::initializer_list<double> values,
                        std::vector<Param> params = {}) {
    list.add("layer-norm", name, Size::Small, [=, values = std::vector<double>(values)](Problem& p, Random&) {
      p.inputs = {HostTensor(kF32, shape), absent(), absent()};
      for (size_t i = 0; i < values.size(); ++i) p.inputs[0].set(i, values[i]);
      p.params = params;
      expectLayerNorm(p);
    });
  };
  listedRows("mean-between-floats", {1, 3}, {8388608, 8388609, 8388609});
  listedRows("squares-overflow", {3, 2}, {1e20, -1e20, 3e38, 3e38, 3e38, -3e38});
  listedRows("squares-underflow", {1, 3}, {1e-22, 2e-22, 3e-22}, {{"epsilon", 0}});
  for (double offset : {500, 5000})
    list.add("layer-norm", "steps-from-" + std::to_string(int(offset)), Size::Small, [=](Problem& p, Random&) {
      p.inputs = {HostTensor(kF32, {2, 256}), absent(), absent()};
      for (size_t i = 0; i < 512; ++i) p.inputs[0].set(i, offset + double(i % 256) / 1000);
      expectLayerNorm(p);
    });
  list.add("layer-norm", "special", Size::Small, [](Problem& p, Random&) {
    p.inputs = {listed(kF32, {5, 3}, {kNaN, 1, 2, kInf, 1, 2, 7, 7, 7, 0, 0, 0, -0.0, 1, 5}), absent(), absent()};
    expectLayerNorm(p);
  });
  list.add("layer-norm", "mixed", Size::Small, [](Problem& p, Random& random) {
    p.inputs = {random.uniform(kF16, {3, 40}), random.uniform(kF32, {40}), absent()};
    expectLayerNorm(p);
  });
  list.add("layer-norm", "mixed-same", Size::Small, [](Problem& p, Random& random) {
    p.inputs = {random.uniform(kF16, {3, 40}), random.uniform(kF32, {40}), absent()};
    keepDType(p);
    expectLayerNorm(p);
  });
  addDTypeCases(list);
}

}  // namespace

void addRowCases(CaseList& list) {
  addReduceCases(list);
  addNormalizeCases(list);
  addSoftmaxCases(list);
  addLayerNormCases(list);
}

}  // namespace switchyard::test
