// Jobs from problems, and the blocking calls around them.
#include "harness.h"

#include <hwy/targets.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <map>
#include <thread>

#include "guard_device.h"
#include "cuda_shim/shim_device.h"

namespace switchyard::test {

// ---- devices

const Enumeration& foundDevices() {
  static const Enumeration found = enumerateDevices();
  return found;
}

std::string deviceTestName(const ::testing::TestParamInfo<TestDevice>& info) {
  std::string name;
  for (char c : info.param.name)
    if (std::isalnum(static_cast<unsigned char>(c))) name += c;
  return name;
}

std::vector<TestDevice> plainDevices() {
  std::vector<TestDevice> devices;
  for (const DeviceInfo& info : foundDevices().devices)
    devices.push_back({info.id, info.id, [id = info.id] { return openDevice(id); }});
  TestDevice shim{"cuda-shim (emulated)", "cuda-shim:0", [] { return makeCudaShimDevice(); }};
  shim.smallOnly = true;
  devices.push_back(shim);
  return devices;
}

namespace {

void addStricter(std::vector<TestDevice>& devices, const DeviceInfo& info) {
  if (info.backend != Backend::Vulkan) return;
  TestDevice shortViews{info.id + " views-of-64K", info.id, [info] {
                          DeviceInfo lowered = info;
                          // Pieces begin where the device can bind them: coarse offsets take longer views (64K at 16
                          // bytes).
                          lowered.maxViewBytes = std::max(64u << 10, info.viewAlignment << 12);
                          return vulkan::open(lowered);
                        }};
  shortViews.splitOnly = true;
  devices.push_back(shortViews);
}

void addCpuTargets(std::vector<TestDevice>& devices, const DeviceInfo& info) {
  if (info.backend != Backend::Cpu) return;
  int64_t supported = hwy::SupportedTargets(), best = supported & -supported;
  for (auto [name, target] : {std::pair<const char*, int64_t>{"avx2", HWY_AVX2}, {"baseline", HWY_STATIC_TARGET}}) {
    if (!(supported & target) || target == best) continue;
    TestDevice lower{info.id + " " + name, info.id, [id = info.id] { return openDevice(id); }};
    lower.smallOnly = true;
    lower.cpuTargets = target;
    devices.push_back(lower);
  }
}

}  // namespace

const std::vector<TestDevice>& testDevices() {
  static const std::vector<TestDevice> all = [] {
    std::vector<TestDevice> devices = plainDevices();
    std::vector<TestDevice> guarded = devices;
    for (const DeviceInfo& info : foundDevices().devices) {
      addStricter(devices, info);
      addCpuTargets(devices, info);
    }
    // The emulated device is slow, and what counts there is what its kernels touch: guarded alone.
    devices.erase(std::remove_if(devices.begin(), devices.end(),
                                 [](const TestDevice& device) { return device.id == "cuda-shim:0"; }),
                  devices.end());
    for (TestDevice device : guarded) {
      device.open = [inner = device.open] { return std::make_shared<GuardDevice>(inner()); };
      device.name += " guarded";
      device.smallOnly = device.guarded = true;
      devices.push_back(device);
    }
    return devices;
  }();
  return all;
}

namespace {

struct Opened {
  std::shared_ptr<Device> device;
  std::shared_ptr<Context> context;
};

std::map<std::string, Opened>& openedDevices() {
  static std::map<std::string, Opened> opened;
  return opened;
}

}  // namespace

std::shared_ptr<Device> deviceOf(const TestDevice& which) {
  Opened& opened = openedDevices()[which.name];
  if (!opened.device) opened.device = which.open();
  return opened.device;
}

Context& contextOf(const TestDevice& which) {
  auto device = deviceOf(which);
  Opened& opened = openedDevices()[which.name];
  if (!opened.context || opened.context->lost()) opened.context = Context::create(device);
  return *opened.context;
}

void releaseDevices() { openedDevices().clear(); }

void holdCpuTo(int64_t targets) {
  static int64_t now = 0;
  if (targets == now) return;
  now = targets;
  // 0: whatever the processor has. The dispatch tables look again at their next call.
  hwy::SetSupportedTargetsForTest(targets);
}

// ---- jobs

std::array<double, kMaxParams> resolveParams(const Workload& workload, const std::vector<Param>& params) {
  std::array<double, kMaxParams> values;
  values.fill(kNaN);
  for (const Param& param : params) {
    bool found = false;
    size_t i = 0, next = 0;
    for (const ParamInfo& info : workload.info.params) {
      i = next;
      next += info.places();
      if (std::string_view(info.name) != param.name) continue;
      found = true;
      if (info.kind == ParamInfo::Kind::List) {
        std::copy(param.list.begin(), param.list.end(), values.begin() + i);
        continue;
      }
      values[i] = param.number;
      if (!param.choice) continue;
      values[i] = -1;
      for (size_t c = 0; c < info.choices.size(); ++c)
        if (std::string_view(info.choices[c]) == param.choice) values[i] = double(c);
    }
    if (!found) throw std::logic_error(std::string(workload.info.name) + " has no parameter " + param.name);
  }
  return values;
}

namespace {

struct OwningJob {
  std::vector<HostTensor> inputs;
  Job job;
};

}  // namespace

std::shared_ptr<Job> makeJob(const std::string& workload, std::vector<HostTensor> inputs,
                             const std::vector<Param>& params) {
  auto owner = std::make_shared<OwningJob>();
  owner->inputs = std::move(inputs);
  std::shared_ptr<Job> job(owner, &owner->job);
  job->workload = findWorkload(workload);
  if (!job->workload) throw std::logic_error("no workload " + workload);
  for (const HostTensor& input : owner->inputs)
    job->inputs.push_back({input.spec, input.bytes.data(), nullptr, input.present});
  while (job->inputs.size() < job->workload->info.inputs.size()) job->inputs.push_back({});
  job->params = resolveParams(*job->workload, params);
  return job;
}

std::string Outcome::text() const {
  if (!settled) return "never settled";
  return error ? std::string(codeName(error->code)) + ": " + error->what() : "ok";
}

struct Pending::State {
  std::mutex mutex;
  std::condition_variable changed;
  Outcome outcome;
};

Pending::Pending(std::shared_ptr<Job> given) : job(std::move(given)), state_(std::make_shared<State>()) {
  job->done = [state = state_](Job& settled) {
    std::lock_guard lock(state->mutex);
    state->outcome.settled = true;
    ++state->outcome.timesSettled;
    if (settled.error) try {
        std::rethrow_exception(settled.error);
      } catch (const Error& error) {
        state->outcome.error = std::make_shared<Error>(error);
      } catch (const std::exception& error) {
        state->outcome.error = std::make_shared<Error>(Code::Internal, std::string("not an Error: ") + error.what());
      }
    state->changed.notify_all();
  };
}

bool Pending::settled() const {
  std::lock_guard lock(state_->mutex);
  return state_->outcome.settled;
}

Outcome Pending::wait(std::chrono::milliseconds limit) {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait_for(lock, limit, [&] { return state_->outcome.settled; });
  return state_->outcome;
}

Pending submit(Context& context, std::shared_ptr<Job> job) {
  job->prepare();
  Pending pending(job);
  context.submit(std::move(job));
  return pending;
}

Outcome runJob(Context& context, std::shared_ptr<Job> job) {
  try {
    return submit(context, std::move(job)).wait();
  } catch (const Error& error) {
    Outcome outcome;
    outcome.settled = true;
    outcome.error = std::make_shared<Error>(error);
    return outcome;
  }
}

std::vector<HostTensor> outputsOf(const Job& job) {
  std::vector<HostTensor> outputs;
  for (size_t i = 0; i < job.outputSpecs.size(); ++i) {
    outputs.emplace_back(job.outputSpecs[i].dtype, job.outputSpecs[i].shape);
    if (job.outputs[i] && !outputs[i].bytes.empty())
      std::memcpy(outputs[i].bytes.data(), job.outputs[i]->data, outputs[i].bytes.size());
  }
  return outputs;
}

std::shared_ptr<DeviceTensor> upload(Context& context, const HostTensor& tensor) {
  auto job = std::make_shared<Job>();
  job->kind = Job::Kind::Upload;
  job->inputs = {{tensor.spec, tensor.bytes.data(), nullptr, true}};
  Outcome outcome = runJob(context, job);
  if (!outcome.ok()) throw outcome.error ? *outcome.error : Error(Code::Internal, "an upload never settled");
  return job->uploaded;
}

HostTensor readBack(Context& context, const std::shared_ptr<DeviceTensor>& tensor) {
  auto job = std::make_shared<Job>();
  job->kind = Job::Kind::Read;
  job->inputs = {{tensor->spec, nullptr, tensor, true}};
  Outcome outcome = runJob(context, job);
  if (!outcome.ok()) throw outcome.error ? *outcome.error : Error(Code::Internal, "a read never settled");
  return outputsOf(*job)[0];
}

// ---- problems

namespace {

constexpr size_t kGuard = 256;

// Memory at a chosen distance from a 64-byte boundary, between guards.
class Guarded {
 public:
  Guarded(size_t bytes, size_t shift) : bytes_(bytes), memory_(bytes + 2 * kGuard + 64 + shift, std::byte{0xA5}) {
    auto start = reinterpret_cast<uintptr_t>(memory_.data()) + kGuard;
    data_ = memory_.data() + kGuard + (64 - start % 64) % 64 + shift;
  }
  std::byte* data() { return data_; }
  bool untouched() const {
    auto clean = [](const std::byte* from, const std::byte* to) {
      return std::all_of(from, to, [](std::byte b) { return b == std::byte{0xA5}; });
    };
    return clean(memory_.data(), data_) && clean(data_ + bytes_, memory_.data() + memory_.size());
  }

