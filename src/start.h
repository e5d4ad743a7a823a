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
  const std::weak_ptr<Context>& context;
  bool mayWait = true;  // for tensors that are being moved; else startJob() throws MustWait
};

// How a device gets what is in a tensor.
enum class Way : uint8_t {
  Here,    // it lies there
  Direct,  // the device copies it from the other one
  Host,    // it lies where the host sees it
  Read     // its own context has to read it first
};
Way wayTo(const Device& device, const DeviceTensor& tensor);

// What `running`, which is fresh, holds afterwards: either `recorded`, or the task that records. Takes memory for the
// outputs that have no `into`. Inputs on other devices are none that have to be read first. Throws what allocating,
// uploading and recording throw; the job is as it was then, but for `outputs` and `uploaded`.
void startJob(Job& job, Job::Running& running, const JobPlace& place);

}  // namespace switchyard
