// add, subtract, multiply, divide, scale, activation.
#include <cmath>

#include "oracles.h"

namespace switchyard::test {
namespace {

constexpr uint64_t kCounts[] = {0, 1, 63, 64, 65, 127, 128, 129, 255, 256, 257, 997, 4099};

double apply(const std::string& op, double a, double b) {
  return op == "add" ? a + b : op == "subtract" ? a - b : op == "multiply" ? a * b : a / b;
}

// add, subtract and multiply round once everywhere; a Vulkan division may be 2.5 units off.
double operationError(const std::string& op, double result) {
  return op == "divide" ? 5 * kUlp * std::fabs(result) : 0;
}

}  // namespace

void expectBinary(Problem& p, const std::string& op) {
  const HostTensor &a = p.inputs[0], &b = p.inputs[1];
  Expected out(outputDType(p), a.shape());
  uint64_t bSize = b.size();
  for (size_t i = 0, n = a.size(); i < n; ++i) {
    double value = apply(op, a.at(i), b.at(i % bSize));  // equal, a row or one element: all repeat with their size
    out.set(i, value, operationError(op, value));
  }
  p.outputs = {std::move(out)};
}

namespace {

void addBinary(CaseList& list, const std::string& op, const std::string& name, Size size, DType ta, DType tb, Shape sa,
               Shape sb, std::vector<Param> params = {}) {
  list.add(op, name, size, [=](Problem& p, Random& random) {
    p.inputs = {random.uniform(ta, sa, -3, 3), random.uniform(tb, sb, 0.5, 2)};
    p.params = params;
    if (ta == tb && params.empty()) keepDType(p);
    expectBinary(p, op);
  });
  list.add(op, "special-bfloat16", Size::Small, [=](Problem& p, Random&) {
    p.inputs = {listed(kBF16, {8}, {kInf, kNaN, 3.3e38, -3.3e38, 1e-30, -0.0, 1.0078125, 1}),
                listed(kBF16, {8}, {1, 1, 2, -2, 1, 1, 0.5, -kInf})};
    keepDType(p);
    expectBinary(p, op);
  });
}

void addBinaryCases(CaseList& list, const std::string& op) {
  for (DType t : kFloatTypes) {
    std::string suffix = dtypeSuffix(t);
    for (uint64_t n : kCounts)
      if (!halfSkips(t, n)) addBinary(list, op, std::to_string(n) + suffix, Size::Small, t, t, {n}, {n});
    addBinary(list, op, "scalar-shape" + suffix, Size::Small, t, t, {}, {});
    addBinary(list, op, "rank4" + suffix, Size::Small, t, t, {2, 3, 5, 7}, {2, 3, 5, 7});
    addBinary(list, op, "row" + suffix, Size::Small, t, t, {13, 65}, {65});
    addBinary(list, op, "row-rank3" + suffix, Size::Small, t, t, {3, 4, 129}, {129});
    addBinary(list, op, "row-of-1" + suffix, Size::Small, t, t, {257, 1}, {1});
    addBinary(list, op, "one-element" + suffix, Size::Small, t, t, {4, 67}, {1});
    addBinary(list, op, "row-against-no-rows" + suffix, Size::Small, t, t, {0, 5}, {5});
    addBinary(list, op, "large" + suffix, Size::Split, t, t, {1031, 1021}, {1031, 1021});
    if (t != kF32) continue;
    addBinary(list, op, "large-row" + suffix, Size::Split, t, t, {1031, 509}, {509});
    addBinary(list, op, "large-one-element" + suffix, Size::Split, t, t, {523, 1021}, {1});
  }
  for (const char* dtype : {"float32", "float16", "bfloat16", "same"})
    for (DType t : kFloatTypes) {
      const std::string name = std::string("to-") + dtype + dtypeSuffix(t);
      addBinary(list, op, name, Size::Small, t, t, {7, 33}, {7, 33}, {{"dtype", dtype}});
      addBinary(list, op, name + "-row", Size::Small, t, t, {7, 36}, {36}, {{"dtype", dtype}});
    }
  addBinary(list, op, "mixed-same", Size::Small, kF16, kF32, {7, 33}, {7, 33}, {{"dtype", "same"}});
  addBinary(list, op, "mixed", Size::Small, kF16, kF32, {7, 33}, {7, 33});
  addBinary(list, op, "mixed-row", Size::Small, kF32, kF16, {7, 33}, {33});
  addBinary(list, op, "mixed-halves", Size::Small, kF16, kBF16, {7, 33}, {7, 33});
  addBinary(list, op, "mixed-halves-row", Size::Small, kBF16, kF16, {7, 36}, {36});
  addBinary(list, op, "long-row-of-halves", Size::Large, kBF16, kBF16, {5, 70001}, {70001});
  list.add(op, "special", Size::Small, [=](Problem& p, Random&) {
    const double values[] = {0.0, -0.0, 1, -2, kInf, -kInf, kNaN, 3e38, -3e38, 1e-30};
    p.inputs = {HostTensor(kF32, {10, 10}), HostTensor(kF32, {10, 10})};
    for (int i = 0; i < 100; ++i) {
      p.inputs[0].set(i, values[i / 10]);
      p.inputs[1].set(i, values[i % 10]);
    }
    expectBinary(p, op);
    if (op != "divide") return;
    // Vulkan promises a division only for divisors of magnitude 2^-126 to 2^126: past that a quotient may lose
    // everything.
    for (int i = 0; i < 100; ++i)
      if (std::fabs(p.inputs[1].at(i)) == p.inputs[1].at(7) && std::isfinite(p.outputs[0].values[i]))
        p.outputs[0].slack[i] += std::fabs(p.outputs[0].values[i]);
  });
  list.add(op, "special-float16", Size::Small, [=](Problem& p, Random&) {
    p.inputs = {listed(kF16, {8}, {kInf, kNaN, 65504, -65504, 6e-8, -0.0, 60000, 1}),
                listed(kF16, {8}, {1, 1, 2, -2, 1, 1, 0.5, -kInf})};
    keepDType(p);
    expectBinary(p, op);
  });
}

}  // namespace

void expectScale(Problem& p) {
  const HostTensor& x = p.inputs[0];
  // Parameters reach the device as float32.
  double factor = float(p.param("factor", 1)), offset = float(p.param("offset", 0));
  Expected out(outputDType(p), x.shape());
  for (size_t i = 0, n = x.size(); i < n; ++i) {
    double product = x.at(i) * factor;
    out.set(i, product + offset, kUlp * std::fabs(product));  // the product may be rounded before the sum, or not (fma)
  }
  p.outputs = {std::move(out)};
}

namespace {

void addScaleCases(CaseList& list) {
  auto add = [&](const std::string& name, Size size, DType t, Shape shape, std::vector<Param> params) {
    list.add("scale", name + dtypeSuffix(t), size, [=](Problem& p, Random& random) {
      p.inputs = {random.uniform(t, shape, -5, 5)};
      p.params = params;
      keepDType(p);
      expectScale(p);
    });
  };
  for (DType t : kFloatTypes) {
    for (uint64_t n : kCounts)
      if (!halfSkips(t, n)) add(std::to_string(n), Size::Small, t, {n}, {{"factor", 1.7}, {"offset", -0.3}});
    add("defaults", Size::Small, t, {3, 5}, {});
    add("scalar-shape", Size::Small, t, {}, {{"factor", -2}});
    add("factor-0", Size::Small, t, {9}, {{"factor", 0}, {"offset", 4}});
    add("large", Size::Split, t, {1031, 1021}, {{"factor", 0.5}, {"offset", 1}});
  }
  for (const char* dtype : {"float32", "float16", "bfloat16"})
    for (DType t : kFloatTypes)
      for (uint64_t n : {129, 132})
        list.add("scale", std::to_string(n) + "-to-" + dtype + dtypeSuffix(t), Size::Small,
                 [=](Problem& p, Random& random) {
                   p.inputs = {random.uniform(t, {n}, -5, 5)};
                   p.params = {{"factor", 1.5}, {"dtype", dtype}};
                   expectScale(p);
                 });
  list.add("scale", "special", Size::Small, [](Problem& p, Random&) {
    p.inputs = {listed(kF32, {8}, {kInf, -kInf, kNaN, -0.0, 3e38, -3e38, 1e-38, 0})};
    p.params = {{"factor", 2}, {"offset", 1}};
    expectScale(p);
  });
}

}  // namespace

// exp of Vulkan may be (3 + 2|x|) units off, and 1 - tanh and the like cancel: functions that end near a constant are
// judged against that constant's size.
Activated activated(const std::string& kind, double x) {
  const double ax = std::fabs(x);
  double value, error;
  if (kind == "none") {
    value = x;
    error = 0;
  } else if (kind == "relu") {
    value = std::isnan(x) ? kNaN : x > 0 ? x : 0;
    error = 0;
  } else if (kind == "gelu") {
    value = x == -kInf ? 0 : 0.5 * x * std::erfc(-x * M_SQRT1_2);
    // The small side keeps its digits; e^(-x^2 / 2) is as far off as its argument.
    error = (24 + 4 * std::min(ax * ax, 200.0)) * kUlp * std::fabs(value);
  } else if (kind == "gelu-tanh") {
    const double twice = 2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
    value = x == -kInf ? 0 : x / (1 + std::exp(-twice));
    error = (10 + 8 * std::min(std::fabs(twice), 110.0)) * kUlp * std::fabs(value);
  } else if (kind == "silu") {
    value = x == -kInf ? 0 : x / (1 + std::exp(-x));
    error = (10 + 4 * std::min(ax, 90.0)) * kUlp * std::fabs(value);
  } else if (kind == "tanh") {
    value = std::tanh(x);
    error = 24 * kUlp * std::min(ax, 1.0);  // relative for small x too: tanh(x) = x must not be lost to cancellation
  } else if (kind == "sigmoid") {
    value = 1 / (1 + std::exp(-x));
    error = (10 + 4 * std::min(ax, 90.0)) * kUlp * value;
  } else {
    value = std::exp(x);
    error = (8 + 4 * std::min(ax, 90.0)) * kUlp * value;
  }
  return {value, std::isfinite(error) ? error : 0};
}

void expectActivation(Problem& p, const std::string& kind) {
  const HostTensor& in = p.inputs[0];
  Expected out(outputDType(p), in.shape());
  for (size_t i = 0, n = in.size(); i < n; ++i) {
    const Activated one = activated(kind, in.at(i));
    out.set(i, one.value, one.error);
  }
  p.outputs = {std::move(out)};
}

namespace {

void addActivationCases(CaseList& list) {
  for (const char* kind : {"relu", "gelu", "gelu-tanh", "silu", "tanh", "sigmoid", "exp"}) {
    auto add = [&](const std::string& name, Size size, DType t, Shape shape, double range) {
      list.add("activation", std::string(kind) + "-" + name + dtypeSuffix(t), size, [=](Problem& p, Random& random) {
        p.inputs = {random.uniform(t, shape, -range, range)};
        p.params = {{"kind", kind}};
        keepDType(p);
        expectActivation(p, kind);
      });
    };
    for (DType t : kFloatTypes) {
      for (uint64_t n : {0, 1, 63, 64, 65, 129, 255, 256, 257, 997})
        if (!halfSkips(t, n)) add(std::to_string(n), Size::Small, t, {n}, 4);
      add("rank3", Size::Small, t, {3, 5, 7}, 4);
      add("wide", Size::Small, t, {1009}, 30);
      add("tiny", Size::Small, t, {257}, 1e-3);
      if (t == kF32) add("4099", Size::Small, t, {4099}, 8);
      if (t == kF32) add("large", Size::Split, t, {1031, 509}, 8);
    }
    list.add("activation", std::string(kind) + "-special", Size::Small, [=](Problem& p, Random&) {
      p.inputs = {
          listed(kF32, {14}, {0, -0.0, kInf, -kInf, kNaN, 88, -88, 100, -100, 3e38, -3e38, 1e-20, -1e-20, 1e-4})};
      p.params = {{"kind", kind}};
      expectActivation(p, kind);
    });
  }
}

}  // namespace

void addElementwiseCases(CaseList& list) {
  for (const char* op : {"add", "subtract", "multiply", "divide"}) addBinaryCases(list, op);
  addScaleCases(list);
  addActivationCases(list);
}

}  // namespace switchyard::test
