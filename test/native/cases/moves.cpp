// What moves elements: gather, transpose, slice, concat and cast.
#include <algorithm>
#include <cmath>

#include "oracles.h"

namespace switchyard::test {
namespace {

constexpr DType kI32 = DType::Int32, kI8 = DType::Int8;
constexpr DType kAllTypes[] = {kF32, kF16, kBF16, kI32, DType::Uint32, kI8, DType::Uint8};

HostTensor indicesOf(Random& random, Shape shape, uint64_t n) {
  HostTensor indices(kI32, shape);
  for (size_t i = 0; i < indices.size(); ++i) indices.set(i, double(random.integer(0, int64_t(n) - 1)));
  return indices;
}

// Elements that a move must not change: halves and integers of any bits would do, but these can be compared.
HostTensor anything(Random& random, DType t, Shape shape) {
  const bool isUnsigned = kDTypes[int(t)].kind == DTypeKind::Unsigned;
  if (dtypeBytes(t) == 1) return random.integers(t, shape, isUnsigned ? 0 : -128, isUnsigned ? 255 : 127);
  return random.integers(t, shape, isUnsigned ? 0 : -250, 250);
}

// ---- gather

void expectGather(Problem& p) {
  const HostTensor &table = p.inputs[0], &indices = p.inputs[1];
  const bool coded = table.spec.dtype == kI8;
  const uint64_t d = table.shape()[1];
  Shape shape = indices.shape();
  shape.push(d);
  Expected out(outputDType(p), shape);
  for (size_t i = 0; i < indices.size(); ++i)
    for (uint64_t c = 0; c < d; ++c) {
      const size_t row = size_t(indices.at(i));
      const double value = table.at(row * d + c) * (coded ? p.inputs[2].at(row) : 1);
      out.set(i * d + c, value, coded ? kUlp * std::fabs(value) : 0);
    }
  p.outputs = {std::move(out)};
}

void addGatherCases(CaseList& list) {
  const auto add = [&](const std::string& name, Size size, DType t, DType scales, uint64_t n, uint64_t d, Shape shape,
                       std::vector<Param> params = {}) {
    list.add("gather", name + "-" + dtypeName(t), size, [=](Problem& p, Random& random) {
      p.inputs = {t == kI8 ? random.integers(t, {n, d}, -127, 127) : random.uniform(t, {n, d}),
                  indicesOf(random, shape, n)};
      if (t == kI8) p.inputs.push_back(random.uniform(scales, {n}, 0, 1));
      p.params = params;
      expectGather(p);
    });
  };
  for (DType t : {kF32, kF16, kBF16, kI8}) {
    add("one", Size::Small, t, kF32, 1, 1, {1});
    add("none", Size::Small, t, kF32, 3, 5, {0});
    add("no-columns", Size::Small, t, kF32, 3, 0, {4});
    add("scalar-index", Size::Small, t, kF32, 7, 33, {});
    add("odd", Size::Small, t, kF32, 7, 33, {13});
    add("fours", Size::Small, t, kF16, 11, 64, {5, 3});
    add("many", Size::Small, t, kF32, 37, 64, {67});
    add("large", Size::Large, t, kF32, 997, 384, {2741});
    add("large-odd", Size::Large, t, kF32, 997, 383, {2741});
    for (const char* dtype : {"float16", "bfloat16", "same"})
      for (uint64_t d : {5, 36})
        add(std::to_string(d) + "-to-" + dtype, Size::Small, t, kBF16, 9, d, {7}, {{"dtype", dtype}});
  }
  list.add("gather", "special", Size::Small, [](Problem& p, Random&) {
    p.inputs = {listed(kF16, {2, 4}, {kNaN, kInf, -kInf, -0.0, 6e-8, 65504, -1, 0}), listed(kI32, {3}, {1, 0, 1})};
    p.params = {{"dtype", "same"}};
    expectGather(p);
  });
  for (int index : {-1, 3, 2147483647})
    list.add("gather", "index-" + std::to_string(index), Size::Small, [=](Problem& p, Random& random) {
      p.inputs = {random.uniform(kF32, {3, 4}), listed(kI32, {2}, {0, double(index)})};
      p.refused = Code::InvalidArgument;
    });
}

// ---- transpose, slice, concat, cast

std::vector<uint64_t> stridesOf(const Shape& shape) {
  std::vector<uint64_t> strides(shape.rank());
  uint64_t next = 1;
  for (size_t axis = shape.rank(); axis-- > 0; next *= shape[axis]) strides[axis] = next;
  return strides;
}

// out[i] is the input's element at `base` and the sum of i's coordinates times `strides`.
Expected moved(const HostTensor& in, const Shape& shape, uint64_t base, const std::vector<uint64_t>& strides) {
  Expected out(in.spec.dtype, shape);
  for (size_t i = 0; i < out.values.size(); ++i) {
    uint64_t rest = i, at = base;
    for (size_t axis = shape.rank(); axis-- > 0; rest /= shape[axis]) at += rest % shape[axis] * strides[axis];
    out.set(i, in.at(at), 0);
  }
  return out;
}

void addTransposeCases(CaseList& list) {
  const auto add = [&](Size size, DType t, Shape shape, std::vector<double> axes = {}) {
    std::string name = shapeName(shape) + "-to";
    for (double axis : axes) name += "-" + std::to_string(int(axis));
    list.add("transpose", name + dtypeSuffix(t), size, [=](Problem& p, Random& random) {
      p.inputs = {anything(random, t, shape)};
      std::vector<double> order = axes;
      for (size_t axis = shape.rank(); order.size() < shape.rank();) order.push_back(double(--axis));
      if (!axes.empty()) p.params = {{"axes", axes}};
      const auto from = stridesOf(shape);
      Shape to;
      std::vector<uint64_t> strides;
      for (double axis : order) {
        to.push(shape[size_t(axis)]);
        strides.push_back(from[size_t(axis)]);
      }
      p.outputs = {moved(p.inputs[0], to, 0, strides)};
    });
  };
  for (DType t : kAllTypes) {
    add(Size::Small, t, {});
    add(Size::Small, t, {1});
    add(Size::Small, t, {7});
    add(Size::Small, t, {0, 3});
    add(Size::Small, t, {3, 5});
    add(Size::Small, t, {65, 33});
    add(Size::Small, t, {64, 128});
    add(Size::Small, t, {1, 130});
    add(Size::Small, t, {5, 7, 9}, {1, 0, 2});
    add(Size::Small, t, {5, 7, 16}, {1, 0, 2});
    add(Size::Small, t, {5, 7, 9}, {0, 2, 1});
    add(Size::Small, t, {5, 7, 9}, {2, 0, 1});
    add(Size::Small, t, {3, 4, 5, 2}, {2, 0, 3, 1});
    add(Size::Small, t, {2, 3, 2, 1, 2, 3, 2, 2}, {7, 5, 3, 1, 6, 4, 2, 0});
    add(Size::Small, t, {2, 3, 4}, {0, 1, 2});
  }
  add(Size::Large, kF32, {1031, 1021});
  add(Size::Large, kF16, {1031, 1021});
  add(Size::Large, kI8, {1031, 1021});
  add(Size::Large, kF32, {61, 12, 1024}, {1, 0, 2});
  add(Size::Large, kF32, {8, 509, 61}, {0, 2, 1});
}

void addSliceCases(CaseList& list) {
  const auto add = [&](const std::string& name, Size size, DType t, Shape shape, std::vector<double> start,
                       std::vector<double> extent) {
    list.add("slice", name + dtypeSuffix(t), size, [=](Problem& p, Random& random) {
      p.inputs = {anything(random, t, shape)};
      if (!start.empty()) p.params.push_back({"start", start});
      if (!extent.empty()) p.params.push_back({"size", extent});
      const auto strides = stridesOf(shape);
      uint64_t base = 0;
      Shape to;
      for (size_t axis = 0; axis < shape.rank(); ++axis) {
        const uint64_t first = start.empty() ? 0 : uint64_t(start[axis]);
        base += first * strides[axis];
        to.push(extent.empty() ? shape[axis] - first : uint64_t(extent[axis]));
      }
      p.outputs = {moved(p.inputs[0], to, base, strides)};
    });
  };
  for (DType t : kAllTypes) {
    add("all", Size::Small, t, {5, 7}, {}, {});
    add("scalar", Size::Small, t, {}, {}, {});
    add("nothing", Size::Small, t, {5, 7}, {2, 7}, {});
    add("rows", Size::Small, t, {5, 7}, {1, 0}, {3, 7});
    add("columns", Size::Small, t, {13, 130}, {0, 65}, {13, 64});
    add("odd-columns", Size::Small, t, {13, 130}, {2, 3}, {});
    add("whole-quads", Size::Small, t, {13, 128}, {1, 64}, {});
    add("one", Size::Small, t, {5, 7, 9}, {4, 6, 8}, {1, 1, 1});
    add("inside", Size::Small, t, {4, 5, 6, 7}, {1, 2, 1, 3}, {2, 2, 4, 3});
  }
  add("large", Size::Split, kF32, {1031, 1021}, {3, 5}, {1020, 1000});
  add("large-rows", Size::Split, kF32, {2062, 510}, {31, 0}, {});
  add("large", Size::Large, kI8, {1031, 1021}, {3, 5}, {1020, 1000});
  const auto refuse = [&](const std::string& name, std::vector<Param> params) {
    list.add("slice", name, Size::Small, [=](Problem& p, Random& random) {
      p.inputs = {random.uniform(kF32, {4, 5})};
      p.params = params;
      p.refused = Code::InvalidArgument;
    });
  };
  refuse("start-of-one-axis", {{"start", std::vector<double>{1}}});
  refuse("start-past-the-end", {{"start", std::vector<double>{5, 0}}});
  refuse("size-past-the-end", {{"start", std::vector<double>{1, 0}}, {"size", std::vector<double>{4, 5}}});
  refuse("negative-start", {{"start", std::vector<double>{-1, 0}}});
  refuse("fraction", {{"size", std::vector<double>{1.5, 1}}});
}

void addConcatCases(CaseList& list) {
  const auto add = [&](const std::string& name, Size size, DType t, Shape a, Shape b, size_t axis) {
    list.add("concat", name + dtypeSuffix(t), size, [=](Problem& p, Random& random) {
      p.inputs = {anything(random, t, a), anything(random, t, b)};
      if (axis) p.params = {{"axis", double(axis)}};
      Shape shape = a;
      shape[axis] += b[axis];
      Expected out(t, shape);
      uint64_t inner = 1;
      for (size_t i = axis + 1; i < a.rank(); ++i) inner *= a[i];
      const uint64_t left = a[axis] * inner, right = b[axis] * inner;
      for (size_t i = 0; i < out.values.size(); ++i) {
        const uint64_t row = i / (left + right), column = i % (left + right);
        const bool first = column < left;
        out.set(i, p.inputs[first ? 0 : 1].at(first ? row * left + column : row * right + column - left), 0);
      }
      p.outputs = {std::move(out)};
    });
  };
  for (DType t : kAllTypes) {
    add("vectors", Size::Small, t, {5}, {3}, 0);
    add("rows", Size::Small, t, {5, 7}, {3, 7}, 0);
    add("columns", Size::Small, t, {13, 7}, {13, 66}, 1);
    add("whole-quads", Size::Small, t, {13, 64}, {13, 32}, 1);
    add("middle", Size::Small, t, {3, 5, 4}, {3, 2, 4}, 1);
    add("empty-left", Size::Small, t, {13, 0}, {13, 3}, 1);
    add("empty-right", Size::Small, t, {3, 7}, {0, 7}, 0);
    add("nothing", Size::Small, t, {0, 7}, {0, 7}, 0);
  }
  add("large", Size::Split, kF32, {1031, 509}, {1031, 512}, 1);
  add("large-rows", Size::Split, kF32, {1031, 509}, {600, 509}, 0);
  add("large", Size::Large, kI8, {1031, 509}, {1031, 512}, 1);
}

double integerOf(double x, DType t) {
  if (std::isnan(x)) return 0;
  const double most = t == kI32 ? 2147483647.0 : t == DType::Uint32 ? 4294967295.0 : t == kI8 ? 127 : 255;
  const double least = t == kI32 ? -2147483648.0 : t == kI8 ? -128 : 0;
  return std::clamp(std::trunc(x), least, most);
}

void expectCast(Problem& p) {
  const HostTensor& in = p.inputs[0];
  DType to = kF32;
  for (DType t : kAllTypes)
    if (p.choice("dtype", "float32") == dtypeName(t)) to = t;
  Expected out(to, in.shape());
  const bool floating = kDTypes[int(to)].kind == DTypeKind::Floating;
  for (size_t i = 0; i < in.size(); ++i) {
    const double x = in.at(i);
    // Large integers are rounded to float32 first.
    out.set(i, floating ? x : integerOf(x, to),
            floating && std::isfinite(x) && std::fabs(x) > 1e7 ? kUlp * std::fabs(x) : 0);
  }
  p.outputs = {std::move(out)};
}

void addCastCases(CaseList& list) {
  for (DType from : kAllTypes)
    for (DType to : kAllTypes) {
      const std::string name = std::string(dtypeName(from)) + "-to-" + dtypeName(to);
      for (uint64_t n : {0, 1, 2, 3, 4, 257, 4099}) {
        list.add("cast", name + "-" + std::to_string(n), Size::Small, [=](Problem& p, Random& random) {
          p.inputs = {kDTypes[int(from)].kind == DTypeKind::Floating ? random.uniform(from, {n}, -300, 300)
                                                                     : anything(random, from, {n})};
          p.params = {{"dtype", dtypeName(to)}};
          expectCast(p);
        });
      }
      list.add("cast", name + "-special", Size::Small, [=](Problem& p, Random&) {
        if (kDTypes[int(from)].kind == DTypeKind::Floating)
          p.inputs = {
              listed(from, {12}, {kNaN, kInf, -kInf, -0.0, 0.99, -0.99, 127.5, -128.5, 255.5, 60000, -1e-3, 2.5})};
        else if (from == kI32)
          p.inputs = {listed(from, {6}, {0, -1, 2147483647.0, -2147483648.0, 16777217, 255})};
        else if (from == DType::Uint32)
          p.inputs = {listed(from, {6}, {0, 1, 4294967295.0, 2147483648.0, 16777217, 128})};
        else
          p.inputs = {listed(from, {4}, {0, 1, 127, from == kI8 ? -128.0 : 255.0})};
        p.params = {{"dtype", dtypeName(to)}};
        expectCast(p);
      });
    }
  list.add("cast", "past-integers", Size::Small, [](Problem& p, Random&) {
    p.inputs = {listed(kF32, {6}, {3e9, -3e9, 5e9, 2147483520, 4294967040, 1e30})};
    p.params = {{"dtype", "int32"}};
    expectCast(p);
  });
  list.add("cast", "past-integers-unsigned", Size::Small, [](Problem& p, Random&) {
    p.inputs = {listed(kF32, {6}, {3e9, -3e9, 5e9, 2147483520, 4294967040, 1e30})};
    p.params = {{"dtype", "uint32"}};
    expectCast(p);
  });
  for (DType to : {kF16, kI8})
    list.add("cast", std::string("large-to-") + dtypeName(to), Size::Split, [=](Problem& p, Random& random) {
      p.inputs = {random.uniform(kF32, {1031, 1021}, -200, 200)};
      p.params = {{"dtype", dtypeName(to)}};
      expectCast(p);
    });
}

}  // namespace

void addMoveCases(CaseList& list) {
  addGatherCases(list);
  addTransposeCases(list);
  addSliceCases(list);
  addConcatCases(list);
  addCastCases(list);
}

}  // namespace switchyard::test
