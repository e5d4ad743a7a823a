// Inputs that lie in a region already stay where they are, and large outputs become the caller's ArrayBuffers where
// they are written. What is to be copied, and what a first touch takes, goes to a thread of its own where it is large.
#include "requested_jobs.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "array_buffers.h"
#include "background.h"
#include "convert.h"
#include "held_memory.h"
#include "shared_records.h"

namespace switchyard::node {
namespace {

using namespace cluster;
constexpr size_t kLargeBytes = HostPool::kPooledBytes;
constexpr size_t kFreshBytes = 1 << 20;                   // an output of so much is not touched first by an event loop
constexpr auto kRegionTimeout = std::chrono::seconds(1);  // for all the memory that a result names

size_t roundUp(size_t bytes) { return (bytes + 63) / 64 * 64; }

// What goes on in another thread for a job.
class StagedOperation : public Operation {
 public:
  StagedOperation(uint64_t id, std::shared_ptr<StagedJob> staged) : Operation(id), staged_(std::move(staged)) {}
  Napi::Value result(Environment& environment) override {
    if (error_) std::rethrow_exception(error_);
    return Napi::Env(environment.env()).Undefined();
  }
  template <class Work>
  void run(Environment& environment, const Work& work) {
    try {
      work(*staged_, environment.onItsThread());  // where the system has no thread for it, the loop does it
    } catch (...) {
      error_ = std::current_exception();
    }
    // Ahead of the delivery: the job may end, and its arrays change, before this thread goes on. A copy of what they
    // held that was still known then would be taken for the next job's (input_copies.h).
    staged_.reset();
    environment.operations.push(this);
  }

