// What the graph says of its inputs decides: rows and offsets are concatenated, all else is the same memory.
#include "join_packed.h"

#include <algorithm>
#include <cstring>

#include "mix.h"

namespace switchyard {
namespace {

const Packing* packingOf(const Job& job) {
  return job.kind == Job::Kind::Graph && job.plan && job.plan->graph.packing.offsets >= 0 ? &job.plan->graph.packing
                                                                                          : nullptr;
}

bool isRows(const Packing& packing, size_t input) {
  return std::ranges::find(packing.rows, static_cast<int>(input)) != packing.rows.end();
}

bool isShared(const Packing& packing, size_t input) {
  return static_cast<int>(input) != packing.offsets && !isRows(packing, input);
}

bool isHost(const TensorArg& input) { return !input.device && (input.host || !input.spec.bytes()); }

uint64_t sequencesOf(const Job& job, const Packing& packing) { return job.inputs[packing.offsets].spec.shape[0] - 1; }

bool joinable(const Job& job, const Packing& packing) {
  for (size_t i = 0; i < job.inputs.size(); ++i)
    if (!isShared(packing, i) && !isHost(job.inputs[i])) return false;
  const uint64_t rows = packedRows(job), sequences = sequencesOf(job, packing);
  return std::ranges::all_of(job.plan->graph.outputs, [&](int output) {
    const Shape& shape = job.plan->values[output].shape;
    return shape.rank() && (shape[0] == rows || shape[0] == sequences);
  });
}

// What is wrong with them is for their own job to find.
bool offsetsFit(const Job& job, const Packing& packing) {
  const auto* offsets = reinterpret_cast<const int32_t*>(job.inputs[packing.offsets].host);
  const int32_t* last = offsets + sequencesOf(job, packing);
  return offsets[0] == 0 && *last == static_cast<int64_t>(packedRows(job)) && std::is_sorted(offsets, last + 1);
}

bool isSameNode(const GraphNode& a, const GraphNode& b) {
  return a.workload == b.workload && a.inputs == b.inputs && a.outputs == b.outputs &&
         std::memcmp(a.params.data(), b.params.data(), sizeof a.params) == 0;  // NaN: not given
}

bool isSameGraph(const Graph& a, const Graph& b) {
  return a.inputCount == b.inputCount && a.valueCount == b.valueCount && a.outputs == b.outputs &&
         a.packing == b.packing && std::ranges::equal(a.nodes, b.nodes, isSameNode);
}

// But for how many rows it has.
bool isAlike(const TensorSpec& a, const TensorSpec& b) {
  if (a.dtype != b.dtype || a.shape.rank() != b.shape.rank()) return false;
  for (size_t axis = 1; axis < a.shape.rank(); ++axis)
    if (a.shape[axis] != b.shape[axis]) return false;
  return true;
}

bool matches(const Job& a, const Job& b, const Packing& packing) {
  const Packing* its = packingOf(b);
  if (!its || !isSameGraph(a.plan->graph, b.plan->graph) || !joinable(b, *its) || !offsetsFit(b, *its)) return false;
  for (size_t i = 0; i < a.inputs.size(); ++i) {
    const TensorArg &x = a.inputs[i], &y = b.inputs[i];
    if (!isShared(packing, i) ? !isAlike(x.spec, y.spec) : x.host != y.host || x.device != y.device || x.spec != y.spec)
      return false;
  }
  return true;
}

uint64_t hashOf(const Graph& graph) {
  uint64_t hash = graph.nodes.size();
  for (const GraphNode& node : graph.nodes) {
    mix(hash, workloadNumber(*node.workload));
    for (const int value : node.inputs) mix(hash, static_cast<uint64_t>(value));
    for (const int value : node.outputs) mix(hash, static_cast<uint64_t>(value));
    for (const double param : node.params) mix(hash, bitsOf(param));
  }
  for (const int output : graph.outputs) mix(hash, static_cast<uint64_t>(output));
  mix(hash, graph.packing.mostRows);
  return hash;
}

}  // namespace

uint64_t packedRows(const Job& job) {
  const Packing& packing = job.plan->graph.packing;
  for (const int row : packing.rows)
    if (row >= 0) return job.inputs[row].spec.shape[0];
  return 0;
}

uint64_t packedJoinKey(const Job& job, std::span<const uint64_t> identities) {
  const Packing* packing = packingOf(job);
  if (!packing || !joinable(job, *packing)) return 0;
  uint64_t hash = hashOf(job.plan->graph);
  for (size_t i = 0; i < job.inputs.size(); ++i) {
    const TensorSpec& spec = job.inputs[i].spec;
    mix(hash, static_cast<uint64_t>(spec.dtype));
    if (isShared(*packing, i)) {
      if (!identities[i]) return 0;
      mix(hash, identities[i]);
    } else {
      for (size_t axis = 1; axis < spec.shape.rank(); ++axis) mix(hash, spec.shape[axis]);
    }
  }
  return (hash >> 11) | 1;  // a double holds it
}

uint64_t packedSharedBytes(const Job& job) {
  const Packing* packing = packingOf(job);
  uint64_t bytes = 0;
  for (size_t i = 0; packing && i < job.inputs.size(); ++i)
    if (isShared(*packing, i)) bytes += job.inputs[i].spec.bytes();
  return bytes;
}

std::vector<JoinedInput> joinPacked(std::span<const std::shared_ptr<Job>> jobs) {
  const Job& first = *jobs.front();
  const Packing* packing = packingOf(first);
  if (!packing) return {};
  uint64_t rows = 0, sequences = 0;
  for (const auto& job : jobs) {
    if (!matches(first, *job, *packing)) return {};
    rows += packedRows(*job);
    sequences += sequencesOf(*job, *packing);
  }
  if (rows > INT32_MAX || sequences >= INT32_MAX) return {};
  std::vector<JoinedInput> inputs(first.inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (isShared(*packing, i)) continue;
    inputs[i].concatenated = true;
    inputs[i].isOffsets = static_cast<int>(i) == packing->offsets;
    const Shape& shape = first.inputs[i].spec.shape;
    inputs[i].shape.push(inputs[i].isOffsets ? sequences + 1 : rows);
    for (size_t axis = 1; axis < shape.rank(); ++axis) inputs[i].shape.push(shape[axis]);
  }
  return inputs;
}

}  // namespace switchyard
