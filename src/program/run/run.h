// A program's jobs: its call block says which tensor is which binding, how many threads there are, and holds the
// parameter block.
#pragma once
#include "program/module.h"
#include "workload.h"

namespace switchyard {

// The first input of a program's job, `call`: uint8 that stand for float64 numbers, then the parameter block, padded to
// 8 bytes.
//   kernel: 1, threads x, y, z, inputs, { binding }, outputs, { binding, dtype, rank, extents... }, bytes of parameters
//   shader: 2, width, height, primitive, vertices, instances, blend, samples, background r, g, b, a, inputs, { kind,
//     index }, bytes of
//           parameters; kind 0: index of an attribute, 1: of a buffer, 2: of an image, 3: of one without filtering,
//             these among the module's bindings of their kind
// The tensors named there follow as inputs 1, 2, ... in that order. A binding that is both input and output starts as
// the input; the input itself is never written. Outputs that the source does not declare writeonly start as zeros.
constexpr double kKernelCall = 1, kShaderCall = 2;
constexpr size_t kMaxProgramInputs = kMaxTensors - 1;

struct ProgramLabel {
  const std::string label;  // what messages call it: kernel 'saxpy'
};
class ProgramWorkload : private ProgramLabel, public Workload {
 public:
  const ModulePtr module;
  bool readyOn(const ProgramCache& programs) const override;

 protected:
  ProgramWorkload(ModulePtr module, WorkKind kind, const char* type);
  // The tensor may be bound there: its dtype is the elements', its size a whole number of them.
  void checkBinding(const ProgramBinding& binding, const TensorSpec& spec, const char* place) const;
};
std::shared_ptr<const ProgramWorkload> makeKernelWorkload(ModulePtr module);
std::shared_ptr<const ProgramWorkload> makeShaderWorkload(ModulePtr module);

// What this process has run or been given, by id: a job that names one of them brings no code with it. Thread-safe.
class ProgramTable {
 public:
  static ProgramTable& shared();
  std::shared_ptr<const ProgramWorkload> find(const ProgramId& id);
  std::shared_ptr<const ProgramWorkload> add(ModulePtr module);  // the one that is there, or a new one

 private:
  struct Implementation;
  ProgramTable();
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace switchyard
