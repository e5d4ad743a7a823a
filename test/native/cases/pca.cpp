// pca-fit against a Jacobi eigensolver in double, and pca-transform.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "oracles.h"

namespace switchyard::test {
namespace {

using Matrix = std::vector<double>;

// Cyclic Jacobi rotations: eigenvalues of a symmetric matrix to the diagonal, eigenvectors to the rows of `vectors`.
void jacobi(Matrix& a, Matrix& vectors, size_t d) {
  vectors.assign(d * d, 0.0);
  for (size_t i = 0; i < d; ++i) vectors[i * d + i] = 1;
  double total = 0;
  for (double x : a) total += x * x;
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0;
    for (size_t p = 0; p < d; ++p)
      for (size_t q = p + 1; q < d; ++q) off += a[p * d + q] * a[p * d + q];
    if (off <= 1e-30 * total) return;
    for (size_t p = 0; p < d; ++p)
      for (size_t q = p + 1; q < d; ++q) {
        if (a[p * d + q] == 0) continue;
        double theta = (a[q * d + q] - a[p * d + p]) / (2 * a[p * d + q]);
        double t = (theta >= 0 ? 1 : -1) / (std::fabs(theta) + std::sqrt(theta * theta + 1)),
               c = 1 / std::sqrt(t * t + 1), s = t * c;
        for (size_t i = 0; i < d; ++i) {
          double x = a[i * d + p], y = a[i * d + q];
          a[i * d + p] = c * x - s * y;
          a[i * d + q] = s * x + c * y;
        }
        for (size_t i = 0; i < d; ++i) {
          double x = a[p * d + i], y = a[q * d + i];
          a[p * d + i] = c * x - s * y;
          a[q * d + i] = s * x + c * y;
          double v = vectors[p * d + i], w = vectors[q * d + i];
          vectors[p * d + i] = c * v - s * w;
          vectors[q * d + i] = s * v + c * w;
        }
      }
  }
}

Matrix covarianceOf(const HostTensor& in, const std::vector<double>& mean) {
  size_t n = in.shape()[0], d = in.shape()[1];
  Matrix covariance(d * d, 0.0);
  std::vector<double> row(d);
  for (size_t r = 0; r < n; ++r) {
    for (size_t i = 0; i < d; ++i) row[i] = in.at(r * d + i) - mean[i];
    for (size_t i = 0; i < d; ++i)
      for (size_t j = 0; j < d; ++j) covariance[i * d + j] += row[i] * row[j];
  }
  for (double& x : covariance) x /= double(n) - 1;
  return covariance;
}

// Components are unit vectors, at right angles, and each is judged by what it must do: the covariance only stretches
// it.
std::string checkComponents(const Matrix& covariance, size_t d, double largest, const HostTensor& components,
                            double tolerance) {
  size_t count = components.shape()[0];
  for (size_t c = 0; c < count; ++c) {
    double high = 0, signedHigh = 0;
    for (size_t i = 0; i < d; ++i)
      if (double x = components.at(c * d + i); std::fabs(x) > high) {
        high = std::fabs(x);
        signedHigh = x;
      }
    if (!(signedHigh > 0)) return "component " + std::to_string(c) + " has its largest entry below 0";
    for (size_t other = 0; other <= c; ++other) {
      double dot = 0;
      for (size_t i = 0; i < d; ++i) dot += components.at(c * d + i) * components.at(other * d + i);
      if (!(std::fabs(dot - (c == other)) <= 1e-5))
        return "components " + std::to_string(other) + " and " + std::to_string(c) + ": product " + std::to_string(dot);
    }
    // By its own stretch, not by the variance that was given: that may be too small for float32's digits.
    std::vector<double> stretched(d);
    double along = 0;
    for (size_t i = 0; i < d; ++i) {
      for (size_t j = 0; j < d; ++j) stretched[i] += covariance[i * d + j] * components.at(c * d + j);
      along += stretched[i] * components.at(c * d + i);
    }
    for (size_t i = 0; i < d; ++i) {
      double off = std::fabs(stretched[i] - along * components.at(c * d + i));
      if (!(off <= tolerance * largest))
        return "component " + std::to_string(c) + " is no eigenvector: off by " + std::to_string(off / largest);
    }
  }
  return "";
}

}  // namespace

