// Cases on tensors that lie on the device: what a kernel takes, without any way there and back.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <random>
#include <thread>

#include "recorder.h"
#include "serve.h"

namespace switchyard::bench {
namespace {

constexpr uint64_t kPieceBytes = 64 << 20;  // of an upload

// Submits what was recorded and waits until it is done; what the device said of it.
QueueTimings submitAndWait(Queue& queue) {
  std::atomic<bool> over{false};
  std::exception_ptr error;
  QueueTimings told;
  queue.submit([&](std::exception_ptr failed, const QueueTimings& timings) {
    error = failed, told = timings;
    over.store(true, std::memory_order_release);
  });
  while (!over.load(std::memory_order_acquire)) std::this_thread::yield();
  if (error) std::rethrow_exception(error);
  return told;
}

uint16_t halfOf(DType dtype, float x) {
  uint32_t bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  if (dtype == DType::Bfloat16) return uint16_t(bits >> 16);
  // Numbers from -1 to 1, cut off; what is too small for float16 is zero.
  const uint32_t sign = bits >> 16 & 0x8000, exponent = bits >> 23 & 0xFF;
  return uint16_t(exponent < 113 ? sign : sign | (exponent - 112) << 10 | (bits >> 13 & 0x3FF));
}

DType dtypeOf(const std::string& name) {
  for (int i = 0; i < kDTypeCount; ++i)
    if (name == kDTypes[i].name) return static_cast<DType>(i);
  throw Error(Code::InvalidArgument, "no dtype is called " + name);
}

std::vector<std::string> partsOf(const std::string& text, char by) {
  std::vector<std::string> parts(1);
  for (char c : text)
    if (c == by)
      parts.emplace_back();
    else
      parts.back() += c;
  return parts;
}

InputText readInput(const std::string& name, const std::string& text) {
  const auto parts = partsOf(text, ':');
  if (parts.size() < 3) throw Error(Code::InvalidArgument, "an input is dtype:shape:fill, not " + text);
  InputText input{name, {dtypeOf(parts[0]), {}}, parts[2], 0};
  for (const std::string& extent : partsOf(parts[1], 'x')) input.spec.shape.push(std::stoull(extent));
  if (parts.size() > 3) input.by = std::stoull(parts[3]);
  return input;
}

// Numbers, or the place of one of its choices.
std::vector<double> numbersOf(const Workload& workload, const std::string& name, const std::string& text) {
  for (const ParamInfo& param : workload.info.params)
    if (param.name == name && param.kind == ParamInfo::Kind::Choice)
      for (size_t i = 0; i < param.choices.size(); ++i)
        if (text == param.choices[i]) return {double(i)};
  std::vector<double> numbers;
  for (const std::string& part : partsOf(text, ',')) numbers.push_back(std::stod(part));
  return numbers;
}

void requireKnown(const CaseText& text) {
  const WorkloadInfo& info = text.workload->info;
  for (const InputText& input : text.inputs)
    if (std::none_of(info.inputs.begin(), info.inputs.end(), [&](const auto& it) { return it.name == input.name; }))
      throw Error(Code::InvalidArgument, std::string(info.name) + " has no input " + input.name);
  for (const auto& param : text.params)
    if (std::none_of(info.params.begin(), info.params.end(), [&](const auto& it) { return it.name == param.first; }))
      throw Error(Code::InvalidArgument, std::string(info.name) + " has no parameter " + param.first);
}

}  // namespace

CaseText readCase(const std::vector<std::string>& words) {
  CaseText text;
  text.workload = words.empty() ? nullptr : findWorkload(words[0]);
  if (!text.workload) throw Error(Code::UnknownWorkload, "no workload " + (words.empty() ? "" : words[0]));
  for (size_t i = 1; i < words.size(); ++i) {
    const size_t equals = words[i].find('=');
    if (equals == std::string::npos) throw Error(Code::InvalidArgument, "not name=value: " + words[i]);
    const std::string name = words[i].substr(0, equals), value = words[i].substr(equals + 1);
    if (name[0] == '-')
      text.params.emplace_back(name.substr(1), numbersOf(*text.workload, name.substr(1), value));
    else
      text.inputs.push_back(readInput(name, value));
  }
  requireKnown(text);
  return text;
}

std::vector<std::byte> filled(const InputText& input, uint64_t first, uint64_t count) {
  const DType dtype = input.spec.dtype;
  const size_t size = dtypeBytes(dtype);
  std::vector<std::byte> bytes(count * size);
  std::mt19937_64 random(7 + first);
  for (uint64_t i = 0; i < count; ++i) {
    std::byte* const at = bytes.data() + i * size;
    const uint64_t drawn = random();
    if (dtype == DType::Int32 || dtype == DType::Uint32) {
      const int32_t value = int32_t(input.fill == "below" ? drawn % input.by : (first + i) * input.by);
      std::memcpy(at, &value, sizeof value);
    } else if (size == 1) {
      *at = input.fill == "ones" ? std::byte{255} : std::byte(uint8_t(int(drawn % 255) - 127));
    } else {
      const float value = input.fill == "small" ? 0.01f : float(drawn >> 40) / 8388608.0f - 1.0f;
      const uint16_t half = halfOf(dtype, value);
      std::memcpy(at, size == 2 ? static_cast<const void*>(&half) : &value, size);
    }
  }
  return bytes;
}

double secondsOnDevice(Queue& queue, const Device& device, const std::function<void()>& record) {
  QueueTimings told;
  const double seconds = secondsOf([&] {
    record();
    told = submitAndWait(queue);
  });
  return device.info.backend == Backend::Cpu ? seconds : told.computeMs / 1e3;
}

Timed timedFor(double seconds, const std::function<double()>& run) {
  run(), run();
  std::vector<double> all;
  const auto begin = std::chrono::steady_clock::now();
  while (all.size() < 3 || std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() < seconds)
    all.push_back(run());
  std::sort(all.begin(), all.end());
  return {all.front(), all[all.size() / 2], uint32_t(all.size())};
}

Resident::Resident(std::shared_ptr<Device> device, const CaseText& text)
    : device_(std::move(device)),
      workload_(text.workload),
      arena_(std::make_shared<Arena>(device_, std::max<uint64_t>(device_->info.memory.totalBytes / 2, 1 << 30))),
      queue_(device_->createQueue()) {
  place(text);
  call_.params.fill(std::numeric_limits<double>::quiet_NaN());
  for (const auto& [name, numbers] : text.params) {
    size_t at = 0;
    for (const ParamInfo& param : workload_->info.params) {
      if (param.name == name)
        std::copy_n(numbers.begin(), std::min(numbers.size(), param.places()), call_.params.begin() + ptrdiff_t(at));
      at += param.places();
    }
  }
  checkCall(*workload_, call_);
  for (size_t i = 0; i < call_.outputCount; ++i) {
    const uint64_t bytes = call_.outputs[i].spec.bytes();
    buffers_.push_back(device_->allocate((bytes + 255) / 256 * 256));
    call_.outputs[i].view = {buffers_.back().get(), 0, bytes};
    call_.outputs[i].present = true;
  }
}

Resident::~Resident() { queue_.reset(); }

// Numbers that plans read themselves, offsets and the like, are at hand on the host, too, as a caller's are.
void Resident::place(const CaseText& text) {
  for (const InputText& input : text.inputs) {
    size_t at = 0;
    while (workload_->info.inputs[at].name != input.name) ++at;
    Value& value = call_.inputs[at];
    value.spec = input.spec, value.present = true;
    const uint64_t bytes = input.spec.bytes(), elements = input.spec.elements();
    buffers_.push_back(device_->allocate((bytes + 255) / 256 * 256));
    value.view = {buffers_.back().get(), 0, bytes};
    if (input.spec.dtype == DType::Int32) {
      hosts_.push_back(filled(input, 0, elements));
      value.host = hosts_.back().data();
      queue_->upload(value.view, hosts_.back());
      submitAndWait(*queue_);
      continue;
    }
    const auto pattern = filled(input, 0, std::min(elements, kPatternElements));
    for (uint64_t from = 0; from < bytes; from += pattern.size()) {
      const uint64_t size = std::min<uint64_t>(pattern.size(), bytes - from);
      queue_->upload(value.view.slice(from, size), {pattern.data(), size});
      submitAndWait(*queue_);
    }
  }
}

uint64_t Resident::outputBytes() const {
  uint64_t bytes = 0;
  for (size_t i = 0; i < call_.outputCount; ++i) bytes += call_.outputs[i].spec.bytes();
  return bytes;
}

double Resident::run(uint32_t repeats) {
  std::vector<std::unique_ptr<Recorder>> recorders;
  std::vector<Task> tasks;  // go before the recorders, whose memory they use
  double before = 0;
  const auto record = [&] {
    for (uint32_t i = 0; i < repeats; ++i) {
      recorders.push_back(std::make_unique<Recorder>(*device_, *queue_, *arena_, programs_, stop_));
      Recorder& recorder = *recorders.back();
      tasks.push_back(workload_->record(recorder, call_));
      Task& task = tasks.back();
      for (std::coroutine_handle<> next = task.handle(); next; next = recorder.takeSuspended()) {
        next.resume();
        if (task.done()) break;
        waits_ = true;
        before += submitAndWait(*queue_).computeMs / 1e3;
      }
      task.rethrow();
    }
  };
  double last = 0;
  try {
    last = secondsOnDevice(*queue_, *device_, record);
  } catch (...) {
    queue_->discard();
    throw;
  }
  return (last + (device_->info.backend == Backend::Cpu ? 0 : before)) / repeats;
}

double copyRate(Device& device, uint64_t bytes, double seconds) {
  auto from = device.allocate(bytes), to = device.allocate(bytes);
  auto queue = device.createQueue();
  queue->fill({from.get(), 0, bytes}, 0x3F800000);
  queue->fill({to.get(), 0, bytes}, 0x40000000);
  submitAndWait(*queue);
  const Timed time = timedFor(seconds, [&] {
    return secondsOnDevice(*queue, device, [&] { queue->copy({to.get(), 0, bytes}, {from.get(), 0, bytes}); });
  });
  return 2.0 * double(bytes) / time.best;
}

std::optional<double> transferRate(Device& device, uint64_t bytes, Way way, bool pinned, double seconds) {
  auto up = HostPool::shared().acquire(bytes), down = HostPool::shared().acquire(bytes);
  std::memset(up->data, 1, bytes), std::memset(down->data, 2, bytes);
  std::vector<std::shared_ptr<void>> pins;
  if (pinned)
    for (const auto& block : {up, down}) {
      pins.push_back(device.pin({block->data, bytes}));
      if (!pins.back()) return std::nullopt;
    }
  auto buffer = device.allocate(bytes), other = device.allocate(bytes);
  auto first = device.createQueue(), second = device.createQueue();
  const Timed time = timedFor(seconds, [&] {
    return secondsOf([&] {
      const auto pass = [&](Queue& queue, bool isUp) {
        if (isUp)
          queue.upload({buffer.get(), 0, bytes}, {up->data, bytes});
        else
          queue.download({down->data, bytes}, {other.get(), 0, bytes});
        submitAndWait(queue);
      };
      if (way != Way::Both) return pass(*first, way == Way::Up);
      std::thread back([&] { pass(*second, false); });
      pass(*first, true);
      back.join();
    });
  });
  return (way == Way::Both ? 2.0 : 1.0) * double(bytes) / time.best;
}

Timed productByQueue(const std::shared_ptr<Device>& device, const Product& product, double seconds) {
  CaseText text;
  text.workload = findWorkload("matmul");
  const bool isFast = product.type == "tf32";
  const DType dtype = dtypeOf(isFast ? "float32" : product.type);
  const Shape b = product.transposeB ? Shape{product.n, product.k} : Shape{product.k, product.n};
  text.inputs = {{"a", {dtype, Shape{product.m, product.k}}, "uniform", 0}, {"b", {dtype, b}, "uniform", 0}};
  text.params = {{"transposeB", {double(product.transposeB)}},
                 {"precision", {double(isFast)}},
                 {"dtype", numbersOf(*text.workload, "dtype", dtypeName(dtype))}};
  Resident resident(device, text);
  return timedFor(seconds, [&] { return resident.run(); });
}

}  // namespace switchyard::bench
