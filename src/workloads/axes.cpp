// transpose, slice, concat and cast: elements moved, and not computed with.
#include <algorithm>

#include "workloads/common.h"

namespace switchyard {
namespace {

constexpr uint32_t kAll = (1u << kDTypeCount) - 1;

// The axes of an output, the innermost first, each with its stride in the input; in units of so many bytes.
struct Axes {
  std::array<uint64_t, Shape::kMaxRank> size{}, stride{};
  size_t rank = 0;
  uint64_t base = 0, unit = 0;

  void add(uint64_t extent, uint64_t apart) {
    if (extent == 1) return;
    if (rank && apart == stride[rank - 1] * size[rank - 1]) {  // it goes on where the last one ended
      size[rank - 1] *= extent;
      return;
    }
    size[rank] = extent;
    stride[rank++] = apart;
  }
  uint64_t count() const {
    uint64_t product = 1;
    for (size_t axis = 0; axis < rank; ++axis) product *= size[axis];
    return product;
  }
};

// The same in units of twice as many bytes, where that is possible.
bool widen(Axes& axes) {
  if (axes.rank == 0 || axes.stride[0] != 1 || axes.size[0] % 2 || axes.base % 2) return false;
  for (size_t axis = 1; axis < axes.rank; ++axis)
    if (axes.stride[axis] % 2) return false;
  axes.unit *= 2;
  axes.base /= 2;
  axes.size[0] /= 2;
  for (size_t axis = 1; axis < axes.rank; ++axis) axes.stride[axis] /= 2;
  return true;
}

// In the widest units that kernels move.
Axes widest(Axes axes) {
  Axes best = axes;
  while (axes.unit < 16 && widen(axes))
    if (axes.unit != 8) best = axes;
  if (best.rank == 0 || (best.size[0] == 1 && best.rank > 1)) {
    for (size_t axis = 1; axis < best.rank; ++axis) {
      best.size[axis - 1] = best.size[axis];
      best.stride[axis - 1] = best.stride[axis];
    }
    if (best.rank)
      --best.rank;
    else
      best.size[best.rank++] = 1;  // one unit
  }
  return best;
}

RearrangeParams paramsOf(const Axes& axes, uint64_t count, uint64_t base) {
  const auto size = [&](size_t axis) { return static_cast<uint32_t>(axes.size[axis]); };
  const auto stride = [&](size_t axis) { return static_cast<uint32_t>(axes.stride[axis]); };
  return {static_cast<uint32_t>(count),
          static_cast<uint32_t>(axes.unit),
          static_cast<uint32_t>(axes.rank),
          static_cast<uint32_t>(base),
          size(0),
          size(1),
          size(2),
          size(3),
          size(4),
          size(5),
          size(6),
          size(7),
          stride(0),
          stride(1),
          stride(2),
          stride(3),
          stride(4),
          stride(5),
          stride(6),
          stride(7)};
}

// One item of a kernel of units writes a word at least.
uint64_t itemsOf(uint64_t units, uint64_t unit) { return unit < 4 ? (units * unit + 3) / 4 : units; }

constexpr uint64_t kMostUnits = 0x7FFFFFFF;  // kernels count in 32 bits

// Cut along the outermost axis; each piece is given the stretch of the input that it reads.
void recordRearrange(Recorder& r, const Value& input, const Value& output, const Axes& narrow) {
  Axes axes = widest(narrow);
  const size_t outer = axes.rank - 1;
  const uint64_t rows = axes.size[outer], apart = axes.stride[outer], unit = axes.unit;
  const uint64_t rowUnits = axes.count() / rows, viewStep = std::max<uint64_t>(r.device().viewAlignment, 16);
  uint64_t reach = 1;  // units that one step of the outermost axis reads
  for (size_t axis = 0; axis < outer; ++axis) reach += (axes.size[axis] - 1) * axes.stride[axis];
  const uint64_t most = std::min(kMostUnits, (r.device().maxViewBytes - viewStep) / unit);
  const auto refuseBytes = [&](uint64_t bytes) {
    throw Error(Code::Unsupported, "a part that can't be cut takes " + std::to_string(bytes) + " bytes, but at most " +
                                       std::to_string(most * unit) + " can be moved at once on " + r.device().id +
                                       ": move less at a time");
  };
  if (reach > most) refuseBytes(reach * unit);
  const uint64_t mostRows = apart ? (most - reach) / apart + 1 : kMostUnits;
  r.forRowPieces(
      rows, {rowUnits * unit, rowUnits * 4},
      [&](uint64_t first, uint32_t count) {
        if (count > mostRows) refuseBytes(((count - 1) * apart + reach) * unit);  // it begins where views may
        const uint64_t from = (axes.base + first * apart) * unit, aligned = from / viewStep * viewStep;
        const uint64_t end = from + ((count - 1) * apart + reach) * unit;
        axes.size[outer] = count;
        r.launch(Kernel::rearrange, itemsOf(count * rowUnits, unit),
                 {input.view.slice(aligned, end - aligned),
                  output.view.slice(first * rowUnits * unit, count * rowUnits * unit)},
                 paramsOf(axes, count * rowUnits, (from - aligned) / unit));
      },
      mostRows);
}

// Of a row-major tensor, each axis' stride.
std::array<uint64_t, Shape::kMaxRank> stridesOf(const Shape& shape) {
  std::array<uint64_t, Shape::kMaxRank> strides{};
  uint64_t next = 1;
  for (size_t axis = shape.rank(); axis-- > 0; next *= shape[axis]) strides[axis] = next;
  return strides;
}

}  // namespace

void recordMove(Recorder& r, const Value& input, const Value& output) {
  if (input.spec.bytes() % 4 == 0) return r.copy(output.view, input.view);
  Axes axes{.unit = dtypeBytes(input.spec.dtype)};
  axes.add(input.spec.elements(), 1);
  recordRearrange(r, input, output, axes);
}

namespace {

ParamInfo listParam(const char* name) {
  return {.name = name, .kind = ParamInfo::Kind::List, .fallback = kNotGiven, .min = 0, .max = 0x1p53};
}

// A list that was given has an entry for each axis.
void requireEntries(const Workload& workload, const Shape& list, const char* name, const Shape& shape) {
  if (list.rank() && list.rank() != shape.rank())
    refuse(workload,
           std::string("parameter '") + name + "' has " + std::to_string(list.rank()) +
               (list.rank() == 1 ? " entry" : " entries") + ", but 'input' has " + std::to_string(shape.rank()) +
               (shape.rank() == 1 ? " axis" : " axes"),
           std::string("params.") + name);
}

class Transpose final : public Workload {
 public:
  Transpose()
      : Workload({"transpose", WorkKind::Vector, kNotJoined, {{"input", kAll}}, {listParam("axes")}, {"output"}}) {}

