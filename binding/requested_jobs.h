// A job that another process may run: its memory lies in regions that all processes of the cluster see. Where it stays
// in this process, what is large is lent and not copied.
#pragma once
#include <memory>
#include <unordered_map>
#include <vector>

#include "call_reader.h"
#include "cluster/channel.h"
#include "environment.h"
#include "staged_job.h"

namespace switchyard::node {

// The jobs that one environment has requested and not been told the end of. JavaScript thread only.
class RequestedJobs {
 public:
  // Puts the inputs and the outputs' places where the job's process finds them, and posts the message; `job` is
  // prepared, and not needed after that. `call` has the ask's numbers that JavaScript fills in
  // (src/cluster/messages.def); the job's id is its number. What takes longer than an event loop should wait is put
  // off: nothing is posted then, and stage() and post() are to follow. Returns whether it was, and the bytes that are
  // to be copied.
  struct PutOff {
    bool yes = false;
    uint64_t copies = 0;
  };
  PutOff ask(Environment& environment, cluster::Channel& channel, Job& job, const CallArrays& arrays,
             std::span<const double> graph, const double* call,
             std::shared_ptr<SharedBlock> code = nullptr);  // code: where the module of a program's job lies
  // On a thread of its own; then `operation` id is delivered.
  void stage(Environment& environment, uint64_t operation, uint64_t id);
  void post(cluster::Channel& channel, uint64_t id);
  // The outputs of a job that ended well, as LocalJob::result() gives them; forgets it. `places`: where another
  // process's equal job has written them, as messages.def says. Null where there is more to copy than an event loop
  // should wait for: copy() is to follow, then this again.
  Napi::Value take(Environment& environment, uint64_t id, std::span<const double> places);
  void copy(Environment& environment, uint64_t operation, uint64_t id, std::span<const double> places);
  void drop(uint64_t id) { staged_.erase(id); }
  // Nothing more is heard of those that are under way.
  void abandon() { copies_.forget(); }
  size_t size() const { return staged_.size(); }

 private:
  struct Message;
  const std::shared_ptr<StagedJob>& find(uint64_t id) const;
  size_t planInputs(Environment& environment, StagedJob& staged, const Job& job, const CallArrays& arrays, bool lends,
                    PutOff& putOff);
  bool planLarge(Environment& environment, StagedJob& staged, const TensorArg& input, size_t i,
                 const CallArrays& arrays, bool lends, PutOff& putOff);
  size_t planOutputs(Environment& environment, StagedJob& staged, const Job& job, const CallArrays& arrays, bool lends,
                     PutOff& putOff);
  bool planTarget(Environment& environment, StagedJob& staged, std::byte* target, size_t i, const CallArrays& arrays,
                  bool lends);
  void packSmall(StagedJob& staged, Job& job);
  void writeMessage(StagedJob& staged, const Job& job, std::span<const double> graph, const double* call,
                    std::shared_ptr<SharedBlock> code);
  void putInputs(StagedJob& staged, const Job& job, Message& message);
  void putOutputs(StagedJob& staged, Message& message);
  napi_value output(Environment& environment, StagedJob& staged, size_t i);

  std::unordered_map<uint64_t, std::shared_ptr<StagedJob>> staged_;
  InputCopies copies_;
  std::vector<double> message_;
};

}  // namespace switchyard::node
