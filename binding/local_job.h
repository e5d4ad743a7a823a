// A job of the core on its way, and what it needs of JavaScript's memory.
#pragma once
#include "device_tensor_wrap.h"
#include "environment.h"
#include "job.h"

namespace switchyard::node {

class LocalJob : public Operation {
 public:
  using Operation::Operation;
  // Submits a prepared job to an open context. When it ran at once, its result is returned; otherwise null, and the
  // list delivers it.
  static Napi::Value start(Environment& environment, const std::shared_ptr<Context>& context,
                           std::shared_ptr<LocalJob> operation, bool mayRunNow);
  Napi::Value result(Environment& environment) override;
  void cancel() override;

  Job job;
  std::shared_ptr<TensorSet> tensors;  // of an Upload: where the result is entered

 private:
  void checkDevices(const Context& context) const;
  bool runNow(Environment& environment, Context& context, const std::shared_ptr<Job>& shared);
  void makeTargets(Environment& environment);
  void copySmallInputs();
  void onDone(Environment& environment);

  // weak: the last job of a closed context must not destroy it on the JavaScript thread
  std::weak_ptr<Context> context_;
  std::weak_ptr<LocalJob> self_;
  std::shared_ptr<HostBlock> copies_;
  // ArrayBuffers made ahead for a run inside the call; valid only there
  std::array<napi_value, kMaxTensors> targets_{};
};

}  // namespace switchyard::node
