// Passes everything on, and lets happen what is ordered.
#include "faults/injected_device.h"

#include <chrono>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

#include "faults/fault_plan.h"
#include "lost_devices.h"

namespace switchyard::faults {
namespace {

// What a device and its queues share; a completion may be the last to hold it.
struct State {
  const DeviceInfo info;
  std::atomic<bool> lost{false};

  explicit State(DeviceInfo info) : info(std::move(info)) {}
  void throwIfLost() const {
    if (!lost) return;
    if (const auto forGood = lostForGood(info.id)) throw *forGood;
    throw Error(Code::DeviceLost, "the device " + info.id + " was lost: a fault on purpose");
  }
  void happen(Fault fault) {
    switch (fault) {
      case Fault::Abort: std::abort();
      case Fault::Segv: {
        volatile int* volatile nowhere = nullptr;
        *nowhere = 1;
        std::abort();  // not reached
      }
      case Fault::Lost: lost = true; return throwIfLost();
      case Fault::Dead:
        loseForGood(info.id, "a fault on purpose");
        lost = true;
        return throwIfLost();
      case Fault::Oom: throw Error(Code::OutOfMemory, "no memory on " + info.id + ": a fault on purpose");
      case Fault::Hang:
        for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
      case Fault::Throw: throw std::runtime_error("a fault on purpose");
    }
  }
  void reach(Place place) {
    if (auto fault = pass(place, info)) happen(*fault);
  }
  void reachClose() noexcept {
    try {
      reach(Place::Close);
    } catch (...) {}
  }
};

// What the calling thread records: a job's commands and its host memory come from one thread, up to submit() or
// discard().
struct Recording {
  bool uploaded = false, launched = false;  // by this job
  bool hasResults = false;
  std::optional<Fault> atCompletion;

  void reach(State& state, Place place, bool& done) {
    state.throwIfLost();
    if (std::exchange(done, true)) return;
    auto fault = pass(place, state.info);
    bool late =
        state.info.backend != Backend::Cpu && (fault == Fault::Lost || fault == Fault::Dead || fault == Fault::Hang);
    if (late)
      atCompletion = fault;
    else if (fault)
      state.happen(*fault);
  }
  void upload(State& state) { reach(state, Place::Upload, uploaded); }
  void launch(State& state) {
    hasResults = true;
    reach(state, Place::Launch, launched);
  }
  void nextJob() { uploaded = launched = false; }
};
thread_local Recording recording;

// What is to go wrong at the completion of a recording that another thread makes anew.
struct HandedOver {
  std::mutex mutex;
  std::optional<Fault> atCompletion;
};

class InjectedQueue final : public Queue {
 public:
  InjectedQueue(std::unique_ptr<Queue> inner, std::shared_ptr<State> state)
      : inner_(std::move(inner)), state_(std::move(state)) {}
  ~InjectedQueue() override { state_->reachClose(); }

  void upload(BufferView dst, std::span<const std::byte> src) override {
    recording.upload(*state_);
    toInner([&] { inner_->upload(dst, src); });
  }
  void download(std::span<std::byte> dst, BufferView src) override {
    state_->throwIfLost();
    recording.hasResults = true;
    toInner([&] { inner_->download(dst, src); });
  }
  void copy(BufferView dst, BufferView src) override {
    toInner([&] { inner_->copy(dst, src); });
  }
  void fill(BufferView dst, uint32_t word) override {
    toInner([&] { inner_->fill(dst, word); });
  }
  void launch(Kernel kernel, uint64_t count, std::span<const BufferView> views,
              std::span<const std::byte> params) override {
    recording.launch(*state_);
    toInner([&] { inner_->launch(kernel, count, views, params); });
  }
  void matmul(const Matmul& op) override {
    recording.launch(*state_);
    toInner([&] { inner_->matmul(op); });
  }
  void launch(const std::shared_ptr<const Program>& program, Extent groups, std::span<const ProgramView> views,
              std::span<const std::byte> params) override {
    recording.launch(*state_);
    toInner([&] { inner_->launch(program, groups, views, params); });
  }
  void draw(const Picture& picture, std::span<const Draw> draws) override {
    recording.launch(*state_);
    toInner([&] { inner_->draw(picture, draws); });
  }

  void submit(Completion done) override {
    Recording submitted = std::exchange(recording, {});
    if (!submitted.atCompletion) {
      std::lock_guard lock(handedOver_.mutex);
      submitted.atCompletion = std::exchange(handedOver_.atCompletion, std::nullopt);
    }
    inner_->submit(
        [state = state_, submitted, done = std::move(done)](std::exception_ptr error, const QueueTimings& timings) {
          try {
            state->throwIfLost();
            if (submitted.atCompletion) state->happen(*submitted.atCompletion);
            if (submitted.hasResults && !error) state->reach(Place::Readback);
          } catch (...) {
            error = std::current_exception();
          }
          done(error, timings);
        });
  }
  void setMayWait(bool mayWait) override { inner_->setMayWait(mayWait); }
  void setMayTakeLong(bool mayTakeLong) override { inner_->setMayTakeLong(mayTakeLong); }
  void setLongest(std::chrono::milliseconds longest) override { inner_->setLongest(longest); }
  void discard() noexcept override {
    recording = {};
    inner_->discard();
  }
  void beginIndependent() override {
    recording.nextJob();
    inner_->beginIndependent();
  }
  void setStopFlag(const std::atomic<bool>* flag) override { inner_->setStopFlag(flag); }
  void setProgress(Progress* progress) override { inner_->setProgress(progress); }

 private:
  template <class Call>
  void toInner(const Call& call) {
    try {
      call();
    } catch (const MustWait&) {
      std::lock_guard lock(handedOver_.mutex);
      handedOver_.atCompletion = std::exchange(recording, {}).atCompletion;
      throw;
    }
  }

  HandedOver handedOver_;
  const std::unique_ptr<Queue> inner_;
  const std::shared_ptr<State> state_;
};

class InjectedDevice final : public Device {
 public:
  InjectedDevice(std::shared_ptr<Device> inner, std::shared_ptr<State> state)
      : Device(inner->info), inner_(std::move(inner)), state_(std::move(state)) {}
  ~InjectedDevice() override { state_->reachClose(); }

  std::unique_ptr<Buffer> allocate(size_t bytes) override {
    state_->throwIfLost();
    return inner_->allocate(bytes);
  }
  // A job's inputs first, then its outputs.
  std::unique_ptr<Buffer> wrap(std::span<std::byte> host) override {
    auto wrapped = inner_->wrap(host);
    if (wrapped) recording.upload(*state_);
    return wrapped;
  }
  std::unique_ptr<Queue> createQueue(const QueueOptions& options) override {
    state_->throwIfLost();
    state_->reach(Place::Start);
    return std::make_unique<InjectedQueue>(inner_->createQueue(options), state_);
  }
  std::shared_ptr<const Program> compile(std::shared_ptr<const ProgramModule> module) override {
    state_->throwIfLost();
    return inner_->compile(std::move(module));
  }
  MemoryUse memory() const override { return inner_->memory(); }
  bool lost() const noexcept override { return Device::lost() || state_->lost || inner_->lost(); }

 private:
  const std::shared_ptr<Device> inner_;
  const std::shared_ptr<State> state_;
};

}  // namespace

std::shared_ptr<Device> inject(std::shared_ptr<Device> device) {
  auto state = std::make_shared<State>(device->info);
  state->reach(Place::Start);
  return std::make_shared<InjectedDevice>(std::move(device), std::move(state));
}

}  // namespace switchyard::faults