// `unique`: the variances are far apart, so that the components themselves must match.
void expectPcaFit(Problem& p, bool unique) {
  const HostTensor& in = p.inputs[0];
  size_t n = in.shape()[0], d = in.shape()[1], count = size_t(p.param("components", 1));
  DType dtype = kF32;  // a fit keeps its digits, whatever the rows are stored as
  std::vector<double> mean(d, 0.0), magnitude(d, 0.0);
  for (size_t r = 0; r < n; ++r)
    for (size_t i = 0; i < d; ++i) {
      mean[i] += in.at(r * d + i);
      magnitude[i] += std::fabs(in.at(r * d + i)) / double(n);
    }
  for (double& m : mean) m /= double(n);
  Matrix covariance = covarianceOf(in, mean), rotated = covariance, vectors;
  jacobi(rotated, vectors, d);
  std::vector<size_t> order(d);
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return rotated[a * d + a] > rotated[b * d + b]; });
  Expected means(dtype, {d}), components(dtype, {count, d}), variances(dtype, {count});
  for (size_t i = 0; i < d; ++i)
    means.set(i, mean[i], (sumRoundings(std::min<size_t>(n, 4096)) + 4) * kUlp * magnitude[i]);
  double largest = d ? std::max(rotated[order[0] * d + order[0]], 0.0) : 0;
  // Each entry of a float32 covariance is off by some units of the variances it is made of, and an eigenvalue by at
  // most the norm of that error matrix: with d independent entries a row, sqrt(d) times the largest variance.
  double tolerance = (sumRoundings(std::min<size_t>(n, 4096)) + 16) * std::sqrt(double(d)) * kUlp;
  for (size_t c = 0; c < count; ++c) {
    double variance = rotated[order[c] * d + order[c]], gap = kInf;
    for (size_t other = 0; other < d; ++other)
      if (other != order[c]) gap = std::min(gap, std::fabs(variance - rotated[other * d + other]));
    variances.set(c, variance, tolerance * largest);
    double* vector = &vectors[order[c] * d];
    double sign =
        *std::max_element(vector, vector + d, [](double a, double b) { return std::fabs(a) < std::fabs(b); }) < 0 ? -1
                                                                                                                  : 1;
    for (size_t i = 0; i < d; ++i) {
      components.set(c * d + i, sign * vector[i], std::isfinite(gap) ? 2 * tolerance * largest / gap : tolerance);
      if (!unique) components.slack[c * d + i] = kInf;
    }
  }
  double check = 3 * tolerance + 8 * kUlp;
  bool skip = largest == 0;  // any directions will do
  p.outputs = {std::move(means), std::move(components), std::move(variances)};
  p.check = [=](const std::vector<HostTensor>& got) {
    return skip ? std::string() : checkComponents(covariance, d, largest, got[1], check);
  };
}

namespace {

// Rows whose columns, after a fixed rotation, spread by 1, 1/ratio, 1/ratio^2 ...
HostTensor stretched(Random& random, DType t, uint64_t n, uint64_t d, double ratio, double offset) {
  HostTensor rows(t, {n, d});
  for (uint64_t r = 0; r < n; ++r) {
    std::vector<double> x(d);
    double spread = 1;
    for (uint64_t i = 0; i < d; ++i, spread /= ratio) x[i] = random.uniform(-spread, spread);
    // A Householder reflection mixes the columns and keeps lengths.
    double length = 0, dot = 0;
    for (uint64_t i = 0; i < d; ++i) {
      double v = 1.0 + 0.37 * double(i % 5);
      length += v * v;
      dot += v * x[i];
    }
    for (uint64_t i = 0; i < d; ++i)
      rows.set(r * d + i, offset + x[i] - 2 * dot / length * (1.0 + 0.37 * double(i % 5)));
  }
  return rows;
}

void addFit(CaseList& list, const std::string& name, Size size, DType t, uint64_t n, uint64_t d, uint64_t components,
            double ratio, double offset = 0) {
  list.add("pca-fit", name + dtypeSuffix(t), size, [=](Problem& p, Random& random) {
    p.inputs = {stretched(random, t, n, d, ratio, offset)};
    p.params = {{"components", double(components)}};
    expectPcaFit(p, ratio > 1);
  });
}

}  // namespace

void expectTransform(Problem& p) {
  const HostTensor &in = p.inputs[0], &mean = p.inputs[1], &components = p.inputs[2];
  size_t n = in.shape()[0], d = in.shape()[1], count = components.shape()[0];
  Expected out(outputDType(p), {n, count});
  for (size_t r = 0; r < n; ++r)
    for (size_t c = 0; c < count; ++c) {
      double sum = 0, error = 0;
      for (size_t i = 0; i < d; ++i) {
        double x = in.at(r * d + i), m = mean.at(i), v = components.at(c * d + i);
        sum += (x - m) * v;
        error += std::fabs(v) * sumRoundings(d) * std::fabs(x - m);  // the difference itself rounds once
        error += std::fabs(v) * 0x1p-122;  // a few units of the least denormal, in units of kUlp
      }
      out.set(r * count + c, sum, kUlp * error);
    }
  p.outputs = {std::move(out)};
}

