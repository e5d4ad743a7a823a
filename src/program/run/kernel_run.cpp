// A user's kernel as a workload.
#include <algorithm>

#include "program/loop_turns.h"
#include "program/run/call.h"
#include "workloads/common.h"

namespace switchyard {
namespace {

// What a thread is taken to cost, where nothing is known: decides only whether a job counts as small.
constexpr double kFlopsOfThread = 50;
// Turns of all threads that a software driver makes within some milliseconds; of loops without an end it makes so many.
constexpr double kShortTurns = 1e7;
constexpr uint64_t kMostTurns = 65536;

constexpr uint64_t wholeWords(uint64_t bytes) { return (bytes + 3) & ~uint64_t{3}; }

// The same memory up to the next whole word: blocks of an arena reach further than what is asked of them.
BufferView wholeWords(BufferView view) { return {view.buffer, view.offset, wholeWords(view.size)}; }

class KernelWorkload final : public ProgramWorkload {
 public:
  explicit KernelWorkload(ModulePtr module)
      : ProgramWorkload(std::move(module), WorkKind::Vector, "kernel"),
        turns_(this->module->compute.empty() ? 0 : std::min(mostLoopTurns(this->module->compute), kMostTurns)) {}

  Cost check(Call& call) const override {
    const ProgramInfo& info = module->info;
    const KernelCall read = readKernelCall(*this, call);
    std::vector<int> inputOf(info.bindings.size(), -1), outputOf(info.bindings.size(), -1);
    for (size_t i = 0; i < read.inputs.size(); ++i) {
      const ProgramBinding& binding = info.bindings[read.inputs[i]];
      const auto path = [&] { return "inputs." + binding.name; };
      if (inputOf[read.inputs[i]] >= 0) refuse(*this, "input '" + binding.name + "' is given twice", path());
      inputOf[read.inputs[i]] = static_cast<int>(i);
      if (!call.inputs[1 + i].present) refuse(*this, "input '" + binding.name + "' is missing", path());
      if (binding.writeOnly)
        refuse(*this,
               "'" + binding.name + "' is given as an input, but the source declares it writeonly: it is an output",
               path());
      checkBinding(binding, call.inputs[1 + i].spec, "inputs.");
    }
    for (size_t i = 0; i < read.outputs.size(); ++i) {
      const ProgramBinding& binding = info.bindings[read.outputs[i].binding];
      const auto path = [&] { return "outputs." + binding.name; };
      if (outputOf[read.outputs[i].binding] >= 0) refuse(*this, "output '" + binding.name + "' is given twice", path());
      outputOf[read.outputs[i].binding] = static_cast<int>(i);
      if (binding.readOnly)
        refuse(*this,
               "'" + binding.name + "' is given as an output, but the source declares it readonly: it is an input",
               path());
      checkBinding(binding, read.outputs[i].spec, "outputs.");
      const int input = inputOf[read.outputs[i].binding];
      if (input >= 0 && call.inputs[1 + input].spec.bytes() != read.outputs[i].spec.bytes())
        refuse(*this,
               "'" + binding.name + "' is input and output, but the input " + call.inputs[1 + input].spec.shape.text() +
                   " is not as large as the output " + read.outputs[i].spec.shape.text(),
               path());
      call.outputs[i].spec = read.outputs[i].spec;
    }
    for (size_t i = 0; i < info.bindings.size(); ++i)
      if (inputOf[i] < 0 && outputOf[i] < 0)
        refuse(*this, "'" + info.bindings[i].name + "' is neither among the inputs nor the outputs");
    call.outputCount = read.outputs.size();
    const double threads = static_cast<double>(read.threads[0]) * read.threads[1] * read.threads[2];
    return {threads * kFlopsOfThread, bytesMoved(call), threads * static_cast<double>(turns_) > kShortTurns};
  }

  Task record(Recorder& r, const Call& call) const override {
    const ProgramInfo& info = module->info;
    const KernelCall read = readKernelCall(*this, call);
    const auto program = r.program(module);
    std::vector<ProgramView> views(info.bindings.size());
    std::vector<const Value*> given(info.bindings.size(), nullptr);
    for (size_t i = 0; i < read.inputs.size(); ++i) given[read.inputs[i]] = &call.inputs[1 + i];
    for (size_t i = 0; i < read.outputs.size(); ++i) {
      const uint32_t binding = read.outputs[i].binding;
      views[binding] = {bindOutput(r, call.outputs[i], given[binding], info.bindings[binding]), true};
      given[binding] = nullptr;
    }
    for (size_t i = 0; i < given.size(); ++i)
      if (given[i]) views[i] = {bindInput(r, *given[i], info.bindings[i]), !info.bindings[i].readOnly};
    for (size_t i = 0; i < views.size(); ++i)
      r.requireBindable(views[i].view.size, ("'" + info.bindings[i].name + "'").c_str());
    Extent groups;
    for (size_t axis = 0; axis < 3; ++axis) groups[axis] = (read.threads[axis] - 1) / info.groupSize[axis] + 1;
    r.launch(program, groups, views, read.params);
    co_return;
  }

 private:
  const uint64_t turns_;  // of a thread, at most

  // Something to bind where a tensor is empty.
  static BufferView nothing(Recorder& r, const ProgramBinding& binding) {
    const BufferView view = r.scratch(wholeWords(std::max<uint64_t>(binding.minBytes, 4)));
    r.fill(view, 0);
    return view;
  }

  static BufferView bindInput(Recorder& r, const Value& value, const ProgramBinding& binding) {
    if (!value.view.size) return nothing(r, binding);
    if (binding.readOnly || r.owns(value.view)) return r.aligned(value.view);
    const BufferView own = r.fresh(wholeWords(value.view.size));  // inputs are never written to
    copy(r, own, value);
    return own.slice(0, value.view.size);
  }

  static BufferView bindOutput(Recorder& r, const Value& output, const Value* input, const ProgramBinding& binding) {
    if (!output.view.size) return nothing(r, binding);
    if (input)
      copy(r, output.view, *input);
    else if (!binding.writeOnly)
      r.fill(wholeWords(output.view), 0);
    return output.view;
  }

  static void copy(Recorder& r, BufferView to, const Value& from) {
    if (from.view.size % 4 == 0) r.copy(to.slice(0, from.view.size), from.view);
    // imported memory may end right there
    else if (from.host)
      r.upload(to.slice(0, from.view.size), {from.host, from.view.size});
    else
      r.copy(wholeWords(to), wholeWords(from.view));
  }
};

}  // namespace

std::shared_ptr<const ProgramWorkload> makeKernelWorkload(ModulePtr module) {
  return std::make_shared<KernelWorkload>(std::move(module));
}

}  // namespace switchyard
