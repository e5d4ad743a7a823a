// Small jobs of one kind as one job: their rows are concatenated, so that one launch does the work of many.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "job.h"

namespace switchyard {

struct JoinedInput;

// Equal for prepared jobs that may be joined (nearly always: JoinedJobs compares what counts); 0 for those that can't
// be. `identities`: one for each input, equal for the same shared memory, 0 for memory of the job's own.
uint64_t joinKey(const Job& job, std::span<const uint64_t> identities);

// Bytes of the inputs that jobs of one key share: read once for all of them.
uint64_t sharedBytes(const Job& job);

// Whether `next` may be joined with `first` so that each gets what it gets by itself, to the bit: its elements depend
// on nothing that lies beside them.
bool joinsExactly(const Job& first, const Job& next);

// One job that does the work of all, or null where they don't fit together. Inputs are copied now; the outputs go to
// each job's `into`, which must say how many bytes there are, when finish() is called after the joined job has ended
// well. One without a place gets memory of the host pool (throws OutOfMemory).
class JoinedJobs {
 public:
  static std::unique_ptr<JoinedJobs> make(std::span<const std::shared_ptr<Job>> jobs);
  Job job;
  void finish();
  std::span<const std::shared_ptr<Job>> parts() const { return parts_; }

 private:
  static std::unique_ptr<JoinedJobs> join(std::span<const std::shared_ptr<Job>> jobs,
                                          std::span<const JoinedInput> inputs);
  std::vector<std::shared_ptr<Job>> parts_;
  std::shared_ptr<HostBlock> memory_;
};

}  // namespace switchyard
