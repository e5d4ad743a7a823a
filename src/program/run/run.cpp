// What kernels and shaders share as workloads, and the table of those this process knows.
#include "program/run/run.h"

#include <list>
#include <mutex>
#include <unordered_map>

#include "program_cache.h"

namespace switchyard {
namespace {

constexpr size_t kMaxPrograms = 4096;
constexpr uint64_t kMaxBytes = uint64_t{256} << 20;
constexpr uint32_t kAnyDType = (1u << kDTypeCount) - 1;

std::vector<InputInfo> inputInfos() {
  std::vector<InputInfo> inputs{{"call", dtypeBit(DType::Uint8), false, true}};
  inputs.resize(kMaxTensors, {"input", kAnyDType, true});
  return inputs;
}

bool fits(ProgramBinding::Element element, DType dtype) {
  return element == ProgramBinding::Element::Other || static_cast<int>(element) == static_cast<int>(dtype);
}

}  // namespace

ProgramWorkload::ProgramWorkload(ModulePtr modulePtr, WorkKind kind, const char* type)
    : ProgramLabel{std::string(type) + " '" + modulePtr->info.name + "'"},
      Workload({label.c_str(), kind, kNotJoined, inputInfos(), {}, {}}),
      module(std::move(modulePtr)) {}

bool ProgramWorkload::readyOn(const ProgramCache& programs) const { return programs.has(module->id); }

void ProgramWorkload::checkBinding(const ProgramBinding& binding, const TensorSpec& spec, const char* place) const {
  const auto wrong = [&](const std::string& how) {
    refuse(*this, "'" + binding.name + "' " + how, place + binding.name);
  };
  if (!fits(binding.element, spec.dtype))
    wrong(std::string("is ") + dtypeName(spec.dtype) + ", but the source declares it as " +
          elementName(binding.element));
  const uint64_t bytes = spec.bytes();
  const uint64_t fixed = binding.minBytes - std::min<uint64_t>(binding.minBytes, binding.elementBytes);
  if (bytes == 0 && fixed == 0) return;
  if (bytes < binding.minBytes)
    wrong("has " + std::to_string(bytes) + " bytes, but the source's block takes at least " +
          std::to_string(binding.minBytes));
  if (binding.elementBytes && (bytes - fixed) % binding.elementBytes)
    wrong("has " + std::to_string(bytes) + " bytes, which is no whole number of its elements of " +
          std::to_string(binding.elementBytes) + " bytes" +
          (fixed ? " after the first " + std::to_string(fixed) : std::string()));
}

struct ProgramTable::Implementation {
  using Entries = std::list<std::shared_ptr<const ProgramWorkload>>;
  std::mutex mutex;
  Entries entries;  // the latest used first
  std::unordered_map<ProgramId, Entries::iterator, ProgramIdHash> places;
  uint64_t bytes = 0;
};

ProgramTable::ProgramTable() : implementation_(std::make_unique<Implementation>()) {}

ProgramTable& ProgramTable::shared() {
  static ProgramTable* table = new ProgramTable;  // leaked on purpose: jobs may end after every static
  return *table;
}

std::shared_ptr<const ProgramWorkload> ProgramTable::find(const ProgramId& id) {
  Implementation& table = *implementation_;
  std::lock_guard lock(table.mutex);
  const auto found = table.places.find(id);
  if (found == table.places.end()) return nullptr;
  table.entries.splice(table.entries.begin(), table.entries, found->second);
  return *found->second;
}

std::shared_ptr<const ProgramWorkload> ProgramTable::add(ModulePtr module) {
  if (auto there = find(module->id)) return there;
  const bool kernel = module->info.kind == ProgramKind::Kernel;
  auto made = kernel ? makeKernelWorkload(std::move(module)) : makeShaderWorkload(std::move(module));
  Implementation& table = *implementation_;
  std::lock_guard lock(table.mutex);
  if (const auto found = table.places.find(made->module->id); found != table.places.end()) return *found->second;
  table.bytes += made->module->bytes();
  table.entries.push_front(made);
  table.places[made->module->id] = table.entries.begin();
  while (table.entries.size() > 1 && (table.entries.size() > kMaxPrograms || table.bytes > kMaxBytes)) {
    table.bytes -= table.entries.back()->module->bytes();
    table.places.erase(table.entries.back()->module->id);
    table.entries.pop_back();
  }
  return made;
}

}  // namespace switchyard
