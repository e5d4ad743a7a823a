// Joins jobs as their workload says: which inputs are concatenated, and which must be the same memory.
#include "join.h"

#include <algorithm>
#include <cstring>

#include "join_packed.h"
#include "mix.h"

namespace switchyard {
namespace {

// What the workload says of itself, where jobs like this one may be joined.
const JoinRule* ruleOf(const Job& job) {
  if (job.kind != Job::Kind::Workload) return nullptr;
  const JoinRule& rule = job.workload->info.join.value;
  return rule.joined ? &rule : nullptr;
}

bool fits(const TensorArg& input, Join how) {
  if (!input.present) return true;  // an optional one: so it must be of all
  switch (how) {
    case Join::None:
    case Join::Same: return true;
    case Join::Absent: return !input.present;
    case Join::Flat: return input.present && input.spec.shape.rank() >= 1;
    case Join::Rows: return input.present && input.spec.shape.rank() >= 1 && input.spec.shape.back() > 0;
    case Join::Leading:
      return input.present && input.spec.shape.rank() == 3 && input.spec.shape[1] > 0 && input.spec.shape[2] > 0;
    case Join::Stack: return input.present && input.spec.shape.rank() == 2;
  }
  return false;
}

bool isConcatenated(Join how) { return how != Join::Same && how != Join::None && how != Join::Absent; }

// What must be equal of two inputs, beside the dtype: the extents from `from` on.
size_t firstEqualAxis(Join how, const Shape& shape) {
  switch (how) {
    case Join::Flat: return shape.rank();
    case Join::Rows: return shape.rank() - 1;
    case Join::Leading: return 1;
    default: return 0;
  }
}

bool joinable(const Job& job, const JoinRule& rule) {
  for (size_t i = 0; i < job.inputs.size(); ++i)
    if ((job.inputs[i].device && rule.inputs[i] != Join::Same) || !fits(job.inputs[i], rule.inputs[i])) return false;
  // A row or a scalar against a tensor is not the same as many of them.
  if (rule.inputs[0] == Join::Flat && job.inputs.size() > 1 && !(job.inputs[0].spec.shape == job.inputs[1].spec.shape))
    return false;
  // Heads of query, key and value go together one by one.
  if (rule.inputs[0] == Join::Leading)
    for (size_t i = 1; i < 3; ++i)
      if (job.inputs[i].spec.shape[0] != job.inputs[0].spec.shape[0]) return false;
  return job.cost.bytes > 0;
}

bool matches(const Job& a, const Job& b, const JoinRule& rule) {
  if (a.workload != b.workload) return false;
  for (size_t i = 0; i < kMaxParams; ++i)
    if (bitsOf(a.params[i]) != bitsOf(b.params[i])) return false;
  if (a.outputSpecs.size() != b.outputSpecs.size()) return false;
  for (size_t i = 0; i < a.inputs.size(); ++i) {
    const TensorArg &x = a.inputs[i], &y = b.inputs[i];
    if (x.present != y.present || x.spec.dtype != y.spec.dtype) return false;
    const Join how = rule.inputs[i];
    if (how == Join::Same) {
      if (x.present && (x.host != y.host || x.device != y.device || !(x.spec.shape == y.spec.shape))) return false;
      continue;
    }
    if (how == Join::None || how == Join::Absent || !x.present) continue;
    const Shape &s = x.spec.shape, &t = y.spec.shape;
    const size_t axesOfX = s.rank() - firstEqualAxis(how, s), axesOfY = t.rank() - firstEqualAxis(how, t);
    if (axesOfX != axesOfY) return false;
    for (size_t axis = 0; axis < axesOfX; ++axis)
      if (s.back(axis) != t.back(axis)) return false;
  }
  return joinable(b, rule);
}

Shape joinedShape(Join how, const Shape& first, uint64_t elements, size_t jobs) {
  switch (how) {
    case Join::Flat: return {elements};
    case Join::Rows: return {elements / first.back(), first.back()};
    case Join::Leading: return {elements / (first[1] * first[2]), first[1], first[2]};
    case Join::Stack: return {jobs, first[0], first[1]};
    default: return first;
  }
}

size_t roundUp(size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

uint64_t joinKey(const Job& job, std::span<const uint64_t> identities) {
  if (job.kind == Job::Kind::Graph) return packedJoinKey(job, identities);
  const JoinRule* rule = ruleOf(job);
  if (!rule || !joinable(job, *rule)) return 0;
  uint64_t hash = workloadNumber(*job.workload) + 1;
  for (double param : job.params) mix(hash, bitsOf(param));
  for (size_t i = 0; i < job.inputs.size(); ++i) {
    const TensorArg& input = job.inputs[i];
    mix(hash, input.present ? 1 + static_cast<uint64_t>(input.spec.dtype) : 0);
    if (!input.present) continue;
    if (rule->inputs[i] == Join::Same) {
      if (!identities[i]) return 0;
      mix(hash, identities[i]);
      continue;
    }
    const Shape& shape = input.spec.shape;
    for (size_t axis = firstEqualAxis(rule->inputs[i], shape); axis < shape.rank(); ++axis) mix(hash, shape[axis]);
  }
  return (hash >> 11) | 1;  // a double holds it
}

uint64_t sharedBytes(const Job& job) {
  if (job.kind == Job::Kind::Graph) return packedSharedBytes(job);
  const JoinRule* rule = ruleOf(job);
  uint64_t bytes = 0;
  for (size_t i = 0; rule && i < job.inputs.size(); ++i)
    if (rule->inputs[i] == Join::Same && job.inputs[i].present) bytes += job.inputs[i].spec.bytes();
  return bytes;
}

bool joinsExactly(const Job& first, const Job& next) {
  const JoinRule* rule = ruleOf(first);
  if (!rule) return false;
  for (size_t i = 0; i < rule->joined; ++i)
    if (rule->inputs[i] != Join::Flat) return false;
  return joinable(first, *rule) && matches(first, next, *rule);
}

namespace {

// How the inputs of jobs of a workload become those of one; empty: they don't fit together.
std::vector<JoinedInput> joinByRule(std::span<const std::shared_ptr<Job>> jobs) {
  const Job& first = *jobs.front();
  const JoinRule* rule = ruleOf(first);
  if (!rule || !joinable(first, *rule)) return {};
  for (const auto& job : jobs)
    if (!matches(first, *job, *rule)) return {};
  std::vector<JoinedInput> inputs(first.inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorArg& input = first.inputs[i];
    if (!isConcatenated(rule->inputs[i]) || !input.present) continue;
    uint64_t elements = 0;
    for (const auto& job : jobs) elements += job->inputs[i].spec.elements();
    inputs[i] = {true, joinedShape(rule->inputs[i], input.spec.shape, elements, jobs.size())};
  }
  return inputs;
}

// Each job's offsets behind the last one's, whose last is where it begins.
void joinOffsets(std::span<const std::shared_ptr<Job>> jobs, size_t input, std::byte* to) {
  auto* out = reinterpret_cast<int32_t*>(to);
  int32_t begin = *out++ = 0;
  for (const auto& job : jobs) {
    const TensorArg& offsets = job->inputs[input];
    const auto* from = reinterpret_cast<const int32_t*>(offsets.host);
    const size_t count = offsets.spec.shape[0];
    for (size_t i = 1; i < count; ++i) *out++ = begin + from[i];
    begin += from[count - 1];
  }
}

void joinBytes(std::span<const std::shared_ptr<Job>> jobs, size_t input, std::byte* to) {
  for (const auto& job : jobs) {
    const size_t bytes = job->inputs[input].spec.bytes();
    if (bytes) std::memcpy(to, job->inputs[input].host, bytes);
    to += bytes;
  }
}

}  // namespace

std::unique_ptr<JoinedJobs> JoinedJobs::make(std::span<const std::shared_ptr<Job>> jobs) {
  if (jobs.size() < 2) return nullptr;
  const bool ofGraphs = jobs.front()->kind == Job::Kind::Graph;
  const std::vector<JoinedInput> inputs = ofGraphs ? joinPacked(jobs) : joinByRule(jobs);
  return inputs.empty() ? nullptr : join(jobs, inputs);
}

std::unique_ptr<JoinedJobs> JoinedJobs::join(std::span<const std::shared_ptr<Job>> jobs,
                                             std::span<const JoinedInput> inputs) {
  const Job& first = *jobs.front();
  auto joined = std::make_unique<JoinedJobs>();
  joined->parts_.assign(jobs.begin(), jobs.end());
  Job& job = joined->job;
  job.kind = first.kind;
  job.workload = first.workload;
  job.params = first.params;
  if (first.plan) job.graph = std::make_unique<Graph>(first.plan->graph);
  job.inputs = first.inputs;
  size_t total = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].concatenated) continue;
    job.inputs[i].spec.shape = inputs[i].shape;
    total += roundUp(job.inputs[i].spec.bytes());
  }
  joined->memory_ = HostPool::shared().acquire(std::max<size_t>(total, 64));
  std::byte* next = joined->memory_->data;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].concatenated) continue;
    job.inputs[i].host = next;
    inputs[i].isOffsets ? joinOffsets(jobs, i, next) : joinBytes(jobs, i, next);
    next += roundUp(job.inputs[i].spec.bytes());
  }
  job.prepare();
  for (size_t i = 0; i < job.outputSpecs.size(); ++i) {
    uint64_t bytes = 0;
    for (const auto& part : jobs) bytes += part->outputSpecs[i].bytes();
    if (bytes != job.outputSpecs[i].bytes()) return nullptr;
  }
  return joined;
}

void JoinedJobs::finish() {
  for (size_t i = 0; i < job.outputs.size(); ++i) {
    const std::byte* from = job.outputs[i]->data;
    for (const auto& part : parts_) {
      const OutputTarget& target = part->into[i];
      std::byte* to = target.data;
      if (!to && target.bytes) {
        part->outputs.resize(part->outputSpecs.size());
        part->outputs[i] = HostPool::shared().acquire(target.bytes);
        to = part->outputs[i]->data;
      }
      if (target.bytes) std::memcpy(to, from, target.bytes);
      from += target.bytes;
    }
  }
}

}  // namespace switchyard