  Cost check(Call& call) const override {
    const Shape &in = call.shape(0), axes = axesOf(call);
    requireEntries(*this, axes, "axes", in);
    uint32_t seen = 0;
    Shape out;
    for (uint64_t axis : axes) {
      if (axis >= in.rank() || seen >> axis & 1)
        refuse(*this,
               "parameter 'axes' is " + axes.text() + ", but must name each axis of 'input', 0 to " +
                   std::to_string(in.rank() - 1) + ", once",
               "params.axes");
      seen |= 1u << axis;
      out.push(in[axis]);
    }
    call.outputCount = 1;
    call.outputs[0].spec = {call.inputs[0].spec.dtype, out};
    return {static_cast<double>(call.inputs[0].spec.elements()), bytesMoved(call)};
  }

  Task record(Recorder& r, const Call& call) const override {
    const Shape &in = call.shape(0), axes = axesOf(call);
    const auto strides = stridesOf(in);
    Axes moved{.unit = dtypeBytes(call.inputs[0].spec.dtype)};
    for (size_t i = axes.rank(); i-- > 0;) moved.add(in[axes[i]], strides[axes[i]]);
    recordRearrange(r, call.inputs[0], call.outputs[0], moved);
    co_return;
  }

 private:
  // Left out: the other way round.
  static Shape axesOf(const Call& call) {
    Shape axes = call.list(0);
    if (axes.rank() == 0)
      for (size_t axis = call.shape(0).rank(); axis-- > 0;) axes.push(axis);
    return axes;
  }
};

class Slice final : public Workload {
 public:
  Slice()
      : Workload({"slice",
                  WorkKind::Vector,
                  kNotJoined,
                  {{"input", kAll}},
                  {listParam("start"), listParam("size")},
                  {"output"}}) {}

