// Scratch is kept for the job and handed out again within it; pieces of rows follow the device's binding limits.
#include "recorder.h"

#include <algorithm>
#include <numeric>

namespace switchyard {
namespace {

// Whether a queue may have to cut the sums themselves: because the driver cuts loops, or binds no longer view.
bool mayBeInParts(const DeviceInfo& info, const Matmul& op) {
  const uint64_t most = info.maxViewBytes / 2, k = op.k;
  return (info.maxLoopTurns && k > info.maxLoopTurns / 8) || k * 4 > most || (op.transposeA && k * op.lda * 4 > most) ||
         (!op.transposeB && k * op.ldb * 4 > most);
}

}  // namespace

Recorder::~Recorder() {
  for (BufferView view : owned_) arena_.free(view);
}

void Recorder::throwIfStopped() const {
  if (stop_.load(std::memory_order_relaxed)) throw Error(Code::Canceled, "the job was canceled while it ran");
}

BufferView Recorder::scratch(uint64_t bytes) {
  auto best = idle_.end();
  for (auto it = idle_.begin(); it != idle_.end(); ++it)
    if (it->size >= bytes && it->size <= 2 * bytes + 4096 && (best == idle_.end() || it->size < best->size)) best = it;
  if (best == idle_.end()) return fresh(bytes);
  BufferView view = *best;
  idle_.erase(best);
  return view.slice(0, bytes);
}

BufferView Recorder::fresh(uint64_t bytes) {
  if (owned_.size() == owned_.capacity()) owned_.reserve(std::max<size_t>(4, 2 * owned_.size()));
  owned_.push_back(arena_.allocate(bytes));
  return owned_.back();
}

uint64_t Recorder::takenBytes() const {
  return std::accumulate(owned_.begin(), owned_.end(), uint64_t{0},
                         [](uint64_t sum, const BufferView& view) { return sum + Arena::sizeOf(view.size); });
}

bool Recorder::owns(BufferView view) const {
  return std::any_of(owned_.begin(), owned_.end(), [&](const BufferView& own) {
    return own.buffer == view.buffer && view.offset >= own.offset && view.offset + view.size <= own.offset + own.size;
  });
}

void Recorder::release(BufferView scratch) {
  for (BufferView view : owned_)
    if (view.buffer == scratch.buffer && view.offset == scratch.offset) {
      idle_.push_back(view);
      return;
    }
}

void Recorder::matmul(const Matmul& op) {
  throwIfStopped();
  if (onCpu()) return queue_.matmul(op);
  if (op.integerA && op.k && !op.rowScales) return matmulOfCodes(op);
  if (device_.info.backend == Backend::Cuda && !op.bits && op.k && op.formatA != op.formatB) return matmulOfMixed(op);
  if (op.formatOut == kFormatFloat32) return queue_.matmul(op);
  if (device_.info.backend == Backend::Cuda) return matmulWithSums(op);
  if (mayBeInParts(device_.info, op)) return matmulInParts(op);
  queue_.matmul(op);
}

// The library takes factors of one format: what is narrower is widened.
void Recorder::matmulOfMixed(const Matmul& op) {
  Matmul product = op;
  std::vector<BufferView> wide;
  const auto widen = [&](BufferView& view, uint32_t& format) {
    if (format == kFormatFloat32) return;
    const uint64_t elements = view.size / 2;
    wide.push_back(scratch(elements * 4));
    cast({view, format}, {wide.back()}, elements);
    view = wide.back(), format = kFormatFloat32;
  };
  widen(product.a, product.formatA);
  widen(product.b, product.formatB);
  matmul(product);
  for (BufferView view : wide) release(view);
}

void Recorder::matmulWithSums(const Matmul& op) {
  const bool inTwoSteps = op.rowScales || (!op.bits && (op.hasEpilogue() || op.formatA == kFormatFloat32));
  if (!op.k || !inTwoSteps) return queue_.matmul(op);
  Matmul product = op;
  if (op.batch > 1) return matmulInParts(op);
  product.sums = scratch(uint64_t{op.m} * op.n * 4);
  queue_.matmul(product);
  release(product.sums);
}

void Recorder::matmulOfCodes(const Matmul& op) {
  const uint64_t d = op.k;
  Matmul product = op;
  BufferView rows = op.a;
  if (op.formatA != kFormatFloat32) {
    rows = scratch(op.m * d * 4);
    cast({op.a, op.formatA}, {rows}, op.m * d);
  }
  product.a = scratch((op.m * d + 3) / 4 * 4), product.rowScales = scratch(uint64_t{op.m} * 4);
  product.formatA = kFormatFloat32;
  forRowPieces(op.m, {d * 4, d, 4}, [&](uint64_t first, uint32_t count) {
    const QuantizeParams p{count, op.k, 8, op.k};
    const uint64_t bytes = (count * d + 3) / 4 * 4;
    const BufferView in = rows.slice(first * d * 4, count * d * 4);
    const BufferView scales = product.rowScales.slice(first * 4, uint64_t{count} * 4);
    launch(Kernel::quantize_scales, count, {in, scales}, p);
    launch(Kernel::quantize_pack, bytes / 4, {in, scales, product.a.slice(first * d, bytes)}, p);
  });
  matmul(product);
  release(product.a);
  release(product.rowScales);
  if (op.formatA != kFormatFloat32) release(rows);
}

// Sums of parts are added up in the output, which takes float32.
void Recorder::matmulInParts(const Matmul& op) {
  const uint64_t elements = uint64_t{op.batch} * op.m * op.n;
  if (op.ldOut != op.n || (op.batch > 1 && op.strideOut != uint64_t{op.m} * op.n))
    throw Error(Code::Internal, "a matrix product of half precision with gaps in its output");
  Matmul product = op;
  product.out = scratch(elements * 4), product.formatOut = kFormatFloat32;
  queue_.matmul(product);
  cast({product.out}, {op.out, op.formatOut}, elements);
  release(product.out);
}

void Recorder::draw(const Picture& picture, std::span<const Draw> draws) {
  throwIfStopped();
  const uint64_t pixels = uint64_t{picture.width} * picture.height;
  // what is drawn onto, and what samples become one in
  uint64_t bytes = pixels * 4 * (picture.samples > 1 ? picture.samples + 1 : 1);
  for (const Draw& draw : draws)
    for (const Texture& texture : draw.textures)
      bytes += uint64_t{texture.width} * texture.height * texture.channels * (texture.isFloat ? 4 : 1);
  if (bytes > arena_.limitBytes())
    throw Error(Code::OutOfMemory,
                "a picture of " + std::to_string(picture.width) + " x " + std::to_string(picture.height) + " with " +
                    std::to_string(picture.samples) + (picture.samples > 1 ? " samples a pixel" : " sample a pixel") +
                    " and its textures take " + std::to_string(bytes) +
                    " bytes on the device, but the context's limit is " + std::to_string(arena_.limitBytes()) +
                    ": raise memoryLimit, draw it smaller" + (picture.samples > 1 ? ", or without antialias" : ""));
  queue_.draw(picture, draws);
}

Recorder::Pieces Recorder::pieces(std::initializer_list<uint64_t> rowSizes) const {
  const uint64_t longest = std::max(rowSizes);
  Pieces pieces{0x7FFFFFFF, 1};  // kernels count in 32 bits
  if (longest)
    pieces.most = std::min(
        {pieces.most, device_.info.maxViewBytes / longest, (uint64_t{1} << 33) / std::max<uint64_t>(longest, 4)});
  for (uint64_t bytes : rowSizes)
    if (bytes)
      pieces.step =
          std::lcm(pieces.step, device_.info.viewAlignment / std::gcd<uint64_t>(bytes, device_.info.viewAlignment));
  return pieces;
}

void Recorder::forRowPieces(uint64_t rows, std::initializer_list<uint64_t> rowSizes, PieceFunction fn,
                            uint64_t mostRows) const {
  const auto [most, step] = pieces(rowSizes);
  if (rows <= std::min(most, mostRows)) {
    if (rows) fn(0, static_cast<uint32_t>(rows));
    return;
  }
  uint64_t piece = std::min(most, std::max(mostRows, step)) / step * step;
  if (!piece)
    throw Error(Code::Unsupported, "a row of " + std::to_string(std::max(rowSizes)) + " bytes can't be bound by " +
                                       device_.info.id + ", whose longest binding is " +
                                       std::to_string(device_.info.maxViewBytes) + " bytes: use another device");
  for (uint64_t first = 0; first < rows; first += piece) {
    throwIfStopped();
    fn(first, static_cast<uint32_t>(std::min(piece, rows - first)));
  }
}

void Recorder::requireBindable(uint64_t bytes, const char* what) const {
  if (bytes > device_.info.maxViewBytes)
    throw Error(Code::Unsupported, std::string(what) + " takes " + std::to_string(bytes) +
                                       " bytes, but the longest binding of " + device_.info.id + " is " +
                                       std::to_string(device_.info.maxViewBytes) + " bytes: use another device");
}

BufferView Recorder::aligned(BufferView view) {
  if (view.offset % device_.info.viewAlignment == 0) return view;
  BufferView copied = scratch(view.size);
  copy(copied, view);
  return copied;
}

void Recorder::cast(Elements from, Elements to, uint64_t elements) {
  // Pieces of pairs: a word where they are halves, two where they are not.
  forRowPieces((elements + 1) / 2, {2 * from.bytes(), 2 * to.bytes()}, [&](uint64_t pair, uint32_t pairs) {
    const uint64_t first = pair * 2, left = std::min<uint64_t>(uint64_t{pairs} * 2, elements - first);
    launch(Kernel::cast, pairs, {from.slice(first, left), to.slice(first, left)},
           CastParams{static_cast<uint32_t>(left), formatsOf({from, to})});
  });
}

Elements Recorder::target(const Value& output, uint64_t d) {
  const Elements itself = elements(output);
  if (itself.format == kFormatFloat32 || onCpu() || d % 4 == 0) return itself;
  return {scratch(output.spec.elements() * 4), kFormatFloat32};
}

void Recorder::finish(const Value& output, Elements target) {
  const Elements itself = elements(output);
  if (target.format == itself.format) return;
  cast(target, itself, output.spec.elements());
  release(target.view);
}

BufferView Recorder::floats(const Value& value) {
  if (!isHalf(value.spec.dtype)) return value.view;
  uint64_t count = value.spec.elements();
  BufferView wide = scratch(count * 4);
  if (count) cast(elements(value), {wide}, count);
  return wide;
}

BufferView Recorder::floatTarget(const Value& output) {
  return isHalf(output.spec.dtype) ? scratch(output.spec.elements() * 4) : output.view;
}

void Recorder::finishTarget(const Value& output, BufferView target) { finish(output, {target}); }

}  // namespace switchyard
