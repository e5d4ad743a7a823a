// A program's jobs: its call block says which tensor is which binding, how many threads there are, and holds the
// parameter block.
#pragma once
#include "layout.h"
#include "program/module.h"
#include "workload.h"

namespace switchyard {

// The call block, `call`: what is where in it. A binding that is both input and output starts as the input; the input
// itself is never written. Outputs that the source does not declare writeonly start as zeros.
#include "layout_places.h"
#include "program/run/block.def"

constexpr LayoutRow kProgramCallRows[] = {
#include "layout_rows.h"
#include "program/run/block.def"
};
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