  Cost check(Call& call) const override {
    const Shape &in = call.shape(0), start = startOf(call), given = call.list(Shape::kMaxRank);
    requireEntries(*this, start, "start", in);
    requireEntries(*this, given, "size", in);
    Shape out;
    for (size_t axis = 0; axis < in.rank(); ++axis) {
      if (start[axis] > in[axis])
        refuse(*this,
               "parameter 'start' is " + start.text() + ", but axis " + std::to_string(axis) + " of 'input' has " +
                   std::to_string(in[axis]) + " entries",
               "params.start");
      const uint64_t rest = in[axis] - start[axis], size = given.rank() ? given[axis] : rest;
      if (size > rest)
        refuse(*this,
               "parameter 'size' is " + given.text() + ", but axis " + std::to_string(axis) + " of 'input' has " +
                   std::to_string(rest) + " entries from " + std::to_string(start[axis]) + " on",
               "params.size");
      out.push(size);
    }
    call.outputCount = 1;
    call.outputs[0].spec = {call.inputs[0].spec.dtype, out};
    return {static_cast<double>(call.outputs[0].spec.elements()),
            2.0 * static_cast<double>(call.outputs[0].spec.bytes())};
  }

  Task record(Recorder& r, const Call& call) const override {
    const Shape start = startOf(call), &out = call.outputs[0].spec.shape;
    const auto strides = stridesOf(call.shape(0));
    Axes moved{.unit = dtypeBytes(call.inputs[0].spec.dtype)};
    for (size_t axis = out.rank(); axis-- > 0;) {
      moved.base += start[axis] * strides[axis];
      moved.add(out[axis], strides[axis]);
    }
    recordRearrange(r, call.inputs[0], call.outputs[0], moved);
    co_return;
  }

 private:
  // Left out: the beginning.
  static Shape startOf(const Call& call) {
    Shape start = call.list(0);
    if (start.rank() == 0)
      for (size_t axis = 0; axis < call.shape(0).rank(); ++axis) start.push(0);
    return start;
  }
};

class Concat final : public Workload {
 public:
  Concat()
      : Workload({"concat",
                  WorkKind::Vector,
                  kNotJoined,
                  {{"a", kAll}, {"b", kAll}},
                  {{.name = "axis", .kind = ParamInfo::Kind::Integer, .min = 0, .max = Shape::kMaxRank - 1}},
                  {"output"}}) {}

  Cost check(Call& call) const override {
    requireRankAtLeast(*this, call, 0, 1);
    const Shape &a = call.shape(0), &b = call.shape(1);
    const size_t axis = call.integer(0);
    if (axis >= a.rank())
      refuse(*this,
             "parameter 'axis' is " + std::to_string(axis) + ", but the axes of 'a' are 0 to " +
                 std::to_string(a.rank() - 1),
             "params.axis");
    if (call.inputs[0].spec.dtype != call.inputs[1].spec.dtype)
      refuse(*this,
             std::string("input 'b' is ") + dtypeName(call.inputs[1].spec.dtype) + ", but must be " +
                 dtypeName(call.inputs[0].spec.dtype) + ", as 'a' is",
             "inputs.b");
    Shape out = a;
    bool fits = a.rank() == b.rank();
    for (size_t i = 0; fits && i < a.rank(); ++i) fits = i == axis || a[i] == b[i];
    if (!fits)
      refuse(*this,
             "the shape of 'b' is " + b.text() + ", but must be that of 'a', " + a.text() + ", but for axis " +
                 std::to_string(axis),
             "inputs.b");
    out[axis] += b[axis];
    call.outputCount = 1;
    call.outputs[0].spec = {call.inputs[0].spec.dtype, out};
    return {static_cast<double>(call.outputs[0].spec.elements()), bytesMoved(call)};
  }

