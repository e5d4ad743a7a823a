// quantize and dequantize: codes, nibbles, scales.
#include <cfloat>
#include <cmath>

#include "oracles.h"

namespace switchyard::test {
namespace {

uint64_t rowBytes(uint64_t d, int bits) { return bits == 8 ? d : (d + 1) / 2; }

}  // namespace

int codeAt(const HostTensor& codes, size_t row, size_t column, uint64_t d, int bits) {
  if (bits == 8) return int(codes.at(row * d + column));
  int byte = int(codes.at(row * rowBytes(d, 4) + column / 2)), nibble = column % 2 ? byte >> 4 : byte & 15;
  return nibble >= 8 ? nibble - 16 : nibble;
}

namespace {

// Codes are what x / scale rounds to, where the quotient may be some units off: within that of a half, either neighbour
// is right.
std::string checkCode(double x, double scale, int code, int levels, bool exact) {
  if (scale == 0 || std::isnan(scale) || std::isnan(x / scale))
    return code == 0 ? "" : "code " + std::to_string(code) + " where it must be 0";
  double quotient = std::max(-double(levels), std::min(double(levels), x / scale));
  double wanted = std::nearbyint(quotient);
  if (code == wanted) return "";
  if (!exact && std::fabs(code - quotient) <= 0.5 + 8 * kUlp * levels) return "";
  return "code " + std::to_string(code) + " for " + std::to_string(quotient);
}

}  // namespace

void expectQuantize(Problem& p, bool exact) {
  HostTensor in = p.inputs[0];
  uint64_t n = in.shape()[0], d = in.shape()[1];
  int bits = int(p.param("bits", 8)), levels = bits == 8 ? 127 : 7;
  Expected codes(bits == 8 ? DType::Int8 : DType::Uint8, {n, rowBytes(d, bits)}), scales(kF32, {n});
  for (uint64_t r = 0; r < n; ++r) {
    double high = 0;
    bool nan = false;
    for (uint64_t i = 0; i < d; ++i) {
      high = std::max(high, std::fabs(in.at(r * d + i)));
      nan |= std::isnan(in.at(r * d + i));
    }
    double scale = nan ? kNaN : high / levels;
    scales.set(r, scale, std::isfinite(scale) ? 5 * kUlp * scale : 0);
  }
  std::fill(codes.slack.begin(), codes.slack.end(), kInf);
  p.outputs = {std::move(codes), std::move(scales)};
  p.check = [=](const std::vector<HostTensor>& got) -> std::string {
    for (uint64_t r = 0; r < n; ++r) {
      for (uint64_t i = 0; i < d; ++i) {
        std::string wrong = checkCode(in.at(r * d + i), got[1].at(r), codeAt(got[0], r, i, d, bits), levels, exact);
        if (!wrong.empty()) return wrong + " at row " + std::to_string(r) + ", column " + std::to_string(i);
      }
      if (bits == 4 && d % 2 && int(got[0].at(r * rowBytes(d, 4) + d / 2)) >> 4)
        return "the odd last nibble of row " + std::to_string(r) + " is not 0";
    }
    return "";
  };
}

namespace {

void addQuantize(CaseList& list, const std::string& name, Size size, DType t, uint64_t n, uint64_t d, int bits) {
  list.add("quantize", name + "-" + std::to_string(bits) + dtypeSuffix(t), size, [=](Problem& p, Random& random) {
    p.inputs = {random.uniform(t, {n, d}, -3, 3)};
    if (bits != 8) p.params = {{"bits", double(bits)}};
    expectQuantize(p);
  });
}

}  // namespace

void expectDequantize(Problem& p, uint64_t d, int bits) {
  const HostTensor &codes = p.inputs[0], &scales = p.inputs[1];
  uint64_t n = codes.shape()[0];
  Expected out(kF32, {n, d});
  for (uint64_t r = 0; r < n; ++r)
    for (uint64_t i = 0; i < d; ++i) out.set(r * d + i, codeAt(codes, r, i, d, bits) * scales.at(r), 0);
  p.outputs = {std::move(out)};
}

namespace {

void addDequantize(CaseList& list, const std::string& name, Size size, uint64_t n, uint64_t d, int bits) {
  list.add("dequantize", name + "-" + std::to_string(bits), size, [=](Problem& p, Random& random) {
    HostTensor codes = bits == 8 ? random.integers(DType::Int8, {n, d}, -127, 127)
                                 : random.integers(DType::Uint8, {n, rowBytes(d, 4)}, 0, 255);
    p.inputs = {codes, random.uniform(kF32, {n}, 0, 2)};
    p.params = {{"bits", double(bits)}};
    if (bits == 4) p.params.push_back({"columns", double(d)});
    expectDequantize(p, d, bits);
  });
}

}  // namespace

void addQuantizeCases(CaseList& list) {
  struct {
    uint64_t n, d;
  } sizes[] = {{0, 4},   {4, 0},   {1, 1},   {3, 1},   {3, 2},   {5, 3},   {2, 63},   {2, 64},   {3, 65},   {3, 127},
               {2, 128}, {3, 129}, {3, 255}, {3, 256}, {3, 257}, {257, 3}, {13, 997}, {1, 4099}, {37, 128}, {37, 132}};
  for (int bits : {8, 4}) {
    for (auto [n, d] : sizes) {
      std::string name = std::to_string(n) + "x" + std::to_string(d);
      for (DType t : kFloatTypes)
        if (!halfSkips(t, d)) addQuantize(list, name, Size::Small, t, n, d, bits);
      addDequantize(list, name, Size::Small, n, d, bits);
    }
    addQuantize(list, "large", Size::Split, kF32, 2741, 383, bits);
    addQuantize(list, "large", Size::Split, kF16, 1031, 383, bits);
    addDequantize(list, "large", Size::Split, 2741, 383, bits);
    int levels = bits == 8 ? 127 : 7;
    list.add("quantize", "half-to-even-" + std::to_string(bits), Size::Small, [=](Problem& p, Random&) {
      // The scale is exactly 1/8, and every quotient exactly a half: 0.5 -> 0, 1.5 -> 2, 2.5 -> 2.
      uint64_t d = uint64_t(2 * levels);
      p.inputs = {HostTensor(kF32, {2, d})};
      for (uint64_t i = 0; i < d; ++i) {
        double value = i == 0 ? levels : double(i) / 2 + (i % 2 ? 0 : 0.5) - 1;
        p.inputs[0].set(i, std::min(value, double(levels)) / 8);
        p.inputs[0].set(d + i, -std::min(value, double(levels)) / 8);
      }
      p.params = {{"bits", double(bits)}};
      expectQuantize(p, true);
    });
    list.add("quantize", "special-" + std::to_string(bits), Size::Small, [=](Problem& p, Random&) {
      p.inputs = {
          listed(kF32, {6, 3},
                 {0, -0.0, 0, kNaN, 1, 2, kInf, 1, -1, -kInf, kInf, 0, 3e38, -3e38, 1e38, 1e-30, -2e-30, 3e-31})};
      p.params = {{"bits", double(bits)}};
      expectQuantize(p);
    });
  }
  list.add("dequantize", "special", Size::Small, [](Problem& p, Random&) {
    p.inputs = {listed(DType::Int8, {4, 2}, {-128, 127, 0, 1, 5, -5, 127, -127}),
                listed(kF32, {4}, {1, kNaN, kInf, 3e38})};
    expectDequantize(p, 2, 8);
  });
  list.add("dequantize", "float16-scales", Size::Small, [](Problem& p, Random& random) {
    p.inputs = {random.integers(DType::Int8, {7, 33}, -127, 127), random.uniform(kF16, {7})};
    expectDequantize(p, 33, 8);
  });
}

}  // namespace switchyard::test
