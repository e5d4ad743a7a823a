// pool, rms-norm, rope, and layer-norm of a sum.
#include <algorithm>
#include <cfloat>
#include <cmath>

#include "oracles.h"

namespace switchyard::test {
namespace {

constexpr DType kI32 = DType::Int32;

HostTensor offsetsOf(const std::vector<uint64_t>& lengths) {
  HostTensor offsets(kI32, {lengths.size() + 1});
  uint64_t at = 0;
  for (size_t i = 0; i < lengths.size(); ++i) offsets.set(i + 1, double(at += lengths[i]));
  return offsets;
}

void addPoolCases(CaseList& list) {
  for (const char* kind : {"mean", "max", "first", "last"}) {
    const auto add = [&](const std::string& name, Size size, DType t, uint64_t d, std::vector<uint64_t> lengths,
                         std::vector<Param> params = {}) {
      list.add("pool", std::string(kind) + "-" + name + dtypeSuffix(t), size, [=](Problem& p, Random& random) {
        uint64_t rows = 0;
        for (uint64_t length : lengths) rows += length;
        p.inputs = {random.uniform(t, {rows, d}), offsetsOf(lengths)};
        p.params = {{"kind", kind}};
        p.params.insert(p.params.end(), params.begin(), params.end());
        if (params.empty()) keepDType(p);
        expectPool(p);
      });
    };
    for (DType t : kFloatTypes) {
      add("one", Size::Small, t, 1, {1});
      add("no-sequences", Size::Small, t, 7, {});
      add("nothing-but-empty", Size::Small, t, 7, {0, 0, 0});
      add("no-columns", Size::Small, t, 0, {2, 3});
      add("empty-among-others", Size::Small, t, 65, {3, 0, 17, 0});
      add("lengths", Size::Small, t, 64, {1, 2, 15, 16, 17, 33, 64});
      add("narrow", Size::Small, t, 3, {300, 1, 29});
      add("wide", Size::Small, t, 388, {5, 9});
      add("long", Size::Large, t, 36, {20011, 3});
      add("many", Size::Large, t, 384, std::vector<uint64_t>(211, 13));
      for (const char* dtype : {"float32", "float16", "bfloat16"})
        for (uint64_t d : {5, 68})
          add(std::to_string(d) + "-to-" + dtype, Size::Small, t, d, {4, 0, 7}, {{"dtype", dtype}});
    }
    list.add("pool", std::string(kind) + "-special", Size::Small, [=](Problem& p, Random&) {
      p.inputs = {listed(kF32, {4, 5}, {kNaN, 1, kInf,  -kInf, 3e38, 1, kNaN, 1, kInf, 3e38,  //
                                        2,    3, -kInf, 0,     3e38, 4, 5,    6, -0.0, 3e38}),
                  listed(kI32, {2}, {0, 4})};
      p.params = {{"kind", kind}};
      expectPool(p);
    });
  }
  const auto refuse = [&](const std::string& name, std::initializer_list<double> offsets) {
    list.add("pool", name, Size::Small, [=, offsets = std::vector<double>(offsets)](Problem& p, Random& random) {
      p.inputs = {random.uniform(kF32, {5, 3}), HostTensor(kI32, {offsets.size()})};
      for (size_t i = 0; i < offsets.size(); ++i) p.inputs[1].set(i, offsets[i]);
      p.params = {{"kind", "mean"}};
      p.refused = Code::InvalidArgument;
    });
  };
  refuse("offsets-that-fall", {0, 4, 2, 5});
  refuse("offsets-that-begin-late", {1, 5});
  refuse("offsets-that-end-early", {0, 4});
  refuse("offsets-that-end-late", {0, 6});
  refuse("offsets-below-0", {0, -1, 5});
  refuse("no-offsets", {});
}

}  // namespace

void expectPool(Problem& p) {
  const HostTensor &in = p.inputs[0], &offsets = p.inputs[1];
  const std::string kind = p.choice("kind", "mean");
  const uint64_t d = in.shape()[1], n = offsets.size() - 1;
  Expected out(outputDType(p), {n, d});
  for (uint64_t s = 0; s < n; ++s)
    for (uint64_t c = 0; c < d; ++c) {
      const uint64_t begin = uint64_t(offsets.at(s)), end = uint64_t(offsets.at(s + 1)), length = end - begin;
      double sum = 0, magnitude = 0, most = -kInf;
      bool nan = false;
      for (uint64_t r = begin; r < end; ++r) {
        const double x = in.at(r * d + c);
        sum += x;
        magnitude += std::fabs(x);
        most = std::max(most, x);
        nan |= std::isnan(x);
      }
      double value = 0, error = 0;
      if (length && kind == "mean") {
        value = sum / double(length);
        error = std::isfinite(value) ? (sumRoundings(length) + 4) * kUlp * magnitude / double(length) : 0;
      } else if (length) {
        value = kind == "max" ? (nan ? kNaN : most) : in.at((kind == "first" ? begin : end - 1) * d + c);
      }
      out.set(s * d + c, value, error);
    }
  p.outputs = {std::move(out)};
}

void expectRmsNorm(Problem& p) {
  const HostTensor in = withResidual(p, 2);
  const HostTensor& gamma = p.inputs[1];
  const uint64_t d = in.shape().back();
  const double epsilon = float(p.param("epsilon", 1e-6));
  Expected out(outputDType(p), in.shape());
  for (size_t r = 0; r < rowCount(in.shape()); ++r) {
    double squares = 0;
    for (uint64_t i = 0; i < d; ++i) squares += in.at(r * d + i) * in.at(r * d + i);
    const double deviation = std::sqrt(squares / double(d) + epsilon);
    for (uint64_t i = 0; i < d; ++i) {
      const double g = gamma.present ? gamma.at(i) : 1, value = in.at(r * d + i) / deviation * g;
      const double error = (sumRoundings(d) / 2 + 14) * kUlp * std::fabs(value) + FLT_MIN * std::fabs(g);
      out.set(r * d + i, value, std::isfinite(error) ? error : 0);
    }
  }
  p.outputs = {std::move(out)};
}

void expectRope(Problem& p) {
  const HostTensor &in = p.inputs[0], &positions = p.inputs[1];
  const uint64_t tokens = in.shape()[0], h = in.shape()[1], d = in.shape()[2];
  const double base = p.param("base", 10000);
  const bool interleaved = p.param("interleaved", 0) != 0;
  Expected out(outputDType(p), in.shape());
  for (uint64_t t = 0; t < tokens; ++t)
    for (uint64_t i = 0; i < d / 2; ++i) {
      const double angle = positions.at(t) * std::pow(base, -2.0 * double(i) / double(d));
      const double c = std::cos(angle), s = std::sin(angle);
      for (uint64_t head = 0; head < h; ++head) {
        const uint64_t from = (t * h + head) * d, a = from + (interleaved ? 2 * i : i),
                       b = interleaved ? a + 1 : a + d / 2;
        const double x = in.at(a), y = in.at(b), error = 8 * kUlp * (std::fabs(x) + std::fabs(y));
        out.set(a, x * c - y * s, std::isfinite(error) ? error : 0);
        out.set(b, y * c + x * s, std::isfinite(error) ? error : 0);
      }
    }
  p.outputs = {std::move(out)};
}

namespace {

void addRmsNormCases(CaseList& list) {
  const auto add = [&](const std::string& name, Size size, DType t, Shape shape, bool gamma, bool residual,
                       double magnitude = 2, std::vector<Param> params = {}) {
    list.add("rms-norm", name + dtypeSuffix(t), size, [=](Problem& p, Random& random) {
      p.inputs = {random.uniform(t, shape, -magnitude, magnitude), gamma ? random.uniform(t, {shape.back()}) : absent(),
                  residual ? random.uniform(t, shape, -magnitude, magnitude) : absent()};
      p.params = params;
      if (p.choice("dtype", "").empty()) keepDType(p);
      expectRmsNorm(p);
    });
  };
  const std::vector<Shape> shapes = {{0, 5},   {5, 0},  {1, 1},    {4, 1},    {3, 7},   {3, 63},
                                     {3, 64},  {3, 65}, {2, 127},  {2, 128},  {3, 255}, {3, 256},
                                     {3, 257}, {65, 3}, {13, 997}, {1, 4099}, {20, 77}};
  // As rows.cpp's.
  const std::vector<Shape> held = {{1025, 260}, {2, 1028}, {2, 4100}, {2, 8200}, {2, 16400},
                                   {1025, 259}, {2, 3001}, {2, 8191}, {2, 9001}, {2, 16387}};
  for (DType t : kFloatTypes) {
    for (size_t i = 0; i < held.size(); ++i)
      if (!halfSkips(t, i)) add("held-" + shapeName(held[i]), Size::Small, t, held[i], true, i % 2);
    for (size_t i = 0; i < shapes.size(); ++i)
      if (!halfSkips(t, i)) add(shapeName(shapes[i]), Size::Small, t, shapes[i], i % 2, i % 3 == 1);
    add("rank1", Size::Small, t, {130}, true, true);
    add("rank4", Size::Small, t, {2, 3, 4, 33}, true, false);
    add("sum", Size::Small, t, {5, 64}, true, true);
    add("odd-sum", Size::Small, t, {5, 65}, false, true);
    add("large", Size::Split, t, {1031, 1021}, true, true);
    add("large-of-fours", Size::Split, t, {1031, 1024}, true, false);
    add("long-rows", Size::Large, t, {2, 140012}, true, true);
    for (const char* dtype : {"float32", "float16", "bfloat16"})
      for (uint64_t d : {63, 64})
        add(std::to_string(d) + "-to-" + dtype, Size::Small, t, {7, d}, true, true, 2, {{"dtype", dtype}});
  }
  for (uint64_t d : {5, 64, 300}) {
    add("huge-" + std::to_string(d), Size::Small, kF32, {3, d}, true, false, 3e38);
    add("tiny-" + std::to_string(d), Size::Small, kF32, {3, d}, true, false, 1e-25, {{"epsilon", 0}});
    add("tiny-beside-epsilon-" + std::to_string(d), Size::Small, kF32, {3, d}, true, false, 1e-25);
  }
  list.add("rms-norm", "special", Size::Small, [](Problem& p, Random&) {
    p.inputs = {listed(kF32, {5, 3}, {kNaN, 1, 2, kInf, 1, 2, 7, 7, 7, 0, 0, 0, -0.0, 1, 5}), absent(), absent()};
    expectRmsNorm(p);
  });
  list.add("rms-norm", "mixed", Size::Small, [](Problem& p, Random& random) {
    p.inputs = {random.uniform(kF16, {3, 40}), random.uniform(kF32, {40}), random.uniform(kBF16, {3, 40})};
    expectRmsNorm(p);
  });
  list.add("rms-norm", "residual-of-another-shape", Size::Small, [](Problem& p, Random& random) {
    p.inputs = {random.uniform(kF32, {3, 40}), absent(), random.uniform(kF32, {3, 41})};
    p.refused = Code::InvalidArgument;
  });
}

void addSumCases(CaseList& list) {
  const auto add = [&](const std::string& name, Size size, DType t, DType other, Shape shape, bool vectors) {
    list.add("layer-norm", "sum-" + name + dtypeSuffix(t), size, [=](Problem& p, Random& random) {
      p.inputs = {random.uniform(t, shape, -2, 2), vectors ? random.uniform(t, {shape.back()}) : absent(),
                  vectors ? random.uniform(t, {shape.back()}) : absent(), random.uniform(other, shape, -2, 2)};
      keepDType(p);
      expectLayerNorm(p);
    });
  };
  for (DType t : kFloatTypes) {
    for (uint64_t d : {1, 7, 64, 65, 384}) add(std::to_string(d), Size::Small, t, t, {5, d}, d != 7);
    add("large", Size::Split, t, t, {1031, 1021}, true);
    add("large-of-fours", Size::Split, t, t, {1031, 1024}, true);
    add("long-rows", Size::Large, t, t, {2, 140012}, true);
  }
  add("mixed", Size::Small, kF16, kBF16, {5, 64}, true);
  add("mixed-wide", Size::Small, kF16, kF32, {5, 65}, true);
}

void addRopeCases(CaseList& list) {
  const auto add = [&](const std::string& name, Size size, DType t, Shape shape, int64_t far,
                       std::vector<Param> params = {}) {
    for (bool interleaved : {false, true})
      list.add("rope", name + (interleaved ? "-interleaved" : "") + dtypeSuffix(t), size,
               [=](Problem& p, Random& random) {
                 p.inputs = {random.uniform(t, shape), HostTensor(kI32, {shape[0]})};
                 for (uint64_t i = 0; i < shape[0]; ++i)
                   p.inputs[1].set(i, i % 5 == 4 ? double(random.integer(-far, far)) : double(i));
                 p.params = params;
                 if (interleaved) p.params.push_back({"interleaved", 1});
                 if (p.choice("dtype", "").empty()) keepDType(p);
                 expectRope(p);
               });
  };
  for (DType t : kFloatTypes) {
    add("none", Size::Small, t, {0, 3, 8}, 1);
    add("no-heads", Size::Small, t, {3, 0, 8}, 1);
    add("one-pair", Size::Small, t, {7, 1, 2}, 1000);
    add("odd-pairs", Size::Small, t, {7, 3, 66}, 1000);
    add("heads", Size::Small, t, {13, 12, 64}, 100000);
    add("far", Size::Small, t, {30, 2, 128}, 2147483647);
    add("base", Size::Small, t, {13, 2, 20}, 1000000, {{"base", 500000}});
    add("small-base", Size::Small, t, {13, 2, 20}, 1000, {{"base", 0.5}});
    add("large", Size::Split, t, {701, 12, 64}, 8192);
    for (const char* dtype : {"float32", "float16", "bfloat16"})
      for (uint64_t d : {6, 8})
        add(std::to_string(d) + "-to-" + dtype, Size::Small, t, {7, 3, d}, 1000, {{"dtype", dtype}});
  }
  list.add("rope", "odd-heads", Size::Small, [](Problem& p, Random& random) {
    p.inputs = {random.uniform(kF32, {3, 2, 5}), listed(kI32, {3}, {0, 1, 2})};
    p.refused = Code::InvalidArgument;
  });
  list.add("rope", "positions", Size::Small, [](Problem& p, Random& random) {
    p.inputs = {random.uniform(kF32, {3, 2, 6}), listed(kI32, {2}, {0, 1})};
    p.refused = Code::InvalidArgument;
  });
}

}  // namespace

void addModelCases(CaseList& list) {
  addPoolCases(list);
  addRmsNormCases(list);
  addSumCases(list);
  addRopeCases(list);
}

}  // namespace switchyard::test