 private:
  std::shared_ptr<StagedJob> staged_;
  std::exception_ptr error_;
};

std::vector<uint64_t> regionsToCome(std::span<const double> places) {
  std::vector<uint64_t> missing;
  for (size_t i = 0; i + kOutputNumbers <= places.size(); i += kOutputNumbers)
    if (const uint64_t id = wholeOf(places[i + kOutputRegion]);
        id && id != kLentRegion && RegionTable::shared().mayCome(id))
      missing.push_back(id);
  return missing;
}

bool isInRegion(const std::byte* memory) {
  const RegionTable& table = RegionTable::shared();
  return table.mayHold(memory) && table.locate(memory).region;
}

}  // namespace

const std::shared_ptr<StagedJob>& RequestedJobs::find(uint64_t id) const {
  auto found = staged_.find(id);
  if (found == staged_.end()) throw Error(Code::Internal, "there is no such job");
  return found->second;
}

// ---- where the memory is to be

RequestedJobs::PutOff RequestedJobs::ask(Environment& environment, cluster::Channel& channel, Job& job,
                                         const CallArrays& arrays, std::span<const double> graph, const double* call,
                                         std::shared_ptr<SharedBlock> code) {
  auto staged = std::make_shared<StagedJob>();
  staged->specs = std::move(job.outputSpecs);
  PutOff putOff;
  size_t small = planInputs(environment, *staged, job, arrays, channel.lends, putOff);
  staged->smallOutputs = small;
  small += planOutputs(environment, *staged, job, arrays, channel.lends, putOff);
  if (small) staged->small = SharedHeap::shared().allocate(small);
  packSmall(*staged, job);
  writeMessage(*staged, job, graph, call, std::move(code));
  if (putOff.yes) {
    staged->message = message_;
    // Whoever has to wait for its memory says what it is estimated at.
    for (size_t at : {cluster::kAskFlops, cluster::kAskBytes}) environment.scratch()[kCallAsk + at] = message_[at];
  } else {
    announceRegions(channel);
    channel.post(message_);
  }
  staged_.insert_or_assign(static_cast<uint64_t>(call[kAskNumber]), std::move(staged));
  return putOff;
}

// Returns the bytes of the small ones.
size_t RequestedJobs::planInputs(Environment& environment, StagedJob& staged, const Job& job, const CallArrays& arrays,
                                 bool lends, PutOff& putOff) {
  size_t small = 0;
  for (size_t i = 0; i < job.inputs.size(); ++i) {
    const TensorArg& input = job.inputs[i];
    if (input.device)
      throw Error(Code::InvalidArgument,
                  "a DeviceTensor belongs to one context: give the cluster a tensor, or a shared tensor");
    const uint64_t bytes = input.present ? input.spec.bytes() : 0;
    if (!bytes) continue;
    if (isInRegion(input.host)) {  // an output of another job, or a shared tensor
      if (auto hold = holdMemory(environment.env(), arrays.input(i))) staged.held.push_back(std::move(hold));
      continue;
    }
    if (bytes >= (lends ? kLargeBytes : InputCopies::kFromBytes) &&
        planLarge(environment, staged, input, i, arrays, lends, putOff))
      continue;
    small += roundUp(bytes);
  }
  return small;
}

// False where this runtime can't hold the memory: it is copied with what is small.
bool RequestedJobs::planLarge(Environment& environment, StagedJob& staged, const TensorArg& input, size_t i,
                              const CallArrays& arrays, bool lends, PutOff& putOff) {
  const uint64_t bytes = input.spec.bytes();
  if (lends) {
    auto hold = holdMemory(environment.env(), arrays.input(i));
    if (!hold) return false;
    auto* data = const_cast<std::byte*>(input.host);  // jobs don't write to inputs
    staged.large.push_back({i, LentTable::shared().lend(data, bytes, std::move(hold)), nullptr});
    return true;
  }
  auto copy = copies_.of(environment.env(), input, arrays.input(i));
  if (!copy) return false;
  // What another job waits for is its thread's to make.
  const bool isNew = copy.use_count() == 1;
  const bool isMade = copy->ready() || (isNew && InputCopies::mayCopyNow(environment.scratch()[kCopiedInTurn], bytes) &&
                                        copy->makeNow());
  if (!isMade) {
    putOff.yes = true;
    if (isNew) putOff.copies += bytes;
  }
  staged.large.push_back({i, nullptr, std::move(copy)});
  return true;
}

// Returns the bytes of the small ones.
size_t RequestedJobs::planOutputs(Environment& environment, StagedJob& staged, const Job& job, const CallArrays& arrays,
                                  bool lends, PutOff& putOff) {
  staged.outputs.resize(staged.specs.size());
  size_t small = 0;
  for (size_t i = 0; i < staged.outputs.size(); ++i) {
    StagedJob::Output& output = staged.outputs[i];
    output.bytes = staged.specs[i].bytes();
    output.into = i < job.into.size() && job.into[i].data;
    if (!output.bytes) continue;
    if (output.into && planTarget(environment, staged, job.into[i].data, i, arrays, lends)) continue;
    if (output.bytes < kLargeBytes) {
      small += roundUp(output.bytes);
    } else if (lends) {
      output.lent = LentTable::shared().lend(nullptr, output.bytes, nullptr);
    } else {
      output.own = true;
      output.block = output.bytes < kFreshBytes ? SharedHeap::shared().allocate(output.bytes)
                                                : SharedHeap::shared().allocateTouched(output.bytes);
      if (output.block) output.data = output.block->data();
      putOff.yes |= !output.block;
    }
  }
  return small;
}

// True: the output needs no other place than its target's.
bool RequestedJobs::planTarget(Environment& environment, StagedJob& staged, std::byte* target, size_t i,
                               const CallArrays& arrays, bool lends) {
  StagedJob::Output& output = staged.outputs[i];
  if (auto block = findShared(target)) {
    output.data = target;
    staged.holds.push_back(std::move(block));
    return true;
  }
  auto hold = holdMemory(environment.env(), arrays.target(i));
  if (!hold) {
    output.into = false;  // lib/call/result.js copies it
    return false;
  }
  if (lends && output.bytes >= kLargeBytes) {
    output.lent = LentTable::shared().lend(target, output.bytes, std::move(hold));
    return true;
  }
  output.target = target;
  staged.held.push_back(std::move(hold));
  return false;
}

// Small inputs are copied; JavaScript may change them, or take them away, as soon as the call is over.
void RequestedJobs::packSmall(StagedJob& staged, Job& job) {
  size_t at = 0;
  auto large = staged.large.begin();
  for (size_t i = 0; i < job.inputs.size(); ++i) {
    TensorArg& input = job.inputs[i];
    if (large != staged.large.end() && large->input == i) {
      ++large;
      continue;
    }
    const uint64_t bytes = input.present ? input.spec.bytes() : 0;
    if (!bytes || isInRegion(input.host)) continue;
    std::byte* to = staged.small->data() + at;
    if (bytes < InputCopies::kFromBytes)
      std::memcpy(to, input.host, bytes);
    else
      copyBytes(to, input.host, bytes, true);
    input.host = to;
    at += roundUp(bytes);
  }
  for (StagedJob::Output& output : staged.outputs) {
    if (output.data || output.own || output.lent || !output.bytes) continue;
    output.data = staged.small->data() + at;
    at += roundUp(output.bytes);
  }
}

void RequestedJobs::stage(Environment& environment, uint64_t operationId, uint64_t id) {
  auto operation = std::make_shared<StagedOperation>(operationId, find(id));
  environment.operations.begin(operation);
  Background::memory().post([operation, shared = environment.shared()] {
    operation->run(*shared, [](StagedJob& staged, bool onLoop) { staged.makeLarge(onLoop); });
  });
}

void RequestedJobs::post(cluster::Channel& channel, uint64_t id) {
  StagedJob& staged = *find(id);
  staged.completeMessage();
  announceRegions(channel);
  channel.post(staged.message);
  staged.message = {};
}

// ---- the result

napi_value RequestedJobs::output(Environment& environment, StagedJob& staged, size_t i) {
  napi_env env = environment.env();
  StagedJob::Output& output = staged.outputs[i];
  writeSpec(environment.scratch() + kResultOutputs + i * kSlotNumbers, staged.specs[i]);
  if (output.into) return Napi::Env(env).Undefined();
  if (output.own) return makeSharedArrayBuffer(environment, std::move(output.block), output.bytes);
  if (output.lent) {
    auto made = output.lent->made();
    if (!made) throw Error(Code::Internal, "a job has ended without an output");
    return makeArrayBuffer(environment, std::move(made));
  }
  void* data = nullptr;
  napi_value buffer;
  checkStatus(env, napi_create_arraybuffer(env, output.bytes, &data, &buffer));
  if (output.bytes) std::memcpy(data, output.data, output.bytes);
  return buffer;
}

Napi::Value RequestedJobs::take(Environment& environment, uint64_t id, std::span<const double> places) {
  Napi::Env env(environment.env());
  auto found = staged_.find(id);
  if (found == staged_.end()) throw Error(Code::Internal, "there is no such job");
  const uint64_t bytes = found->second->written ? 0 : found->second->bytesToWrite(places);
  if (bytes >= InputCopies::kFromBytes || (bytes && !regionsToCome(places).empty())) return env.Null();
  std::shared_ptr<StagedJob> staged = std::move(found->second);
  staged_.erase(found);
  if (bytes) staged->writeOutputs(places, true);
  const size_t count = staged->outputs.size();
  environment.scratch()[kResultCount] = static_cast<double>(count);
  if (count == 1) return Napi::Value(env, output(environment, *staged, 0));
  Napi::Array all = Napi::Array::New(env, count);
  for (size_t i = 0; i < count; ++i)
    checkStatus(env, napi_set_element(env, all, static_cast<uint32_t>(i), output(environment, *staged, i)));
  return all;
}

void RequestedJobs::copy(Environment& environment, uint64_t operationId, uint64_t id, std::span<const double> from) {
  auto operation = std::make_shared<StagedOperation>(operationId, find(id));
  environment.operations.begin(operation);
  auto work = [operation, shared = environment.shared(), places = std::vector<double>(from.begin(), from.end())] {
    const auto until = std::chrono::steady_clock::now() + kRegionTimeout;
    for (uint64_t region : regionsToCome(places))
      RegionTable::shared().wait(
          region, std::chrono::ceil<std::chrono::milliseconds>(std::max(until - std::chrono::steady_clock::now(), {})));
    operation->run(*shared, [&](StagedJob& staged, bool onLoop) { staged.writeOutputs(places, onLoop); });
  };
  if (regionsToCome(from).empty())
    Background::memory().post(std::move(work));
  else
    Background::memory().postAlone(std::move(work));  // nothing else is to wait for another process
}

}  // namespace switchyard::node
