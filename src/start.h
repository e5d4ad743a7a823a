// How a job begins: its memory is bound on the device, then its commands are recorded or its plan is made. Internal to
// the core.
#pragma once
#include "running.h"

namespace switchyard {

// Where a job runs.
struct JobPlace {
  const std::shared_ptr<Device>& device;
  const std::shared_ptr<Arena>& arena;  // of the device
  Queue& queue;
};

// What `running`, which is fresh, holds afterwards: either `recorded`, or the task that records. Takes memory for the
// outputs that have no `into`. Throws InvalidArgument for an input that lies on another device, and what allocating,
// uploading and recording throw; the job is as it was then, but for `outputs` and `uploaded`.
void startJob(Job& job, Job::Running& running, const JobPlace& place);

}  // namespace switchyard
