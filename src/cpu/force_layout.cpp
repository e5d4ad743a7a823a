// The layout kernel: all iterations of force-layout (src/workloads/force_layout.cpp has the formulas), which the GPU
// backends do in five launches each. Nodes are sorted by cell, so that the cells side by side are one stretch of
// memory; moments and fields are planes, a cell's even and odd neighbours in planes of their own, so that the
// interactions of a whole row with another are vectors.
#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/force_layout.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <vector>

#include "cpu/force_layout.h"
#include "cpu/kernels.h"
#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

struct Complex {
  Vec x, y;
};
HWY_INLINE Complex operator+(Complex a, Complex b) { return {hn::Add(a.x, b.x), hn::Add(a.y, b.y)}; }
HWY_INLINE Complex times(std::complex<float> a, Complex b) {
  const Vec re = hn::Set(kF, a.real()), im = hn::Set(kF, a.imag());
  return {hn::NegMulAdd(im, b.y, hn::Mul(re, b.x)), hn::MulAdd(im, b.x, hn::Mul(re, b.y))};
}
HWY_INLINE Complex addTimes(Complex sum, float factor, Complex a) {
  const Vec f = hn::Set(kF, factor);
  return {hn::MulAdd(f, a.x, sum.x), hn::MulAdd(f, a.y, sum.y)};
}

// Adds the fields of the cells at offset (dx, dy) of each of every second cell of row y, from column `parity` on.
void addRow(LayoutLevel& level, size_t parity, size_t y, int dx, int dy) {
  const std::complex<float> d(static_cast<float>(dx), static_cast<float>(dy)), i1 = 1.0f / d, i2 = i1 * i1,
                                                                               i3 = i2 * i1, i4 = i2 * i2;
  const size_t sourceY = static_cast<size_t>(static_cast<int>(y) + dy), half = level.width / 2;
  const int first = static_cast<int>(parity) + dx, odd = first & 1, shift = (first - odd) / 2;
  const float* from[kMoments];
  float* to[kFields];
  for (size_t c = 0; c < kMoments; ++c)
    from[c] = &level.moments[level.at(c, static_cast<size_t>(odd), sourceY)] + shift;
  for (size_t c = 0; c < kFields; ++c) to[c] = &level.fields[level.at(c, parity, y)];
  // Rows have room for a vector past their end, where moments are 0 and nobody reads fields.
  for (size_t x = 0; x < half; x += kLanes) {
    const Vec mass = hn::LoadU(kF, from[0] + x);
    const Complex a0{hn::Mul(hn::Set(kF, -i1.real()), mass), hn::Mul(hn::Set(kF, -i1.imag()), mass)};
    const Complex a1 = times(i2, {hn::LoadU(kF, from[1] + x), hn::LoadU(kF, from[2] + x)});
    const Complex a2 = times(-i3, {hn::LoadU(kF, from[3] + x), hn::LoadU(kF, from[4] + x)});
    const Complex a3 = times(i4, {hn::LoadU(kF, from[5] + x), hn::LoadU(kF, from[6] + x)});
    const Complex b[4] = {a0 + a1 + a2 + a3, times(i1, addTimes(addTimes(addTimes(a0, 2, a1), 3, a2), 4, a3)),
                          times(i2, addTimes(addTimes(addTimes(a0, 3, a1), 6, a2), 10, a3)),
                          times(i3, addTimes(addTimes(addTimes(a0, 4, a1), 10, a2), 20, a3))};
    for (size_t l = 0; l < 4; ++l) {
      hn::StoreU(hn::Add(b[l].x, hn::LoadU(kF, to[2 * l] + x)), kF, to[2 * l] + x);
      hn::StoreU(hn::Add(b[l].y, hn::LoadU(kF, to[2 * l + 1] + x)), kF, to[2 * l + 1] + x);
    }
  }
}

