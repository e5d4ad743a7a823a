// Shadows of the bound buffers, and the contract of a launch.
#include "guard_device.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <string>

#include "params.h"
#include "program/module.h"

namespace switchyard::test {
namespace {

std::atomic<uint64_t> watched{0};
constexpr size_t kMaxShadow = 2 << 20;       // larger buffers are not watched ...
constexpr size_t kShadowBudget = 256 << 20;  // ... nor are launches past this in one submission

struct Contract {
  const char* name;
  size_t buffers, outputs, paramBytes;
  bool onGpu, onCpu;
};

constexpr bool All(bool) { return true; }
constexpr bool Gpu(bool gpu) { return gpu; }
constexpr bool Cpu(bool gpu) { return !gpu; }

const Contract& contractOf(Kernel kernel) {
  static const Contract table[] = {
#define KERNEL(name, unit, buffers, outputs, params, where) \
  {#name, buffers, outputs, sizeof(params), where(true), where(false)},
#include "kernels.def"
#undef KERNEL
  };
  return table[static_cast<int>(kernel)];
}

[[noreturn]] void violated(const std::string& text) { throw Error(Code::Internal, "contract: " + text); }

struct Shadow {
  std::string command;
  Buffer* buffer;
  std::vector<BufferView> writable;  // in this buffer
  std::vector<std::byte> before, after;

  std::string judge() const {
    for (size_t i = 0; i < before.size(); ++i) {
      if (before[i] == after[i]) continue;
      bool allowed = std::any_of(writable.begin(), writable.end(),
                                 [&](const BufferView& v) { return i >= v.offset && i < v.offset + v.size; });
      if (!allowed)
        return command + " wrote byte " + std::to_string(i) + " of a buffer of " + std::to_string(before.size()) +
               ", which is not in its outputs";
    }
    return "";
  }
};

class GuardQueue final : public Queue {
 public:
  GuardQueue(std::unique_ptr<Queue> inner, const DeviceInfo& info) : inner_(std::move(inner)), info_(info) {}

  void upload(BufferView dst, std::span<const std::byte> src) override {
    checkView("upload", dst);
    if (src.size() != dst.size)
      violated("an upload of " + std::to_string(src.size()) + " bytes into a view of " + std::to_string(dst.size));
    inner_->upload(dst, src);
  }
  void download(std::span<std::byte> dst, BufferView src) override {
    checkView("download", src);
    if (src.size != dst.size()) violated("a download of unequal sizes");
    inner_->download(dst, src);
  }
  void copy(BufferView dst, BufferView src) override {
    checkView("copy", dst);
    checkView("copy", src);
    if (dst.size != src.size || dst.size % 4)
      violated("a copy of " + std::to_string(src.size) + " bytes into " + std::to_string(dst.size));
    inner_->copy(dst, src);
  }
  void fill(BufferView dst, uint32_t word) override {
    checkView("fill", dst);
    if (dst.size % 4) violated("a fill of " + std::to_string(dst.size) + " bytes");
    inner_->fill(dst, word);
  }

  void launch(Kernel kernel, uint64_t count, std::span<const BufferView> views,
              std::span<const std::byte> params) override {
    const Contract& contract = contractOf(kernel);
    std::string name = contract.name;
    if (views.size() != contract.buffers)
      violated(name + " takes " + std::to_string(contract.buffers) + " buffers, but got " +
               std::to_string(views.size()));
    if (params.size() != contract.paramBytes)
      violated(name + " got parameters of " + std::to_string(params.size()) + " bytes");
    if (!(info_.backend == Backend::Cpu ? contract.onCpu : contract.onGpu)) violated(name + " is not for this backend");
    if (count == 0) violated(name + " was launched with a count of 0");
    for (const BufferView& view : views) {
      checkView(name, view);
      if (view.size > info_.maxViewBytes) violated(name + " binds " + std::to_string(view.size) + " bytes");
      if (info_.backend != Backend::Cpu && view.offset % info_.viewAlignment)
        violated(name + " binds a view at offset " + std::to_string(view.offset));
    }
    std::vector<size_t> shadows = shadow(name, views, views.last(contract.outputs));
    inner_->launch(kernel, count, views, params);
    finish(shadows);
  }

  void matmul(const Matmul& op) override {
    if (!op.m || !op.n || !op.batch) violated("an empty matmul");
    if (!op.out) violated("a matmul without an output");
    checkView("matmul", op.out);
    std::vector<BufferView> views;
    for (BufferView view : {op.a, op.b, op.scales, op.bias, op.residual, op.rowScales, op.sums, op.out})
      if (view) views.push_back(view);
    uint64_t last = op.strideOut * (op.batch - 1) + uint64_t{op.ldOut} * (op.m - 1) + op.n;
    if (last * (op.formatOut == kFormatFloat32 ? 4 : 2) > op.out.size)
      violated("a matmul of which the output is larger than its view");
    std::vector<size_t> shadows = shadow("matmul", views, std::array{op.out, op.sums});
    inner_->matmul(op);
    finish(shadows);
  }

  void launch(const std::shared_ptr<const Program>& program, Extent groups, std::span<const ProgramView> views,
              std::span<const std::byte> params) override {
    const ProgramInfo& info = program->module->info;
    if (views.size() != info.bindings.size())
      violated(info.name + " takes " + std::to_string(info.bindings.size()) + " buffers");
    if (params.size() != info.paramBytes)
      violated(info.name + " got parameters of " + std::to_string(params.size()) + " bytes");
    std::vector<BufferView> all, writable;
    for (const ProgramView& view : views) {
      checkView(info.name, view.view);
      all.push_back(view.view);
      if (view.written) writable.push_back(view.view);
    }
    std::vector<size_t> shadows = shadow(info.name, all, writable);
    inner_->launch(program, groups, views, params);
    finish(shadows);
  }
  void draw(const Picture& picture, std::span<const Draw> draws) override {
    checkView("a picture", picture.out);
    if (picture.out.size != uint64_t{4} * picture.width * picture.height)
      violated("a picture of a size other than its view's");
    std::vector<size_t> shadows = shadow("a picture", std::span(&picture.out, 1), std::span(&picture.out, 1));
    inner_->draw(picture, draws);
    finish(shadows);
  }

  void submit(Completion done) override {
    auto shadows = std::make_shared<std::vector<std::unique_ptr<Shadow>>>(std::move(shadows_));
    shadows_.clear();
    shadowBytes_ = 0;
    inner_->submit([shadows, done = std::move(done)](std::exception_ptr error, const QueueTimings& timings) {
      if (!error)
        for (auto& shadow : *shadows)
          if (std::string wrong = shadow->judge(); !wrong.empty()) {
            error = std::make_exception_ptr(Error(Code::Internal, wrong));
            break;
          }
      done(error, timings);
    });
  }
  void setMayWait(bool mayWait) override { inner_->setMayWait(mayWait); }
  void setMayTakeLong(bool mayTakeLong) override { inner_->setMayTakeLong(mayTakeLong); }
  void setLongest(std::chrono::milliseconds longest) override { inner_->setLongest(longest); }
  void discard() noexcept override {
    inner_->discard();
    shadows_.clear();
    shadowBytes_ = 0;
  }
  void beginIndependent() override { inner_->beginIndependent(); }
  void setStopFlag(const std::atomic<bool>* flag) override { inner_->setStopFlag(flag); }
  void setProgress(Progress* progress) override { inner_->setProgress(progress); }

 private:
  static void checkView(const std::string& what, const BufferView& view) {
    if (!view) violated(what + " with a view of no buffer");
    uint64_t end = (view.buffer->size + 3) / 4 * 4;  // the last word of a ragged end
    if (view.offset > end || view.size > end - view.offset) violated(what + " past the end of a buffer");
  }

  std::vector<size_t> shadow(const std::string& command, std::span<const BufferView> bound,
                             std::span<const BufferView> writable) {
    std::vector<size_t> made;
    for (const BufferView& view : bound) {
      bool seen = std::any_of(made.begin(), made.end(), [&](size_t i) { return shadows_[i]->buffer == view.buffer; });
      size_t bytes = view.buffer->size / 4 * 4;
      if (seen || bytes == 0 || bytes > kMaxShadow || shadowBytes_ + 2 * bytes > kShadowBudget) continue;
      shadowBytes_ += 2 * bytes;
      auto next = std::make_unique<Shadow>();
      next->command = command;
      next->buffer = view.buffer;
      for (BufferView out : writable) {
        if (out.buffer != view.buffer) continue;
        // a GPU writes the last high half of a cast, too
        if (info_.backend != Backend::Cpu) out.size = (out.size + 3) / 4 * 4;
        next->writable.push_back(out);
      }
      next->before.resize(bytes);
      next->after.resize(bytes);
      inner_->download(next->before, {view.buffer, 0, bytes});
      made.push_back(shadows_.size());
      shadows_.push_back(std::move(next));
    }
    if (!made.empty()) ++watched;
    return made;
  }
  void finish(const std::vector<size_t>& made) {
    for (size_t i : made) inner_->download(shadows_[i]->after, {shadows_[i]->buffer, 0, shadows_[i]->after.size()});
  }

  const std::unique_ptr<Queue> inner_;
  const DeviceInfo info_;
  std::vector<std::unique_ptr<Shadow>> shadows_;
  size_t shadowBytes_ = 0;
};

}  // namespace

GuardDevice::GuardDevice(std::shared_ptr<Device> inner) : Device(inner->info), inner_(std::move(inner)) {}

std::unique_ptr<Buffer> GuardDevice::allocate(size_t bytes) { return inner_->allocate(bytes); }

std::unique_ptr<Queue> GuardDevice::createQueue(const QueueOptions& options) {
  return std::make_unique<GuardQueue>(inner_->createQueue(options), info);
}

uint64_t guardedCommands() { return watched.load(); }

}  // namespace switchyard::test
