// Inputs that lie in a region already stay where they are; the others are copied into one. Large outputs are written
// where the caller's ArrayBuffer will be, so they are not copied at all.
#include "requested_jobs.h"

#include <algorithm>
#include <cstring>

#include "array_buffers.h"
#include "cluster/join.h"
#include "convert.h"
#include "program/run/run.h"
#include "shared_records.h"

namespace switchyard::node {
namespace {

using namespace cluster;
constexpr size_t kLargeBytes = HostPool::kPooledBytes;

size_t roundUp(size_t bytes) { return (bytes + 63) / 64 * 64; }

uint64_t residentId(const SharedBlock& block, const std::byte* data) {
  uint64_t id = block.region->id * 0x9E3779B97F4A7C15u ^ (block.generation * 0xC2B2AE3D27D4EB4Fu) ^
                static_cast<uint64_t>(data - block.data());
  id ^= id >> 29;
  return (id >> 11) | 1;
}

}  // namespace

// The message as it is put together.
struct RequestedJobs::Message {
  std::vector<double>& numbers;
  void put(double number) { numbers.push_back(number); }
  void put(uint64_t number) { numbers.push_back(static_cast<double>(number)); }
  double* append(size_t count) {
    numbers.resize(numbers.size() + count);
    return numbers.data() + numbers.size() - count;
  }
};

void RequestedJobs::placeInputs(Staged& staged, Message& message) {
  Job& job = *staged.job;
  std::array<uint64_t, kMaxTensors> identities{};
  size_t residents = 0;
  std::byte* next = staged.block ? staged.block->data() : nullptr;
  message.put(static_cast<uint64_t>(job.inputs.size()));
  for (size_t i = 0; i < job.inputs.size(); ++i) {
    TensorArg& input = job.inputs[i];
    message.put(uint64_t{input.present});
    if (!input.present) continue;
    message.put(static_cast<uint64_t>(input.spec.dtype));
    message.put(static_cast<uint64_t>(input.spec.shape.rank()));
    for (uint64_t extent : input.spec.shape) message.put(extent);
    const uint64_t bytes = input.spec.bytes();
    auto place = bytes ? RegionTable::shared().locate(input.host) : RegionTable::Place{};
    uint64_t sealed = 0;
    if (place.region) {
      if (auto block = findShared(input.host)) {
        const uint64_t id = residentId(*block, input.host);
        if (i < kMaxTensors) identities[i] = id;
        if (block->sealed()) {
          sealed = block->generation;
          if (residents < kMaxTensors) message_[kAskResident + residents++] = static_cast<double>(id);
        }
        staged.holds.push_back(std::move(block));
      }
    } else if (bytes) {
      // It lay in a region when the block was made.
      if (!next || bytes > static_cast<size_t>(staged.block->data() + staged.block->bytes - next))
        throw Error(Code::Closed, "shared memory that a job names is gone");
      std::memcpy(next, input.host, bytes);
      place = {staged.block->region, static_cast<uint64_t>(next - staged.block->region->data())};
      next += roundUp(bytes);
    }
    message.put(place.region ? place.region->id : 0);
    message.put(place.offset);
    message.put(sealed);
  }
  if (job.kind != Job::Kind::Workload) return;
  const uint64_t key = joinKey(job, identities);
  message_[kAskJoinKey] = static_cast<double>(key);
  if (key) message_[kAskOwn] -= static_cast<double>(sharedBytes(job));
}

void RequestedJobs::placeOutputs(Staged& staged, Message& message) {
  message.put(static_cast<uint64_t>(staged.outputs.size()));
  for (Output& output : staged.outputs) {
    auto place = output.bytes ? RegionTable::shared().locate(output.data) : RegionTable::Place{};
    double* written = message.append(kOutputNumbers);
    written[kOutputRegion] = place.region ? static_cast<double>(place.region->id) : 0;
    written[kOutputOffset] = static_cast<double>(place.offset);
    written[kOutputBytes] = static_cast<double>(output.bytes);
  }
}

void RequestedJobs::ask(cluster::Channel& channel, std::unique_ptr<Job> prepared, std::span<const double> graph,
                        const double* call, std::shared_ptr<SharedBlock> code) {
  Staged staged;
  staged.job = std::move(prepared);
  Job& job = *staged.job;
  staged.specs = job.outputSpecs;
  staged.outputs.resize(job.outputSpecs.size());
  size_t total = 0;
  uint64_t memory = 0;
  for (const TensorSpec& spec : job.outputSpecs) memory += spec.bytes();
  for (const TensorArg& input : job.inputs) {
    if (input.present) memory += input.spec.bytes();
    if (input.device)
      throw Error(Code::InvalidArgument,
                  "a DeviceTensor belongs to one context: give the cluster a tensor, or a shared tensor");
    if (input.present && input.spec.bytes() && !RegionTable::shared().locate(input.host).region)
      total += roundUp(input.spec.bytes());
  }
  size_t outputsAt = total;
  for (size_t i = 0; i < staged.outputs.size(); ++i) {
    Output& output = staged.outputs[i];
    output.bytes = job.outputSpecs[i].bytes();
    output.into = i < job.into.size() && job.into[i].data;
    if (!output.bytes) continue;
    if (output.into) {
      if (auto block = findShared(job.into[i].data)) {
        output.data = job.into[i].data;
        staged.holds.push_back(std::move(block));
        continue;
      }
      output.target = job.into[i].data;
    }
    if (output.bytes >= kLargeBytes)
      output.own = SharedHeap::shared().allocate(output.bytes), output.data = output.own->data();
    else
      total += roundUp(output.bytes);
  }
  if (total) staged.block = SharedHeap::shared().allocate(total);
  for (Output& output : staged.outputs) {
    if (output.data || !output.bytes) continue;
    output.data = staged.block->data() + outputsAt;
    outputsAt += roundUp(output.bytes);
  }
  message_.assign(call, call + kAskNumbers);
  message_[kType] = kAskType;
  message_[kAskFlops] = job.cost.flops;
  message_[kAskBytes] = job.cost.bytes;
  message_[kAskJoinKey] = 0;
  message_[kAskMemory] = message_[kAskOwn] = static_cast<double>(memory);
  std::fill_n(message_.begin() + static_cast<ptrdiff_t>(kAskResident), kMaxTensors, 0.0);
  Message message{message_};
  if (job.kind == Job::Kind::Graph) {
    message.put(kGraphBody);
    message_.insert(message_.end(), graph.begin(), graph.end());
  } else if (code) {
    message.put(kProgramBody);
    const ProgramId& id = job.program->module->id;
    for (size_t i = 0; i < id.size(); i += 4)
      message.put(uint64_t{id[i]} << 24 | uint64_t{id[i + 1]} << 16 | uint64_t{id[i + 2]} << 8 | id[i + 3]);
    message.put(code->region->id);
    message.put(static_cast<uint64_t>(code->data() - code->region->data()));
    message.put(code->bytes);
    staged.holds.push_back(std::move(code));
  } else {
    message.put(kWorkloadBody);
    message.put(call[kAskWorkload]);
    for (double param : job.params) message.put(param);
  }
  placeInputs(staged, message);
  message_[kAskOutputs] = static_cast<double>(message_.size() - kAskBody);
  placeOutputs(staged, message);
  if (message_.size() > kMaxMessage)
    throw Error(Code::InvalidArgument, "the graph is too large to be sent to another process");
  message_[kLength] = static_cast<double>(message_.size());
  const auto id = static_cast<uint64_t>(call[kAskNumber]);
  job.inputs.clear();
  staged.job.reset();
  staged_.insert_or_assign(id, std::move(staged));
  announceRegions(channel);
  channel.post(message_);
}

napi_value RequestedJobs::output(Environment& environment, Staged& staged, size_t i) {
  napi_env env = environment.env();
  Output& output = staged.outputs[i];
  writeSpec(environment.scratch() + kResultOutputs + i * kSlotNumbers, staged.specs[i]);
  if (output.into) {
    if (output.target) std::memcpy(output.target, output.data, output.bytes);
    return Napi::Env(env).Undefined();
  }
  if (output.own) return makeSharedArrayBuffer(environment, std::move(output.own), output.bytes);
  void* data = nullptr;
  napi_value buffer;
  checkStatus(env, napi_create_arraybuffer(env, output.bytes, &data, &buffer));
  if (output.bytes) std::memcpy(data, output.data, output.bytes);
  return buffer;
}

Napi::Value RequestedJobs::outputs(Environment& environment, Staged& staged) {
  Napi::Env env(environment.env());
  const size_t count = staged.outputs.size();
  environment.scratch()[kResultCount] = static_cast<double>(count);
  if (count == 1) return Napi::Value(env, output(environment, staged, 0));
  Napi::Array all = Napi::Array::New(env, count);
  for (size_t i = 0; i < count; ++i)
    checkStatus(env, napi_set_element(env, all, static_cast<uint32_t>(i), output(environment, staged, i)));
  return all;
}

Napi::Value RequestedJobs::take(Environment& environment, uint64_t id) {
  auto found = staged_.find(id);
  if (found == staged_.end()) throw Error(Code::Internal, "there is no such job");
  Staged staged = std::move(found->second);
  staged_.erase(found);
  return outputs(environment, staged);
}

Napi::Value RequestedJobs::takeFrom(Environment& environment, uint64_t id, std::span<const double> places) {
  auto found = staged_.find(id);
  if (found == staged_.end()) throw Error(Code::Internal, "there is no such job");
  Staged staged = std::move(found->second);
  staged_.erase(found);
  if (places.size() != kOutputNumbers * staged.outputs.size())
    throw Error(Code::Internal, "an equal job has other outputs");
  for (size_t i = 0; i < staged.outputs.size(); ++i) {
    Output& output = staged.outputs[i];
    if (!output.bytes) continue;
    const double* place = places.data() + kOutputNumbers * i;
    if (place[kOutputBytes] != static_cast<double>(output.bytes))
      throw Error(Code::Internal, "an equal job has other outputs");
    auto region = RegionTable::shared().require(wholeOf(place[kOutputRegion]));
    if (!region) throw Error(Code::WorkerLost, "the process that ran an equal job has gone");
    std::memcpy(output.data, region->at(wholeOf(place[kOutputOffset]), output.bytes), output.bytes);
  }
  return outputs(environment, staged);
}

}  // namespace switchyard::node
