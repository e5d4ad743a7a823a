// Everything is checked: offsets against the regions, sizes against what the workload makes of the shapes.
#include "cluster/body.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "program/run/run.h"

namespace switchyard::cluster {

double Reader::number() {
  if (at_ >= numbers_.size()) throw Error(Code::Internal, "a message of the cluster ends too early");
  return numbers_[at_++];
}

uint64_t countOf(double value, uint64_t most) {
  if (!(value >= 0 && value <= static_cast<double>(most)) || value != std::floor(value))
    throw Error(Code::Internal, "a message of the cluster holds what can't be a count");
  return static_cast<uint64_t>(value);
}

std::span<const double> Reader::take(size_t length) {
  if (length > numbers_.size() - at_) throw Error(Code::Internal, "a message of the cluster ends too early");
  at_ += length;
  return numbers_.subspan(at_ - length, length);
}

namespace {

std::shared_ptr<LentMemory> findLent(uint64_t number, uint64_t bytes) {
  auto lent = LentTable::shared().find(number);
  if (!lent || lent->bytes != bytes) throw Error(Code::Internal, "the memory of a job was not lent by this process");
  return lent;
}

void decodeInputs(Reader& reader, Job& job, BodyMemory& memory) {
  const size_t count = reader.count(4096);
  job.inputs.resize(count);
  memory.sealed.resize(count);
  for (size_t i = 0; i < count; ++i) {
    TensorArg& input = job.inputs[i];
    input.present = reader.number() != 0;
    if (!input.present) continue;
    input.spec.dtype = static_cast<DType>(reader.count(kDTypeCount - 1));
    const size_t rank = reader.count(Shape::kMaxRank);
    for (size_t axis = 0; axis < rank; ++axis) input.spec.shape.push(reader.count());
    const uint64_t region = reader.count(), offset = reader.count(), generation = reader.count();
    const uint64_t bytes = input.spec.bytes();
    if (!bytes) continue;
    if (region == kLentRegion) {
      auto lent = findLent(offset, bytes);
      if (!lent->data) throw Error(Code::Internal, "an input is the place of an output");
      input.host = lent->data;
      memory.lent.push_back(std::move(lent));
      continue;
    }
    auto found = RegionTable::shared().require(region);
    if (!found) throw Error(Code::Internal, "the memory of an input is not known in this process");
    input.host = found->mapped(offset, bytes);
    // Most inputs of a graph are weights, which lie side by side.
    if (memory.regions.empty() || memory.regions.back() != found) memory.regions.push_back(std::move(found));
    if (generation) memory.sealed[i] = {region, offset, generation, bytes};
  }
}

void decodeOutputs(Reader& reader, Job& job, BodyMemory& memory) {
  const size_t count = reader.count(4096);
  if (count != job.outputSpecs.size()) throw Error(Code::Internal, "a job's outputs are not those its workload has");
  job.into.resize(count);
  for (size_t i = 0; i < count; ++i) {
    const auto place = reader.take(kOutputNumbers);
    const uint64_t region = countOf(place[kOutputRegion]), offset = countOf(place[kOutputOffset]),
                   bytes = countOf(place[kOutputBytes]);
    if (bytes != job.outputSpecs[i].bytes())
      throw Error(Code::Internal, "a job's output is not as large as its workload makes it");
    if (!bytes) continue;
    if (region == kLentRegion) {
      auto lent = findLent(offset, bytes);
      job.into[i] = {lent->data, bytes};
      memory.lentOutputs.resize(count);
      (lent->data ? memory.lent.emplace_back() : memory.lentOutputs[i]) = std::move(lent);
      continue;
    }
    auto found = RegionTable::shared().require(region);
    if (!found) throw Error(Code::Internal, "the memory of an output is not known in this process");
    job.into[i] = {found->mapped(offset, bytes), bytes};
    memory.regions.push_back(std::move(found));
  }
}

constexpr size_t kHeadNumbers = 4;                        // inputs, values, nodes, outputs
constexpr size_t kPackingNumbers = 2 + kMaxPackedInputs;  // as encodeGraph() puts them
constexpr size_t kNodeNumbers = 2 + 2 * kMaxTensors + kMaxParams;

// All that encodeGraph() has put.
std::span<const double> graphNumbers(Reader& reader) {
  Reader head = reader;
  head.take(2);
  const size_t nodes = head.count(1 << 20), outputs = head.count(4096);
  return reader.take(kHeadNumbers + kPackingNumbers + outputs + nodes * kNodeNumbers);
}

Graph decodeGraph(std::span<const double> numbers) {
  Reader reader(numbers);
  Graph graph;
  graph.inputCount = reader.count(4096);
  graph.valueCount = reader.count(1 << 20);
  if (graph.inputCount > graph.valueCount) throw Error(Code::Internal, "a graph has more inputs than values");
  graph.nodes.resize(reader.count(1 << 20));
  graph.outputs.resize(reader.count(4096));
  if (graph.outputs.empty()) throw Error(Code::Internal, "a graph has no outputs");
  auto value = [&](double number) {
    if (!(number >= -1 && number < static_cast<double>(graph.valueCount)))
      throw Error(Code::Internal, "a graph names a value it does not have");
    return static_cast<int>(number);
  };
  graph.packing.offsets = value(reader.number());
  graph.packing.mostRows = static_cast<uint32_t>(reader.count(UINT32_MAX));
  for (int& row : graph.packing.rows) row = value(reader.number());
  for (int& output : graph.outputs) output = value(reader.number());
  auto table = allWorkloads();
  for (GraphNode& node : graph.nodes) {
    node.workload = table[reader.count(table.size() - 1)];
    for (int& input : node.inputs) input = value(reader.number());
    for (int& output : node.outputs) output = value(reader.number());
    for (double& param : node.params) param = reader.number();
    const double label = reader.number();
    if (!(label >= -1 && label <= 1 << 20))
      throw Error(Code::Internal, "a graph's node has a number that it can't have");
    node.label = static_cast<int>(label);
  }
  return graph;
}

// The program as this process knows it, else as the requester has put it into shared memory.
std::shared_ptr<const ProgramWorkload> decodeProgram(Reader& reader) {
  ProgramId id;
  for (size_t i = 0; i < kProgramIdNumbers; ++i) {
    const uint64_t word = reader.count(0xFFFFFFFF);
    for (size_t byte = 0; byte < 4; ++byte) id[i * 4 + byte] = static_cast<uint8_t>(word >> (24 - 8 * byte));
  }
  const uint64_t region = reader.count(), offset = reader.count(), bytes = reader.count();
  if (auto known = ProgramTable::shared().find(id)) return known;
  const auto found = RegionTable::shared().require(region);
  if (!found || !bytes) throw Error(Code::Internal, "the memory of a program is not known in this process");
  const auto* data = reinterpret_cast<const uint8_t*>(found->at(offset, bytes));
  const std::vector<uint8_t> copy(data, data + bytes);  // what was checked is what is read: others may write there
  auto module = decodeModule(copy);
  if (module->id != id) throw Error(Code::Internal, "a job's program is not the one it names");
  return ProgramTable::shared().add(std::move(module));
}

}  // namespace

void decodeBody(std::span<const double> body, Job& job, BodyMemory& memory, GraphPlans& plans) {
  Reader reader(body);
  const double kind = reader.number();
  if (kind == kProgramBody) {
    job.program = decodeProgram(reader);
    job.workload = job.program.get();
    decodeInputs(reader, job, memory);
    if (job.inputs.size() != job.workload->info.inputs.size())
      throw Error(Code::Internal, "a job has not as many inputs as a program's");
  } else if (kind == kGraphBody) {
    job.kind = Job::Kind::Graph;
    const std::array numbers{graphNumbers(reader)};
    decodeInputs(reader, job, memory);
    if (static_cast<double>(job.inputs.size()) != numbers[0][0])
      throw Error(Code::Internal, "a job has not as many inputs as its graph");
    job.plan = plans.plan(numbers, job.inputs, [&] { return decodeGraph(numbers[0]); });
  } else {
    auto table = allWorkloads();
    job.workload = table[reader.count(table.size() - 1)];
    for (double& param : job.params) param = reader.number();
    decodeInputs(reader, job, memory);
    if (job.inputs.size() != job.workload->info.inputs.size())
      throw Error(Code::Internal, "a job has not as many inputs as its workload");
  }
  job.prepare();
  decodeOutputs(reader, job, memory);
}

void BodyMemory::giveOutputs(Job& job) const {
  for (size_t i = 0; i < lentOutputs.size(); ++i)
    if (lentOutputs[i]) lentOutputs[i]->give(std::move(job.outputs[i]));
}

std::vector<double> encodeGraph(const Graph& graph) {
  std::vector<double> numbers;
  numbers.reserve(kHeadNumbers + kPackingNumbers + graph.outputs.size() + graph.nodes.size() * kNodeNumbers);
  auto put = [&](auto number) { numbers.push_back(static_cast<double>(number)); };
  put(graph.inputCount);
  put(graph.valueCount);
  put(graph.nodes.size());
  put(graph.outputs.size());
  put(graph.packing.offsets);
  put(graph.packing.mostRows);
  for (int row : graph.packing.rows) put(row);
  for (int output : graph.outputs) put(output);
  auto table = allWorkloads();
  for (const GraphNode& node : graph.nodes) {
    put(std::find(table.begin(), table.end(), node.workload) - table.begin());
    for (int input : node.inputs) put(input);
    for (int output : node.outputs) put(output);
    for (double param : node.params) put(param);
    put(node.label);
  }
  return numbers;
}

}  // namespace switchyard::cluster