void addPcaCases(CaseList& list) {
  for (DType t : kFloatTypes) {
    addFit(list, "small", Size::Small, t, 40, 5, 3, 1.6);
    addFit(list, "all-components", Size::Small, t, 60, 7, 7, 1.4);
    addFit(list, "one-column", Size::Small, t, 20, 1, 1, 1.5);
    addFit(list, "fewer-rows-than-columns", Size::Small, t, 6, 17, 3, 1.5);
  }
  for (uint64_t d : {63, 64, 65, 129}) addFit(list, "columns-" + std::to_string(d), Size::Medium, kF32, 300, d, 5, 1.3);
  for (uint64_t n : {255, 256, 257, 1031}) addFit(list, "rows-" + std::to_string(n), Size::Medium, kF32, n, 9, 4, 1.4);
  addFit(list, "two-rows", Size::Small, kF32, 2, 6, 1, 1.5);
  addFit(list, "far-from-zero", Size::Small, kF32, 200, 8, 4, 1.4, 300);
  // so far that a mean's rounding is as large as what the rows differ by
  addFit(list, "very-far-from-zero", Size::Small, kF32, 200, 8, 4, 1.4, 1e6);
  addFit(list, "few-rows-very-far-from-zero", Size::Small, kF32, 6, 17, 3, 1.5, 1e6);
  list.add("pca-fit", "a-huge-column-of-one-number", Size::Small, [](Problem& p, Random& random) {
    p.inputs = {random.uniform(kF32, {50, 3})};
    for (size_t r = 0; r < 50; ++r) p.inputs[0].set(3 * r + 1, 3e38);
    p.params = {{"components", 2}};
    expectPcaFit(p, false);
  });
  addFit(list, "equal-variances", Size::Small, kF32, 300, 12, 6, 1);
  addFit(list, "all-of-equal-variances", Size::Medium, kF32, 500, 33, 33, 1);
  addFit(list, "large", Size::Split, kF32, 5003, 97, 10, 1.2);
  // Many rows of few columns: on GPUs several groups share a column.
  addFit(list, "narrow", Size::Small, kF32, 5003, 3, 2, 1.5);
  // Means of columns that GPUs sum in slices of rows.
  addFit(list, "narrow-in-slices", Size::Small, kF32, 70001, 3, 2, 1.5);
  addFit(list, "columns-in-slices", Size::Small, kF32, 5003, 130, 2, 1.5);
  addFit(list, "narrow-large", Size::Split, kF32, 70001, 5, 3, 1.5);
  list.add("pca-fit", "constant-rows", Size::Small, [](Problem& p, Random&) {
    p.inputs = {HostTensor(kF32, {9, 3})};
    for (size_t i = 0; i < 27; ++i) p.inputs[0].set(i, double(i % 3) + 1);
    p.params = {{"components", 2}};
    expectPcaFit(p, false);
  });
  for (DType t : kFloatTypes) {
    struct {
      uint64_t n, d, c;
    } sizes[] = {{0, 4, 2},    {1, 1, 1},   {5, 7, 3},   {63, 64, 65}, {64, 65, 63},
                 {65, 63, 64}, {3, 257, 2}, {257, 3, 3}, {4, 5, 0},    {97, 31, 13}};
    for (auto [n, d, c] : sizes)
      list.add("pca-transform", std::to_string(n) + "x" + std::to_string(d) + "-" + std::to_string(c) + dtypeSuffix(t),
               Size::Small, [=](Problem& p, Random& random) {
                 p.inputs = {random.uniform(t, {n, d}), random.uniform(t, {d}), random.uniform(t, {c, d})};
                 if (d % 2) keepDType(p);
                 expectTransform(p);
               });
    list.add("pca-transform", "large" + dtypeSuffix(t), Size::Split, [=](Problem& p, Random& random) {
      p.inputs = {random.uniform(t, {4099, 127}), random.uniform(t, {127}), random.uniform(t, {33, 127})};
      expectTransform(p);
    });
  }
  list.add("pca-transform", "centred-before-the-product", Size::Small, [](Problem& p, Random& random) {
    p.inputs = {random.uniform(kF32, {20, 16}, 999, 1001), HostTensor(kF32, {16}), random.uniform(kF32, {4, 16})};
    for (size_t i = 0; i < 16; ++i) p.inputs[1].set(i, 1000);
    expectTransform(p);
    // x - mean is exact here: all that is left are the products.
    for (size_t i = 0; i < p.outputs[0].slack.size(); ++i) p.outputs[0].slack[i] = 16 * (sumRoundings(16) + 2) * kUlp;
  });
}

}  // namespace switchyard::test
