// The message that asks for a job: what is to be done, on which memory, and what decides where it is done.
#include <algorithm>

#include "join.h"
#include "join_packed.h"
#include "program/run/run.h"
#include "requested_jobs.h"
#include "shared_records.h"

namespace switchyard::node {
namespace {

using namespace cluster;
// Apart from each other, and from what lies in regions.
constexpr uint64_t kLentMark = 0x5bd1e9955bd1e995, kCopyMark = 0x27d4eb2f165667c5;

uint64_t identityOf(uint64_t a, uint64_t b, uint64_t c) {
  uint64_t id = a * 0x9E3779B97F4A7C15u ^ (b * 0xC2B2AE3D27D4EB4Fu) ^ c;
  id ^= id >> 29;
  return (id >> 11) | 1;
}

// Equal for jobs that have the same memory under way.
uint64_t identityOf(const StagedJob::Large& large) {
  if (large.lent) return identityOf(reinterpret_cast<uintptr_t>(large.lent->data), large.lent->bytes, kLentMark);
  return identityOf(large.copy->number, 0, kCopyMark);
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

// To message_; what is put off is written to the job's own copy of it later.
void RequestedJobs::writeMessage(StagedJob& staged, const Job& job, std::span<const double> graph, const double* call,
                                 std::shared_ptr<SharedBlock> code) {
  uint64_t memory = 0;
  for (const TensorSpec& spec : staged.specs) memory += spec.bytes();
  for (const TensorArg& input : job.inputs)
    if (input.present) memory += input.spec.bytes();
  message_.assign(call, call + kAskNumbers);
  message_[kType] = kAskType;
  message_[kAskFlops] = job.cost.flops;
  message_[kAskBytes] = job.cost.bytes;
  message_[kAskJoinKey] = message_[kAskRows] = message_[kAskMostRows] = 0;
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
  putInputs(staged, job, message);
  message_[kAskOutputs] = static_cast<double>(message_.size() - kAskBody);
  putOutputs(staged, message);
  if (message_.size() > kMaxMessage)
    throw Error(Code::InvalidArgument, "the graph is too large to be sent to another process");
  message_[kLength] = static_cast<double>(message_.size());
}

void RequestedJobs::putInputs(StagedJob& staged, const Job& job, Message& message) {
  std::vector<uint64_t> identities(job.inputs.size());
  size_t residents = 0;
  auto large = staged.large.begin();
  bool lent = false;
  message.put(static_cast<uint64_t>(job.inputs.size()));
  for (size_t i = 0; i < job.inputs.size(); ++i) {
    const TensorArg& input = job.inputs[i];
    message.put(uint64_t{input.present});
    if (!input.present) continue;
    message.put(static_cast<uint64_t>(input.spec.dtype));
    message.put(static_cast<uint64_t>(input.spec.shape.rank()));
    for (uint64_t extent : input.spec.shape) message.put(extent);
    uint64_t sealed = 0, identity = 0;
    if (large != staged.large.end() && large->input == i) {
      lent |= large->lent != nullptr;
      identity = identityOf(*large);
      large->at = message_.size();
      large->place(message.append(2));
      ++large;
    } else if (input.spec.bytes()) {
      const auto place = staged.placeOf(input.host);
      if (auto block = staged.packs(input.host) ? nullptr : findShared(input.host)) {
        identity = identityOf(block->region->id, block->generation, static_cast<uint64_t>(input.host - block->data()));
        if (block->sealed()) {
          sealed = block->generation;
          if (residents < kMaxTensors) message_[kAskResident + residents++] = static_cast<double>(identity);
        }
        staged.holds.push_back(std::move(block));
      }
      message.put(place.region);
      message.put(place.offset);
    } else {
      message.append(2);
    }
    identities[i] = identity;
    message.put(sealed);
  }
  for (const StagedJob::Output& output : staged.outputs) lent |= output.lent != nullptr;
  if (lent) message_[kAskFlags] += kAskLent;
  uint64_t key = joinKey(job, identities);
  if (key && lent) key = identityOf(key, 0, kLentMark);  // joined with its like alone
  message_[kAskJoinKey] = static_cast<double>(key);
  if (key && job.plan) {
    message_[kAskRows] = static_cast<double>(packedRows(job));
    message_[kAskMostRows] = job.plan->graph.packing.mostRows;
  }
  if (key) message_[kAskOwn] -= static_cast<double>(sharedBytes(job));
}

void RequestedJobs::putOutputs(StagedJob& staged, Message& message) {
  message.put(static_cast<uint64_t>(staged.outputs.size()));
  for (StagedJob::Output& output : staged.outputs) {
    output.at = message_.size();
    output.place(message.append(kOutputNumbers), staged);
  }
}

}  // namespace switchyard::node