  Task record(Recorder& r, const Call& call) const override {
    const Value &a = call.inputs[0], &b = call.inputs[1], &out = call.outputs[0];
    const uint64_t rows = elementCount(a.spec.shape.leading(call.integer(0)));
    const uint64_t aBytes = a.spec.bytes() / rows, bBytes = b.spec.bytes() / rows, bytes = aBytes + bBytes;
    if (aBytes == 0 || bBytes == 0) {
      recordMove(r, aBytes ? a : b, out);
      co_return;
    }
    if (rows == 1 && aBytes % 4 == 0 && bBytes % 4 == 0) {
      r.copy(out.view.slice(0, aBytes), a.view);
      r.copy(out.view.slice(aBytes, bBytes), b.view);
      co_return;
    }
    uint64_t unit = 16;
    while (aBytes % unit || bBytes % unit) unit = unit == 16 ? 4 : unit / 2;
    r.forRowPieces(rows, {aBytes, bBytes, bytes, bytes / unit * 4}, [&](uint64_t first, uint32_t count) {
      const uint64_t units = count * (bytes / unit);
      r.launch(Kernel::concat, itemsOf(units, unit),
               {a.view.slice(first * aBytes, count * aBytes), b.view.slice(first * bBytes, count * bBytes),
                out.view.slice(first * bytes, count * bytes)},
               ConcatParams{static_cast<uint32_t>(units), static_cast<uint32_t>(unit),
                            static_cast<uint32_t>(aBytes / unit), static_cast<uint32_t>(bBytes / unit)});
    });
  }
};

std::vector<const char*> dtypeNames() {
  std::vector<const char*> names;
  for (const DTypeInfo& dtype : kDTypes) names.push_back(dtype.name);
  return names;
}

static_assert(static_cast<int>(DType::Int32) == kElementInt32 && static_cast<int>(DType::Uint32) == kElementUint32 &&
              static_cast<int>(DType::Int8) == kElementInt8 && static_cast<int>(DType::Uint8) == kElementUint8 &&
              static_cast<int>(DType::Float16) == kFormatFloat16 &&
              static_cast<int>(DType::Bfloat16) == kFormatBfloat16);

class Cast final : public Workload {
 public:
  Cast()
      : Workload({"cast",
                  WorkKind::Vector,
                  kNotJoined,
                  {{"input", kAll}},
                  {{.name = "dtype",
                    .kind = ParamInfo::Kind::Choice,
                    .choices = dtypeNames(),
                    .min = 0,
                    .max = kDTypeCount - 1}},
                  {"output"}}) {}

  Cost check(Call& call) const override {
    call.outputCount = 1;
    call.outputs[0].spec = {static_cast<DType>(call.integer(0)), call.shape(0)};
    return {static_cast<double>(call.inputs[0].spec.elements()), bytesMoved(call)};
  }

  Task record(Recorder& r, const Call& call) const override {
    const Value &in = call.inputs[0], &out = call.outputs[0];
    const uint64_t elements = in.spec.elements();
    const auto floating = [](const Value& value) { return (dtypeBit(value.spec.dtype) & kFloating) != 0; };
    if (in.spec.dtype == out.spec.dtype) {
      recordMove(r, in, out);
    } else if (floating(in) && floating(out)) {
      r.cast(r.elements(in), r.elements(out), elements);
    } else {
      const uint64_t from = dtypeBytes(in.spec.dtype), to = dtypeBytes(out.spec.dtype);
      r.forRowPieces((elements + 3) / 4, {4 * from, 4 * to, 16}, [&](uint64_t four, uint32_t fours) {
        const uint64_t first = four * 4, n = std::min<uint64_t>(uint64_t{fours} * 4, elements - first);
        r.launch(Kernel::convert, fours, {in.view.slice(first * from, n * from), out.view.slice(first * to, n * to)},
                 ConvertParams{static_cast<uint32_t>(n), static_cast<uint32_t>(in.spec.dtype),
                               static_cast<uint32_t>(out.spec.dtype)});
      });
    }
    co_return;
  }
};

}  // namespace

const Workload& transposeWorkload() {
  static const Transpose w;
  return w;
}
const Workload& sliceWorkload() {
  static const Slice w;
  return w;
}
const Workload& concatWorkload() {
  static const Concat w;
  return w;
}
const Workload& castWorkload() {
  static const Cast w;
  return w;
}

}  // namespace switchyard
