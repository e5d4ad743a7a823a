// A job of the core on its way, and what it needs of JavaScript's memory.
#pragma once
#include "call_reader.h"
#include "device_tensor_wrap.h"
#include "environment.h"
#include "job.h"

namespace switchyard::node {

class LocalJob : public Operation {
 public:
  using Operation::Operation;
  // Submits a prepared job to an open context. When it ran at once, its result is returned; otherwise null, and the
  // list delivers it. `arrays`: where its memory comes from.
  static Napi::Value start(Environment& environment, const std::shared_ptr<Context>& context,
                           std::shared_ptr<LocalJob> operation, bool mayRunNow, const CallArrays& arrays);
  Napi::Value result(Environment& environment) override;
  void cancel() override;
  Progress::Told progress() const override { return job.progress.told(); }

  Job job;
  std::shared_ptr<TensorSet> tensors;  // of an Upload: where the result is entered

 private:
  bool runNow(Environment& environment, Context& context, const std::shared_ptr<Job>& shared);
  void makeTargets(Environment& environment);
  void keepMemory(Environment& environment, const CallArrays& arrays);
  void copyInputs(size_t below, size_t total);
  void holdTargets(Environment& environment, const CallArrays& arrays);
  void onDone(Environment& environment);

  // weak: the last job of a closed context must not destroy it on the JavaScript thread
  std::weak_ptr<Context> context_;
  std::weak_ptr<LocalJob> self_;
  std::shared_ptr<HostBlock> copies_;
  std::vector<std::shared_ptr<const void>> held_;  // JavaScript's memory that it uses
  // ArrayBuffers made ahead for a run inside the call; valid only there. Graphs with more outputs run on the lane.
  std::array<napi_value, kMaxTensors> targets_{};
};

}  // namespace switchyard::node
