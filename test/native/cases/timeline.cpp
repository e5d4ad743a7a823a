// evidence-timeline.
#include <cmath>

#include "oracles.h"

namespace switchyard::test {
void expectTimeline(Problem& p) {
  const HostTensor& in = p.inputs[0];
  double now = float(p.param("currentTime", 1)), decay = float(p.param("decay", 2));
  Expected out(outputDType(p), in.shape());
  for (size_t r = 0; r < in.shape()[0]; ++r) {
    double time = in.at(4 * r), exponent = decay * std::fabs(now - time),
           value = in.at(4 * r + 1) * std::exp(-exponent);
    // The exponent is off by three roundings of its size, exp by (3 + 2|x|) units more.
    double error = std::isfinite(value) ? (12 + 6 * std::min(exponent, 190.0)) * kUlp * std::fabs(value) : 0;
    const double row[] = {time, value, in.at(4 * r + 3), in.at(4 * r + 2)};
    for (size_t i = 0; i < 4; ++i) out.set(4 * r + i, row[i], i == 1 ? error : 0);
  }
  p.outputs = {std::move(out)};
}

void addTimelineCases(CaseList& list) {
  auto add = [&](const std::string& name, Size size, DType t, uint64_t n, std::vector<Param> params = {}) {
    list.add("evidence-timeline", name + dtypeSuffix(t), size, [=](Problem& p, Random& random) {
      p.inputs = {random.uniform(t, {n, 4}, 0, 4)};
      p.params = params;
      if (n % 2) keepDType(p);
      expectTimeline(p);
    });
  };
  for (DType t : kFloatTypes) {
    for (uint64_t n : {0, 1, 63, 64, 65, 127, 128, 129, 255, 256, 257, 997})
      if (!halfSkips(t, n)) add(std::to_string(n), Size::Small, t, n);
    add("params", Size::Small, t, 99, {{"currentTime", -3.5}, {"decay", 0.25}});
    add("decay-0", Size::Small, t, 9, {{"decay", 0}});
    add("large", Size::Split, t, 131071);
  }
  list.add("evidence-timeline", "special", Size::Small, [](Problem& p, Random&) {
    p.inputs = {listed(kF32, {5, 4},
                       {kInf, 1, 2, 3, kNaN, 1, 2, 3, 1, kInf, kNaN, -kInf, 1e30, 5, -0.0, 3e38, 0.5, kNaN, 1, 2})};
    expectTimeline(p);
  });
}

}  // namespace switchyard::test
