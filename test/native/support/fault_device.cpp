// Passes everything on, through the hook.
#include "fault_device.h"

#include <string>

namespace switchyard::test {
namespace {

class FaultQueue final : public Queue {
 public:
  FaultQueue(std::unique_ptr<Queue> inner, FaultDevice& device) : inner_(std::move(inner)), device_(device) {}
  void upload(BufferView dst, std::span<const std::byte> src) override {
    device_.at({Point::Upload});
    inner_->upload(dst, src);
  }
  void download(std::span<std::byte> dst, BufferView src) override {
    device_.at({Point::Download});
    inner_->download(dst, src);
  }
  void copy(BufferView dst, BufferView src) override { inner_->copy(dst, src); }
  void copyFrom(BufferView dst, BufferView src) override {
    device_.at({Point::CopyFrom});
    inner_->copyFrom(dst, src);
  }
  void fill(BufferView dst, uint32_t word) override { inner_->fill(dst, word); }
  void launch(Kernel kernel, uint64_t count, std::span<const BufferView> views,
              std::span<const std::byte> params) override {
    device_.at({Point::Launch, kernel});
    inner_->launch(kernel, count, views, params);
  }
  void matmul(const Matmul& op) override {
    device_.at({Point::Matmul});
    inner_->matmul(op);
  }
  void launch(const std::shared_ptr<const Program>& program, Extent groups, std::span<const ProgramView> views,
              std::span<const std::byte> params) override {
    device_.at({Point::Launch});
    inner_->launch(program, groups, views, params);
  }
  void draw(const Picture& picture, std::span<const Draw> draws) override {
    device_.at({Point::Draw});
    inner_->draw(picture, draws);
  }
  void submit(Completion done) override {
    device_.at({Point::Submit});
    inner_->submit([this, done = std::move(done)](std::exception_ptr error, const QueueTimings& timings) {
      try {
        device_.at({Point::Wait});
      } catch (...) {
        error = std::current_exception();
      }
      done(error, timings);
    });
  }
  void discard() noexcept override { inner_->discard(); }
  void setMayWait(bool mayWait) override { inner_->setMayWait(mayWait); }
  void setMayTakeLong(bool mayTakeLong) override { inner_->setMayTakeLong(mayTakeLong); }
  void setLongest(std::chrono::milliseconds longest) override {
    device_.longest = longest;
    inner_->setLongest(longest);
  }
  void beginIndependent() override { inner_->beginIndependent(); }
  void setStopFlag(const std::atomic<bool>* flag) override { inner_->setStopFlag(flag); }
  void setProgress(Progress* progress) override { inner_->setProgress(progress); }

 private:
  const std::unique_ptr<Queue> inner_;
  FaultDevice& device_;
};

}  // namespace

FaultDevice::FaultDevice(std::shared_ptr<Device> inner) : Device(inner->info), inner_(std::move(inner)) {}

std::unique_ptr<Buffer> FaultDevice::allocate(size_t bytes) {
  at({Point::Allocate});
  return inner_->allocate(bytes);
}

std::shared_ptr<const Program> FaultDevice::compile(std::shared_ptr<const ProgramModule> module) {
  at({Point::Compile});
  return inner_->compile(std::move(module));
}

std::unique_ptr<Queue> FaultDevice::createQueue(const QueueOptions& options) {
  at({Point::CreateQueue});
  return std::make_unique<FaultQueue>(inner_->createQueue(options), *this);
}

void FaultDevice::setHook(Hook hook) {
  std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
}

void FaultDevice::failAt(Point point, Code code, int nth, int times) {
  auto seen = std::make_shared<std::atomic<int>>(0);
  setHook([=, this](const Event& event) {
    if (event.point != point) return;
    int count = seen->fetch_add(1);
    if (count < nth || count >= nth + times) return;
    {
      std::lock_guard lock(mutex_);
      ++fired_;
    }
    throw Error(code, "a fault on purpose");
  });
}

int FaultDevice::fired() const {
  std::lock_guard lock(mutex_);
  return fired_;
}

void FaultDevice::at(const Event& event) {
  Hook hook;
  {
    std::lock_guard lock(mutex_);
    hook = hook_;
  }
  if (hook) hook(event);
}

}  // namespace switchyard::test
