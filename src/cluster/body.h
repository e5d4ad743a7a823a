// A job's body (message.h): what is to be done, and on which shared memory.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "cluster/message.h"
#include "graph_plans.h"
#include "job.h"
#include "memory/lent_memory.h"
#include "memory/shared_memory.h"

namespace switchyard::cluster {

// A number of a message as a count; throws Internal for what can't be one.
uint64_t countOf(double value, uint64_t most = uint64_t{1} << 53);

// Reads a message's numbers one after the other; throws Internal past the end and for what can't be a count.
class Reader {
 public:
  explicit Reader(std::span<const double> numbers) : numbers_(numbers) {}
  double number();
  uint64_t count(uint64_t most = uint64_t{1} << 53) { return countOf(number(), most); }
  std::span<const double> take(size_t length);

 private:
  std::span<const double> numbers_;
  size_t at_ = 0;
};

// An input that is never going to change: a copy of it may stay on a device. generation 0: not so. Two jobs may use
// pieces of one tensor that begin at the same place and differ in length.
struct SealedPlace {
  uint64_t region = 0, offset = 0, generation = 0, bytes = 0;
  bool operator==(const SealedPlace&) const = default;
};
struct BodyMemory {
  std::vector<std::shared_ptr<Region>> regions;          // mapped for as long as the job runs
  std::vector<SealedPlace> sealed;                       // of each input
  std::vector<std::shared_ptr<LentMemory>> lent;         // inputs of this process, and targets
  std::vector<std::shared_ptr<LentMemory>> lentOutputs;  // places of outputs, null for the others; or empty

  // Once the job has ended well: its outputs without a target go to who has lent the places.
  void giveOutputs(Job& job) const;
};

// Fills a fresh job, prepares it and sets `into`. Throws Internal for a body that makes no sense, or memory this
// process doesn't know.
void decodeBody(std::span<const double> body, Job& job, BodyMemory& memory, GraphPlans& plans);
// A graph's numbers in a body.
std::vector<double> encodeGraph(const Graph& graph);

}  // namespace switchyard::cluster