// Row y of a level: the cells that are near the parent (on the top level: anywhere) and not near the cell itself.
void farRow(LayoutLevel& level, size_t y) {
  const int width = static_cast<int>(level.width), row = static_cast<int>(y);
  for (size_t plane = 0; plane < kFields; ++plane)
    for (size_t parity = 0; parity < 2; ++parity)
      std::fill_n(&level.fields[level.at(plane, parity, y)] - kPad, level.stride, 0.0f);
  if (level.level == kLayoutTop) {  // one by one: rows as short as a vector
    for (int sy = 0; sy < width; ++sy)
      for (int sx = 0; sx < width; ++sx) {
        const float* moments = level.moments.data();
        std::complex<float> a[4] = {moments[level.at(0, static_cast<size_t>(sx), static_cast<size_t>(sy))]};
        if (a[0].real() == 0) continue;
        for (size_t k = 1; k < 4; ++k)
          a[k] = {moments[level.at(2 * k - 1, static_cast<size_t>(sx), static_cast<size_t>(sy))],
                  moments[level.at(2 * k, static_cast<size_t>(sx), static_cast<size_t>(sy))]};
        for (int x = 0; x < width; ++x) {
          if (std::max(std::abs(sx - x), std::abs(sy - row)) < 2) continue;
          const std::complex<float> i = 1.0f /
                                        std::complex<float>(static_cast<float>(sx - x), static_cast<float>(sy - row)),
                                    i2 = i * i;
          const std::complex<float> a0 = -a[0] * i, a1 = a[1] * i2, a2 = -a[2] * i2 * i, a3 = a[3] * i2 * i2;
          const std::complex<float> b[4] = {a0 + a1 + a2 + a3, i * (a0 + 2.0f * a1 + 3.0f * a2 + 4.0f * a3),
                                            i2 * (a0 + 3.0f * a1 + 6.0f * a2 + 10.0f * a3),
                                            i2 * i * (a0 + 4.0f * a1 + 10.0f * a2 + 20.0f * a3)};
          for (size_t l = 0; l < 4; ++l) {
            level.fields[level.at(2 * l, static_cast<size_t>(x), y)] += b[l].real();
            level.fields[level.at(2 * l + 1, static_cast<size_t>(x), y)] += b[l].imag();
          }
        }
      }
    return;
  }
  for (int sy = std::max(2 * (row / 2 - 1), 0); sy <= std::min(2 * (row / 2 + 1) + 1, width - 1); ++sy)
    for (int parity = 0; parity < 2; ++parity)
      for (int dx = -2 - parity; dx <= 3 - parity; ++dx)
        if (std::max(std::abs(dx), std::abs(sy - row)) >= 2)
          addRow(level, static_cast<size_t>(parity), y, dx, sy - row);
}

