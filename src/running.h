// What a job holds while it runs: its call, its recorder and the plan's coroutine. Internal to the core.
#pragma once
#include "job.h"
#include "recorder.h"

namespace switchyard {

struct Job::Running {
  Running(Device& device, Queue& queue, Arena& arena, ProgramCache& programs, Job& job)
      : recorder(device, queue, arena, programs, job.stop, &job.progress) {}

  // Destroyed in reverse: the coroutine first, then its calls, wrapped host memory, scratch, and what it held.
  std::vector<Hold> holds;  // of tensors on devices
  Recorder recorder;
  std::vector<std::unique_ptr<Buffer>> wrapped;
  // to be downloaded; null where the output was written in place or is empty
  std::vector<BufferView> outputViews;
  std::vector<Value> values;  // of a graph
  Call call;
  Task task;
  bool recorded = false;  // the plan has ended: what is left is the device's
  double uploadMs = 0;
};

}  // namespace switchyard
