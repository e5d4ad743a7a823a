// reduce, normalize and softmax of few long rows, which GPUs cut into parts, and of rows that no binding holds.
#include <cmath>
#include <cstdio>

#include "oracles.h"

namespace switchyard::test {
namespace {

using Expect = void (*)(Problem&);
struct Kind {
  const char* workload;
  std::string name;  // what the names of its cases begin with
  std::vector<Param> params;
  Expect expect;
};

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

// Two rows of which an element in five is of that magnitude, or one element: parts whose own sums are past float32, or
// whose squares are, where the row's are not.
void setMagnitude(HostTensor& rows, double magnitude) {
  const size_t d = rows.shape().back();
  for (size_t i = 0; i < rows.size(); ++i)
    if (std::isfinite(magnitude) ? i % 5 == 0 : i == d - 5) rows.set(i, magnitude * (i % d < d / 2 ? 1 : -1));
}

void addOf(CaseList& list, const Kind& kind) {
  const auto add = [&](const std::string& name, Size size, DType t, Shape shape, double range, bool whole = false) {
    list.add(kind.workload, kind.name + name + dtypeSuffix(t), size, [=](Problem& p, Random& random) {
      p.inputs = {whole ? random.integers(t, shape) : random.uniform(t, shape, -range, range)};
      p.params = kind.params;
      keepDType(p);
      kind.expect(p);
    });
  };
  for (DType t : kFloatTypes) {
    add("parts", Size::Small, t, {1, 40012}, 1);
    add("odd-parts", Size::Small, t, {2, 40009}, 1);
    add("whole-parts", Size::Small, t, {3, 40960}, 1, true);
    add("parts-of-large", Size::Small, t, {2, 33000}, 30000);
  }
  add("long-row", Size::Split, kF32, {1, 200003}, 1);
  add("two-long-rows", Size::Split, kF32, {2, 200192}, 1);  // each begins where a view may
  for (double magnitude : {3e38, 1e-25, kNaN, kInf})
    list.add(kind.workload, kind.name + "parts-of-" + number(magnitude), Size::Small, [=](Problem& p, Random& random) {
      p.inputs = {random.uniform(kF32, {2, 32771}, -1, 1)};
      setMagnitude(p.inputs[0], magnitude);
      p.params = kind.params;
      kind.expect(p);
    });
}

}  // namespace

void addLongRowCases(CaseList& list) {
  for (const char* kind : {"sum", "mean", "min", "max", "norm"})
    addOf(list, {"reduce", std::string(kind) + "-", {{"kind", kind}}, expectReduce});
  addOf(list, {"normalize", "", {}, expectNormalize});
  // One small number, which over a part's length would be flushed; as small a norm, and no epsilon to hide behind.
  for (const char* kind : {"sum", "norm"})
    list.add("reduce", std::string(kind) + "-parts-of-one-tiny", Size::Small, [=](Problem& p, Random&) {
      p.inputs = {HostTensor(kF32, {1, 40009})};
      p.inputs[0].set(30001, 1e-36);
      p.params = {{"kind", kind}};
      expectReduce(p);
    });
  list.add("normalize", "parts-of-one-tiny-epsilon-0", Size::Small, [](Problem& p, Random&) {
    p.inputs = {HostTensor(kF32, {1, 40009})};
    p.inputs[0].set(30001, 1e-36);
    p.params = {{"epsilon", 0}};
    expectNormalize(p);
  });
  addOf(list, {"softmax", "", {}, expectSoftmax});
  for (double magnitude : {3e38, 1e36, 1e-25, 1e-16, 1e-35})
    for (double epsilon : {1e-12, 1e-35, 1000.0, 0.0})
      list.add("normalize", "parts-all-of-" + number(magnitude) + "-epsilon-" + number(epsilon), Size::Small,
               [=](Problem& p, Random& random) {
                 p.inputs = {random.uniform(kF32, {1, 40003}, -magnitude, magnitude)};
                 p.params = {{"epsilon", epsilon}};
                 expectNormalize(p);
               });
  for (double value : {kNaN, kInf, -kInf})
    list.add("softmax", "parts-and-" + number(value), Size::Small, [=](Problem& p, Random& random) {
      p.inputs = {random.uniform(kF32, {3, 32771}, -3, 3)};
      // One element; more than a part of nothing visible; a whole row.
      p.inputs[0].set(30000, value);
      for (size_t i = 0; i < 20000; ++i) p.inputs[0].set(32771 + i, -kInf);
      for (size_t i = 0; i < 32771; ++i) p.inputs[0].set(2 * 32771 + i, value);
      expectSoftmax(p);
    });
  for (double temperature : {0.05, 40.0})
    list.add("softmax", "parts-at-" + number(temperature), Size::Small, [=](Problem& p, Random& random) {
      p.inputs = {random.uniform(kF32, {2, 40003}, -3, 3)};
      p.params = {{"temperature", temperature}};
      expectSoftmax(p);
    });
}

}  // namespace switchyard::test
