// Which inputs are put below each other and which must be the same memory, workload by workload.
#include "cluster/join.h"

#include <cmath>
#include <cstring>

namespace switchyard::cluster {
namespace {

// How one input of a workload is joined.
enum class How : uint8_t {
  None,     // no such input
  Flat,     // elements: the shape does not matter
  Rows,     // [.., d]: rows of d
  Leading,  // [h, s, d]: along the first axis, the others equal
  Stack,    // [m, k]: equal shapes get a batch axis
  Same,     // the same memory, or absent, in every job
};

struct Rule {
  const char* workload;
  How inputs[kMaxTensors];
};

constexpr Rule kRules[] = {
    {"add", {How::Flat, How::Flat}},
    {"subtract", {How::Flat, How::Flat}},
    {"multiply", {How::Flat, How::Flat}},
    {"divide", {How::Flat, How::Flat}},
    {"scale", {How::Flat}},
    {"activation", {How::Flat}},
    {"reduce", {How::Rows}},
    {"normalize", {How::Rows}},
    {"softmax", {How::Rows}},
    {"layer-norm", {How::Rows, How::Same, How::Same}},
    {"matmul", {How::Stack, How::Stack}},
    {"attention", {How::Leading, How::Leading, How::Leading, How::Same}},
    {"top-k", {How::Rows}},
    {"similarity-search", {How::Rows, How::Same}},
    {"quantize", {How::Rows}},
    {"pca-transform", {How::Rows, How::Same, How::Same}},
    {"evidence-timeline", {How::Rows}},
};

const Rule* ruleOf(const Job& job) {
  if (job.kind != Job::Kind::Workload) return nullptr;
  for (const Rule& rule : kRules)
    if (job.workload->info.name == std::string_view(rule.workload)) return &rule;
  return nullptr;
}

void mix(uint64_t& hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
  hash ^= hash >> 29;
}

uint64_t bitsOf(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return std::isnan(value) ? 1 : bits;
}

bool fits(const TensorArg& input, How how) {
  switch (how) {
    case How::None:
    case How::Same: return true;
    case How::Flat: return input.present && input.spec.shape.rank() >= 1;
    case How::Rows: return input.present && input.spec.shape.rank() >= 1 && input.spec.shape.back() > 0;
    case How::Leading:
      return input.present && input.spec.shape.rank() == 3 && input.spec.shape[1] > 0 && input.spec.shape[2] > 0;
    case How::Stack: return input.present && input.spec.shape.rank() == 2;
  }
  return false;
}

// What must be equal of two inputs, beside the dtype: the extents from `from` on.
size_t firstEqualAxis(How how, const Shape& shape) {
  switch (how) {
    case How::Flat: return shape.rank();
    case How::Rows: return shape.rank() - 1;
    case How::Leading: return 1;
    default: return 0;
  }
}

bool joinable(const Job& job, const Rule& rule) {
  for (size_t i = 0; i < job.inputs.size(); ++i)
    if ((job.inputs[i].device && rule.inputs[i] != How::Same) || !fits(job.inputs[i], rule.inputs[i])) return false;
  // A row or a scalar against a tensor is not the same as many of them.
  if (rule.inputs[0] == How::Flat && job.inputs.size() > 1 && !(job.inputs[0].spec.shape == job.inputs[1].spec.shape))
    return false;
  // Heads of query, key and value go together one by one.
  if (rule.inputs[0] == How::Leading)
    for (size_t i = 1; i < 3; ++i)
      if (job.inputs[i].spec.shape[0] != job.inputs[0].spec.shape[0]) return false;
  return job.cost.bytes > 0;
}

bool matches(const Job& a, const Job& b, const Rule& rule) {
  if (a.workload != b.workload) return false;
  for (size_t i = 0; i < kMaxParams; ++i)
    if (bitsOf(a.params[i]) != bitsOf(b.params[i])) return false;
  if (a.outputSpecs.size() != b.outputSpecs.size()) return false;
  for (size_t i = 0; i < a.inputs.size(); ++i) {
    const TensorArg &x = a.inputs[i], &y = b.inputs[i];
    if (x.present != y.present || x.spec.dtype != y.spec.dtype) return false;
    const How how = rule.inputs[i];
    if (how == How::Same) {
      if (x.present && (x.host != y.host || x.device != y.device || !(x.spec.shape == y.spec.shape))) return false;
      continue;
    }
    if (how == How::None) continue;
    const Shape &s = x.spec.shape, &t = y.spec.shape;
    const size_t axesOfX = s.rank() - firstEqualAxis(how, s), axesOfY = t.rank() - firstEqualAxis(how, t);
    if (axesOfX != axesOfY) return false;
    for (size_t axis = 0; axis < axesOfX; ++axis)
      if (s.back(axis) != t.back(axis)) return false;
  }
  return joinable(b, rule);
}

Shape joinedShape(How how, const Shape& first, uint64_t elements, size_t jobs) {
  switch (how) {
    case How::Flat: return {elements};
    case How::Rows: return {elements / first.back(), first.back()};
    case How::Leading: return {elements / (first[1] * first[2]), first[1], first[2]};
    case How::Stack: return {jobs, first[0], first[1]};
    default: return first;
  }
}

size_t roundUp(size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

uint64_t joinKey(const Job& job, std::span<const uint64_t> identities) {
  const Rule* rule = ruleOf(job);
  if (!rule || !joinable(job, *rule)) return 0;
  uint64_t hash = reinterpret_cast<uintptr_t>(rule) - reinterpret_cast<uintptr_t>(kRules) + 1;
  for (double param : job.params) mix(hash, bitsOf(param));
  for (size_t i = 0; i < job.inputs.size(); ++i) {
    const TensorArg& input = job.inputs[i];
    mix(hash, input.present ? 1 + static_cast<uint64_t>(input.spec.dtype) : 0);
    if (!input.present) continue;
    if (rule->inputs[i] == How::Same) {
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
  const Rule* rule = ruleOf(job);
  uint64_t bytes = 0;
  for (size_t i = 0; rule && i < job.inputs.size(); ++i)
    if (rule->inputs[i] == How::Same && job.inputs[i].present) bytes += job.inputs[i].spec.bytes();
  return bytes;
}

std::unique_ptr<JoinedJobs> JoinedJobs::make(std::span<const std::shared_ptr<Job>> jobs) {
  const Job& first = *jobs.front();
  const Rule* rule = jobs.size() > 1 ? ruleOf(first) : nullptr;
  if (!rule || !joinable(first, *rule)) return nullptr;
  for (const auto& job : jobs)
    if (!matches(first, *job, *rule)) return nullptr;

  auto joined = std::make_unique<JoinedJobs>();
  joined->parts_.assign(jobs.begin(), jobs.end());
  joined->job.workload = first.workload;
  joined->job.params = first.params;
  joined->job.inputs.resize(first.inputs.size());
  size_t total = 0;
  for (size_t i = 0; i < first.inputs.size(); ++i) {
    if (rule->inputs[i] == How::Same || rule->inputs[i] == How::None) continue;
    size_t bytes = 0;
    for (const auto& job : jobs) bytes += job->inputs[i].spec.bytes();
    total += roundUp(bytes);
  }
  joined->memory_ = HostPool::shared().acquire(total ? total : 64);
  std::byte* next = joined->memory_->data;
  for (size_t i = 0; i < first.inputs.size(); ++i) {
    TensorArg& input = joined->job.inputs[i];
    if (rule->inputs[i] == How::Same || rule->inputs[i] == How::None) {
      input = first.inputs[i];
      continue;
    }
    input.present = true;
    input.host = next;
    size_t bytes = 0;
    for (const auto& job : jobs) {
      const size_t part = job->inputs[i].spec.bytes();
      if (part) std::memcpy(next + bytes, job->inputs[i].host, part);
      bytes += part;
    }
    input.spec.dtype = first.inputs[i].spec.dtype;
    input.spec.shape =
        joinedShape(rule->inputs[i], first.inputs[i].spec.shape, bytes / dtypeBytes(input.spec.dtype), jobs.size());
    next += roundUp(bytes);
  }
  joined->job.prepare();
  for (size_t i = 0; i < joined->job.outputSpecs.size(); ++i) {
    uint64_t bytes = 0;
    for (const auto& job : jobs) bytes += job->outputSpecs[i].bytes();
    if (bytes != joined->job.outputSpecs[i].bytes()) return nullptr;
  }
  return joined;
}

void JoinedJobs::finish() {
  for (size_t i = 0; i < job.outputs.size(); ++i) {
    const std::byte* from = job.outputs[i]->data;
    for (const auto& part : parts_) {
      const OutputTarget& target = part->into[i];
      if (target.bytes) std::memcpy(target.data, from, target.bytes);
      from += target.bytes;
    }
  }
}

}  // namespace switchyard::cluster