// What the nodes [begin, end) do to node `self` at (x, y). Those at its very place push it by their jitter, itself not
// at all.
void addNear(const LayoutNodes& nodes, size_t begin, size_t end, uint32_t self, float x, float y, float softening,
             LayoutForce& force) {
  const Vec x0 = hn::Set(kF, x), y0 = hn::Set(kF, y), soft = hn::Set(kF, softening * softening), zero = hn::Zero(kF);
  Vec sumX = zero, sumY = zero, sum = zero;
  bool meets = false;
  for (size_t i = begin; i < end; i += kLanes) {
    const size_t left = HWY_MIN(end - i, kLanes);
    const auto load = [&](const std::vector<float>& of)
                          HWY_ATTR { return left == kLanes ? hn::LoadU(kF, &of[i]) : loadPart(kF, &of[i], left); };
    const Vec dx = hn::Sub(x0, load(nodes.x)), dy = hn::Sub(y0, load(nodes.y));
    const auto same = hn::And(hn::Eq(dx, zero), hn::Eq(dy, zero));
    const Vec f = hn::IfThenZeroElse(same, hn::Div(load(nodes.mass), hn::MulAdd(dx, dx, hn::MulAdd(dy, dy, soft))));
    meets = meets || !hn::AllFalse(kF, same);
    sumX = hn::MulAdd(f, dx, sumX), sumY = hn::MulAdd(f, dy, sumY), sum = hn::Add(f, sum);
  }
  force.x += sumLanes(sumX), force.y += sumLanes(sumY), force.stiffness += sumLanes(sum);
  if (!meets) return;
  float jitterX, jitterY;
  layoutJitter(self, jitterX, jitterY);
  for (size_t i = begin; i < end; ++i) {
    if (nodes.x[i] != x || nodes.y[i] != y || nodes.id[i] == self) continue;
    float otherX, otherY;
    layoutJitter(nodes.id[i], otherX, otherY);
    const float dx = softening * (jitterX - otherX), dy = softening * (jitterY - otherY),
                f = nodes.mass[i] / (dx * dx + dy * dy + softening * softening);
    force.x += f * dx, force.y += f * dy, force.stiffness += f;
  }
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace switchyard::cpu {
HWY_EXPORT(farRow);
HWY_EXPORT(addNear);

namespace {

struct Square {
  float x = 0, y = 0, side = 0;
};

class Layout {
 public:
  Layout(const Call& call, const LayoutParams& p)
      : call_(call),
        p_(p),
        links_(call, p),
        mass_(call.view(1)),
        at_(call.view(0), call.view(0) + size_t{2} * p.n),
        next_(at_.size()),
        moved_(p.n),
        cell_(p.n),
        width_(1u << p.level),
        first_(size_t{width_} * width_ + 1) {
    for (uint32_t level = kLayoutTop; level <= p.level; ++level) levels_.emplace_back(level);
    nodes_.n = p.n;
    nodes_.x.resize(p.n), nodes_.y.resize(p.n), nodes_.mass.resize(p.n), nodes_.id.resize(p.n);
  }

  void iterate(float limit) {
    findSquare();
    sort();
    parallel(width_, 10.0 * p_.n / width_ + 3.0 * width_, [&](uint64_t y) { sumRow(static_cast<uint32_t>(y)); });
    for (size_t l = levels_.size() - 1; l > 0; --l)
      parallel(levels_[l - 1].width, 25.0 * static_cast<double>(levels_[l - 1].width),
               [&](uint64_t y) { sumUp(l - 1, y); });
    for (LayoutLevel& level : levels_)
      parallel(level.width, 80.0 * static_cast<double>(level.width), [&](uint64_t y) {
        HWY_DYNAMIC_DISPATCH(farRow)(level, y);
      });
    parallel(p_.n, 250 + 4.0 * static_cast<double>(links_.other.size()) / p_.n,
             [&](uint64_t i) { move(static_cast<uint32_t>(i), limit); });
    at_.swap(next_);
  }
  const std::vector<float>& positions() const { return at_; }
  double movement() const {
    double sum = 0;
    for (float moved : moved_) sum += moved;
    return sum / p_.n;
  }

 private:
  template <class F>
  void parallel(uint64_t count, double ns, F&& fn) {
    parallelFor(call_.budget, count, grainFor(call_.budget, count, ns), [&](uint64_t begin, uint64_t end, uint32_t) {
      for (uint64_t i = begin; i < end; ++i) fn(i);
    });
  }

  void findSquare() {
    float low[2] = {at_[0], at_[1]}, high[2] = {at_[0], at_[1]};
    for (size_t i = 0; i < at_.size(); i += 2)
      for (size_t axis = 0; axis < 2; ++axis)
        low[axis] = std::min(low[axis], at_[i + axis]), high[axis] = std::max(high[axis], at_[i + axis]);
    const float far = std::max({std::abs(low[0]), std::abs(low[1]), std::abs(high[0]), std::abs(high[1])});
    square_.side = std::max({1.0001f * std::max(high[0] - low[0], high[1] - low[1]), 1e-3f * p_.natural, 1e-5f * far});
    square_.x = 0.5f * low[0] + 0.5f * high[0] - 0.5f * square_.side,
    square_.y = 0.5f * low[1] + 0.5f * high[1] - 0.5f * square_.side;
  }
  float placeX(float x) const { return (x - square_.x) * (static_cast<float>(width_) / square_.side); }
  float placeY(float y) const { return (y - square_.y) * (static_cast<float>(width_) / square_.side); }
  uint32_t cellAlong(float place) const {
    return static_cast<uint32_t>(std::clamp(static_cast<int>(std::floor(place)), 0, static_cast<int>(width_) - 1));
  }
  bool full(uint32_t cell) const { return first_[cell + 1] - first_[cell] > kLayoutCap; }

  void sort() {
    std::fill(first_.begin(), first_.end(), 0);
    for (uint32_t i = 0; i < p_.n; ++i)
      ++first_[(cell_[i] = cellAlong(placeY(at_[2 * i + 1])) * width_ + cellAlong(placeX(at_[2 * i]))) + 1];
    for (size_t c = 0; c + 1 < first_.size(); ++c) first_[c + 1] += first_[c];
    slots_.assign(first_.begin(), first_.end() - 1);
    for (uint32_t i = 0; i < p_.n; ++i) {
      const uint32_t slot = slots_[cell_[i]]++;
      nodes_.x[slot] = at_[2 * i], nodes_.y[slot] = at_[2 * i + 1], nodes_.mass[slot] = mass_[i], nodes_.id[slot] = i;
    }
  }

  void sumRow(uint32_t y) {
    LayoutLevel& level = levels_.back();
    for (uint32_t x = 0; x < width_; ++x) {
      const uint32_t cell = y * width_ + x;
      double a[kMoments] = {};
      for (uint32_t i = first_[cell]; i < first_[cell + 1]; ++i) {
        const double zx = placeX(nodes_.x[i]) - (static_cast<float>(x) + 0.5f),
                     zy = placeY(nodes_.y[i]) - (static_cast<float>(y) + 0.5f), m = nodes_.mass[i];
        addMoments(a, m, zx, zy);
      }
      if (full(cell)) {  // as one node, as on a GPU, where the order of so many is not known
        const double m = a[0], zx = a[1] / m, zy = a[2] / m;
        std::fill(std::begin(a), std::end(a), 0);
        addMoments(a, m, zx, zy);
      }
      for (size_t c = 0; c < kMoments; ++c) level.moments[level.at(c, x, y)] = static_cast<float>(a[c]);
    }
  }
  static void addMoments(double* a, double m, double zx, double zy) {
    const double sx = zx * zx - zy * zy, sy = 2 * zx * zy;
    a[0] += m, a[1] += m * zx, a[2] += m * zy, a[3] += m * sx, a[4] += m * sy, a[5] += m * (sx * zx - sy * zy),
        a[6] += m * (sx * zy + sy * zx);
  }

  void sumUp(size_t target, uint64_t y) {
    LayoutLevel &to = levels_[target], &from = levels_[target + 1];
    using C = std::complex<float>;
    for (size_t x = 0; x < to.width; ++x) {
      float m0 = 0;
      C m1, m2, m3;
      for (size_t child = 0; child < 4; ++child) {
        const size_t cx = 2 * x + child % 2, cy = 2 * y + child / 2;
        const auto value = [&](size_t c) { return from.moments[from.at(c, cx, cy)]; };
        const float mass = value(0);
        if (mass == 0) continue;
        const C d(child % 2 ? 0.5f : -0.5f, child / 2 ? 0.5f : -0.5f), a1(value(1), value(2)), a2(value(3), value(4)),
            a3(value(5), value(6)), d2 = d * d;
        m0 += mass, m1 += a1 + mass * d, m2 += a2 + 2.0f * d * a1 + mass * d2,
            m3 += a3 + 3.0f * d * a2 + 3.0f * d2 * a1 + mass * d2 * d;
      }
      const float all[kMoments] = {m0,
                                   0.5f * m1.real(),
                                   0.5f * m1.imag(),
                                   0.25f * m2.real(),
                                   0.25f * m2.imag(),
                                   0.125f * m3.real(),
                                   0.125f * m3.imag()};
      for (size_t c = 0; c < kMoments; ++c) to.moments[to.at(c, x, y)] = all[c];
    }
  }

  void addFar(uint32_t cellX, uint32_t cellY, float x, float y, LayoutForce& force) const {
    for (const LayoutLevel& level : levels_) {
      const uint32_t up = p_.level - level.level, cx = cellX >> up, cy = cellY >> up;
      const float scale = 1.0f / static_cast<float>(1u << up), ux = x * scale - (static_cast<float>(cx) + 0.5f),
                  uy = y * scale - (static_cast<float>(cy) + 0.5f);
      const float* at = &level.fields[level.at(0, cx, cy)];
      const size_t plane = 2 * level.width * level.stride;
      float fx = at[6 * plane], fy = at[7 * plane];
      for (size_t l = 3; l-- > 0;) {
        const float re = at[2 * l * plane] + ux * fx - uy * fy;
        fy = at[(2 * l + 1) * plane] + ux * fy + uy * fx, fx = re;
      }
      const float factor = scale * static_cast<float>(width_) / square_.side;
      force.x += factor * fx, force.y -= factor * fy;
    }
  }

  void addNearCells(uint32_t slot, uint32_t cellX, uint32_t cellY, LayoutForce& force) const {
    const float x = nodes_.x[slot], y = nodes_.y[slot], softening = 1e-2f * std::sqrt(p_.repulsion),
                side = square_.side / static_cast<float>(width_);
    const uint32_t self = nodes_.id[slot], left = cellX ? cellX - 1 : 0, right = std::min(cellX + 1, width_ - 1);
    for (uint32_t cy = cellY ? cellY - 1 : 0; cy <= std::min(cellY + 1, width_ - 1); ++cy) {
      const auto meet = [&](uint32_t from, uint32_t to) {
        if (first_[from] < first_[to])
          HWY_DYNAMIC_DISPATCH(addNear)(nodes_, first_[from], first_[to], self, x, y, softening, force);
      };
      uint32_t from = cy * width_ + left;
      const uint32_t end = cy * width_ + right + 1;
      for (uint32_t cell = from; cell < end; ++cell) {
        if (!full(cell)) continue;
        meet(from, cell);
        from = cell + 1;
        const LayoutLevel& level = levels_.back();
        const auto moment = [&](size_t c) { return level.moments[level.at(c, cell - cy * width_, cy)]; };
        float jitterX, jitterY;
        layoutJitter(self, jitterX, jitterY);
        const float m = moment(0), dx = side * (placeX(x) - (static_cast<float>(cell - cy * width_) + 0.5f) -
                                                moment(1) / m + 0.1f * jitterX);
        const float dy = side * (placeY(y) - (static_cast<float>(cy) + 0.5f) - moment(2) / m + 0.1f * jitterY),
                    f = m / (dx * dx + dy * dy + 0.25f * side * side);
        force.x += f * dx, force.y += f * dy, force.stiffness += f;
      }
      meet(from, end);
    }
  }

  void move(uint32_t slot, float limitShare) {
    const uint32_t id = nodes_.id[slot], cellX = cell_[id] % width_, cellY = cell_[id] / width_;
    const float x = nodes_.x[slot], y = nodes_.y[slot];
    LayoutForce force;
    addFar(cellX, cellY, placeX(x), placeY(y), force);
    addNearCells(slot, cellX, cellY, force);
    double pullX = 0, pullY = 0;
    for (uint32_t e = links_.first[id]; e < links_.first[id + 1]; ++e) {
      const uint32_t other = links_.other[e];
      pullX += links_.weight[e] * (at_[2 * other] - x), pullY += links_.weight[e] * (at_[2 * other + 1] - y);
    }
    const float pace = p_.step / (1 + p_.gravity + p_.repulsion * force.stiffness),
                limit = limitShare * std::max(square_.side, p_.natural);
    float wayX = pace * (p_.repulsion * force.x + static_cast<float>(pullX) / mass_[id] - p_.gravity * x);
    float wayY = pace * (p_.repulsion * force.y + static_cast<float>(pullY) / mass_[id] - p_.gravity * y);
    const float far = std::sqrt(wayX * wayX + wayY * wayY);
    if (far > limit) wayX *= limit / far, wayY *= limit / far;
    next_[2 * id] = x + wayX, next_[2 * id + 1] = y + wayY;
    moved_[id] = std::min(far, limit);
  }

  const Call& call_;
  const LayoutParams p_;
  const LayoutLinks links_;
  const float* mass_;
  std::vector<float> at_, next_, moved_;
  std::vector<uint32_t> cell_;
  const uint32_t width_;
  std::vector<uint32_t> first_, slots_;
  std::vector<LayoutLevel> levels_;
  LayoutNodes nodes_;
  Square square_;
};

}  // namespace

namespace kernels {

void layout(const Call& call) {
  const auto p = call.as<LayoutParams>();
  Layout layout(call, p);
  for (uint32_t i = 0; i < p.from && !call.budget.stopped(); ++i) {
    layout.iterate(p.limit * static_cast<float>(p.from - i) / static_cast<float>(p.from));
    call.budget.step(i + 1, p.from);
  }
  std::copy(layout.positions().begin(), layout.positions().end(), call.view(5));
  *call.view(6) = static_cast<float>(layout.movement());
}

}  // namespace kernels
}  // namespace switchyard::cpu
#endif
