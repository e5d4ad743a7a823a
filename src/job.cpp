// Checks a job's arguments: everything that can be known without a device.
#include "job.h"

namespace switchyard {
namespace {

void checkInto(const std::vector<OutputTarget>& into, const std::vector<TensorSpec>& specs) {
  if (into.empty()) return;
  if (into.size() != specs.size())
    throw Error(Code::InvalidArgument, "'into' must name every output or none", {.argument = "into"});
  for (size_t i = 0; i < specs.size(); ++i)
    if (into[i].data && into[i].bytes != specs[i].bytes())
      throw Error(Code::InvalidArgument,
                  "output " + std::to_string(i) + " has shape " + specs[i].shape.text() + " and takes " +
                      std::to_string(specs[i].bytes()) + " bytes, but its 'into' target has " +
                      std::to_string(into[i].bytes),
                  {.argument = "into"});
}

}  // namespace

void Job::prepare() {
  outputSpecs.clear();
  switch (kind) {
    case Kind::Upload: cost = {0, static_cast<double>(inputs.at(0).spec.bytes())}; return;
    case Kind::Read:
      outputSpecs.push_back(inputs.at(0).spec);
      cost = {0, static_cast<double>(inputs[0].spec.bytes())};
      break;
    case Kind::Graph: {
      if (!plan) {
        std::vector<TensorSpec> specs(graph->inputCount);
        for (size_t i = 0; i < specs.size(); ++i) specs[i] = inputs.at(i).spec;
        plan = planGraph(std::move(*graph), std::move(specs));
        graph.reset();
      }
      cost = plan->cost;
      outputSpecs.reserve(plan->graph.outputs.size());
      for (int output : plan->graph.outputs) outputSpecs.push_back(plan->values[output]);
      break;
    }
    case Kind::Workload: {
      Call call;
      for (size_t i = 0; i < inputs.size(); ++i) {
        call.inputs[i].spec = inputs[i].spec;
        call.inputs[i].present = inputs[i].present;
        call.inputs[i].host = inputs[i].host;
      }
      call.params = params;
      cost = checkCall(*workload, call);
      params = call.params;
      for (size_t i = 0; i < call.outputCount; ++i) outputSpecs.push_back(call.outputs[i].spec);
      break;
    }
  }
  checkInto(into, outputSpecs);
}

}  // namespace switchyard