 private:
  size_t bytes_;
  std::vector<std::byte> memory_;
  std::byte* data_;
};

std::shared_ptr<Job> problemJob(const std::string& workload, const Problem& problem) {
  if (!problem.graph) return makeJob(workload, problem.inputs, problem.params);
  auto job = std::make_shared<Job>();
  job->kind = Job::Kind::Graph;
  job->graph = problem.graph();
  for (const HostTensor& input : problem.inputs) job->inputs.push_back({input.spec, input.bytes.data(), nullptr, true});
  return job;
}

std::vector<std::unique_ptr<Guarded>> placeInputs(Job& job, const Problem& problem, const RunOptions& options) {
  std::vector<std::unique_ptr<Guarded>> placed;
  for (size_t i = 0; i < problem.inputs.size(); ++i) {
    const HostTensor& input = problem.inputs[i];
    placed.push_back(std::make_unique<Guarded>(input.bytes.size(), options.inputShift * dtypeBytes(input.spec.dtype)));
    if (!input.bytes.empty()) std::memcpy(placed[i]->data(), input.bytes.data(), input.bytes.size());
    if (input.present) job.inputs[i].host = placed[i]->data();
  }
  return placed;
}

}  // namespace

std::vector<HostTensor> runProblem(Context& context, const std::string& workload, const Problem& problem,
                                   const RunOptions& options) {
  std::shared_ptr<Job> job = problemJob(workload, problem);
  auto inputs = placeInputs(*job, problem, options);
  if (options.resident)
    for (size_t i = 0; i < problem.inputs.size(); ++i)
      if (problem.inputs[i].present) {
        job->inputs[i].device = upload(context, problem.inputs[i]);
        job->inputs[i].host = nullptr;
      }
  job->prepare();
  std::vector<std::unique_ptr<Guarded>> targets;
  if (options.into)
    for (const TensorSpec& spec : job->outputSpecs) {
      targets.push_back(std::make_unique<Guarded>(spec.bytes(), options.inputShift * dtypeBytes(spec.dtype)));
      job->into.push_back({targets.back()->data(), spec.bytes()});
    }
  Pending pending(job);
  context.submit(job);
  Outcome outcome = pending.wait();
  if (!outcome.settled) throw std::runtime_error("the job never settled");
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!inputs[i]->untouched() ||
        (!problem.inputs[i].bytes.empty() &&
         std::memcmp(inputs[i]->data(), problem.inputs[i].bytes.data(), problem.inputs[i].bytes.size())))
      throw std::runtime_error("input " + std::to_string(i) + " was written to");
  for (auto& target : targets)
    if (!target->untouched()) throw std::runtime_error("the memory beside an output was written to");
  if (outcome.error) throw *outcome.error;
  std::vector<HostTensor> outputs;
  if (!options.into) return outputsOf(*job);
  for (size_t i = 0; i < targets.size(); ++i) {
    outputs.emplace_back(job->outputSpecs[i].dtype, job->outputSpecs[i].shape);
    if (!outputs[i].bytes.empty()) std::memcpy(outputs[i].bytes.data(), targets[i]->data(), outputs[i].bytes.size());
  }
  return outputs;
}

std::string judge(const Problem& problem, const std::vector<HostTensor>& outputs, double& share) {
  if (outputs.size() != problem.outputs.size())
    return std::to_string(outputs.size()) + " outputs, expected " + std::to_string(problem.outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Expected& expected = problem.outputs[i];
    std::string which = "output " + std::to_string(i) + ": ";
    if (!(outputs[i].spec == expected.spec))
      return which + dtypeName(outputs[i].spec.dtype) + " " + outputs[i].spec.shape.text() + ", expected " +
             dtypeName(expected.spec.dtype) + " " + expected.spec.shape.text();
    for (size_t e = 0; e < expected.values.size(); ++e) {
      if (expected.slack[e] == kInf) continue;  // left to `check`
      double own = 0;
      if (std::string wrong = compareElement(expected, e, outputs[i].at(e), own); !wrong.empty()) return which + wrong;
      share = std::max(share, own);
    }
  }
  return problem.check ? problem.check(outputs) : "";
}

uint64_t usedBytesAtRest(Context& context) {
  for (int i = 0; i < 2000 && (context.memoryUse().usedBytes || context.pending()); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return context.memoryUse().usedBytes;
}

}  // namespace switchyard::test
