// A job that another process may run: its memory lies in regions that all processes of the cluster see.
#pragma once
#include <memory>
#include <unordered_map>
#include <vector>

#include "cluster/channel.h"
#include "environment.h"
#include "job.h"
#include "memory/shared_memory.h"

namespace switchyard::node {

// The jobs that one environment has requested and not been told the end of. JavaScript thread only.
class RequestedJobs {
 public:
  // Puts the inputs and the outputs' places into shared memory and posts the message; `job` is prepared. `call` has the
  // ask's numbers that JavaScript fills in (src/cluster/messages.def); the job's id is its number.
  void ask(cluster::Channel& channel, std::unique_ptr<Job> job, std::span<const double> graph, const double* call,
           std::shared_ptr<SharedBlock> code = nullptr);  // code: where the module of a program's job lies
  // The outputs of a job that ended well, as LocalJob::result() gives them; forgets it.
  Napi::Value take(Environment& environment, uint64_t id);
  // The same, with what another process's equal job has written: where each output is, as messages.def says.
  Napi::Value takeFrom(Environment& environment, uint64_t id, std::span<const double> places);
  void drop(uint64_t id) { staged_.erase(id); }
  size_t size() const { return staged_.size(); }

 private:
  struct Output {
    std::byte* data = nullptr;    // in a region
    std::byte* target = nullptr;  // where it has to go in the end: `into` outside of shared memory
    uint64_t bytes = 0;
    bool into = false;
    std::shared_ptr<SharedBlock> own;  // of a large one: becomes the ArrayBuffer
  };
  struct Staged {
    std::vector<TensorSpec> specs;
    std::vector<Output> outputs;
    std::shared_ptr<SharedBlock> block;               // small inputs' copies and small outputs
    std::vector<std::shared_ptr<SharedBlock>> holds;  // shared tensors it uses
    std::unique_ptr<Job> job;                         // keeps the host pointers' description
  };
  struct Message;
  void placeInputs(Staged& staged, Message& message);
  void placeOutputs(Staged& staged, Message& message);
  napi_value output(Environment& environment, Staged& staged, size_t i);
  Napi::Value outputs(Environment& environment, Staged& staged);

  std::unordered_map<uint64_t, Staged> staged_;
  std::vector<double> message_;
};

}  // namespace switchyard::node
