#include "program/spirv/usage.h"

#include <algorithm>
#include <unordered_map>

#include "program/spirv/instructions.h"

namespace switchyard {
namespace {

using Operands = std::span<const uint32_t>;

class UseReader {
 public:
  StageUse read(Operands words) {
    forEachInstruction(words, [&](spv::Op op, Operands operands) {
      if (op == spv::OpFunction) inCode_ = true;
      if (inCode_)
        readCode(op, operands);
      else
        readDeclaration(op, operands);
      return true;
    });
    return std::move(use_);
  }

 private:
  struct Variable {
    uint32_t type = 0;  // what it points to
    spv::StorageClass storage = spv::StorageClassMax;
  };
  struct Range {
    uint32_t from = 0, to = UINT32_MAX;
  };

  void readDeclaration(spv::Op op, Operands operands) {
    const auto at = [&](size_t index) { return index < operands.size() ? operands[index] : 0; };
    if (op == spv::OpDecorate && at(1) == spv::DecorationLocation) locations_[at(0)] = at(2);
    if (op == spv::OpDecorate && at(1) == spv::DecorationBinding) bindings_[at(0)] = at(2);
    if (op == spv::OpMemberDecorate && at(2) == spv::DecorationOffset) offsets_[at(0)][at(1)] = at(3);
    if (op == spv::OpTypeFloat || op == spv::OpTypeInt || op == spv::OpTypeVector) plain_.insert(at(0));
    if (op == spv::OpTypeStruct) structs_[at(0)].assign(operands.begin() + 1, operands.end());
    if (op == spv::OpTypePointer) pointees_[at(0)] = at(2);
    if (op == spv::OpConstant) constants_[at(1)] = at(2);
    if (op == spv::OpVariable)
      variables_[at(1)] = {.type = pointees_[at(0)], .storage = static_cast<spv::StorageClass>(at(2))};
  }

  // In logical addressing, these are all that a variable's pointer may be given to.
  void readCode(spv::Op op, Operands operands) {
    switch (op) {
      case spv::OpAccessChain:
      case spv::OpInBoundsAccessChain:
        if (operands.size() > 3) use(operands[2], operands.subspan(3));
        if (operands.size() > 2) chains_[operands[1]] = originOf(operands[2]);
        break;
      case spv::OpFunctionCall:
        for (const uint32_t argument : operands.subspan(std::min<size_t>(3, operands.size()))) read(argument);
        break;
      case spv::OpLoad:
      case spv::OpArrayLength:
      case spv::OpImageTexelPointer:
      case spv::OpCopyObject:
        if (operands.size() > 2) read(operands[2]);
        break;
      case spv::OpCopyMemory:
        if (operands.size() > 1) read(operands[1]);
        break;
      case spv::OpExtInst:  // interpolateAt...()
        for (const uint32_t argument : operands.subspan(std::min<size_t>(4, operands.size()))) read(argument);
        break;
      default: break;
    }
  }

  uint32_t originOf(uint32_t id) const {
    const auto chain = chains_.find(id);
    return chain == chains_.end() ? id : chain->second;
  }

  void read(uint32_t id) {
    use(id, {});
    const uint32_t origin = originOf(id);
    const auto variable = variables_.find(origin);
    const auto location = locations_.find(origin);
    if (variable == variables_.end() || variable->second.storage != spv::StorageClassOutput ||
        location == locations_.end())
      return;
    const uint32_t count = plain_.contains(variable->second.type) ? 1 : kMostLocations;
    for (uint32_t i = 0; i < count; ++i) use_.readOutputs.insert(location->second + i);
  }

  void use(uint32_t id, Operands indices) {
    const auto found = variables_.find(id);
    if (found == variables_.end()) return;
    const Variable& variable = found->second;
    if (variable.storage == spv::StorageClassInput) {
      if (const auto location = locations_.find(id); location != locations_.end())
        use_.locations.insert(location->second);
      return;
    }
    if (const auto binding = bindings_.find(id); binding != bindings_.end()) use_.bindings.insert(binding->second);
    if (variable.storage != spv::StorageClassUniform && variable.storage != spv::StorageClassPushConstant) return;
    Range range;
    uint32_t base = 0, type = variable.type;
    for (const uint32_t index : indices) {
      const auto members = structs_.find(type);
      const auto member = constants_.find(index);
      if (members == structs_.end() || member == constants_.end() || member->second >= members->second.size()) break;
      range = rangeOf(type, member->second, base, range.to);
      base = range.from;
      type = members->second[member->second];
    }
    use_.params.emplace_back(range.from, range.to);
  }

  // Up to the member that lies next.
  Range rangeOf(uint32_t type, uint32_t member, uint32_t base, uint32_t end) {
    std::unordered_map<uint32_t, uint32_t>& offsets = offsets_[type];
    const uint32_t from = base + offsets[member];
    for (const auto& [other, offset] : offsets)
      if (base + offset > from) end = std::min(end, base + offset);
    return {from, end};
  }

  static constexpr uint32_t kMostLocations = 64;  // of an array or a matrix: no device has more

  bool inCode_ = false;
  std::set<uint32_t> plain_;                       // types of one location
  std::unordered_map<uint32_t, uint32_t> chains_;  // pointer into a variable -> the variable
  std::unordered_map<uint32_t, uint32_t> locations_, bindings_, pointees_, constants_;
  std::unordered_map<uint32_t, std::unordered_map<uint32_t, uint32_t>> offsets_;
  std::unordered_map<uint32_t, std::vector<uint32_t>> structs_;
  std::unordered_map<uint32_t, Variable> variables_;
  StageUse use_;
};

// Takes those that are not used out of a list, and puts their names to others.
template <class List, class IsUsed, class UnusedOf>
void split(List& list, IsUsed isUsed, UnusedOf unusedOf) {
  for (const auto& item : list)
    if (!isUsed(item)) unusedOf(item).push_back(item.name);
  std::erase_if(list, [&](const auto& item) { return !isUsed(item); });
}

// Each name once, and none that is given for something used.
template <class IsUsed>
void tidy(std::vector<std::string>& names, IsUsed isUsed) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::erase_if(names, isUsed);
}

}  // namespace

StageUse useOf(std::span<const uint32_t> words) { return UseReader().read(words); }

void noteUnused(ProgramInfo& info, const StageUse& vertex, const StageUse& fragment) {
  UnusedNames& unused = info.unused;
  split(
      info.attributes, [&](const ProgramAttribute& one) { return vertex.locations.contains(one.location); },
      [&](const ProgramAttribute&) -> auto& { return unused.attributes; });
  split(
      info.bindings,
      [&](const ProgramBinding& one) {
        return vertex.bindings.contains(one.binding) || fragment.bindings.contains(one.binding);
      },
      [&](const ProgramBinding& one) -> auto& {
        return one.kind == ProgramBinding::Kind::Image ? unused.uniforms : unused.buffers;
      });
  std::set<std::string> used;
  for (const ProgramParam& param : info.params) {
    const auto isIn = [&](const std::pair<uint32_t, uint32_t>& range) {
      return param.offset >= range.first && param.offset < range.second;
    };
    if (std::any_of(vertex.params.begin(), vertex.params.end(), isIn) ||
        std::any_of(fragment.params.begin(), fragment.params.end(), isIn))
      used.insert(param.name);
    else
      unused.uniforms.push_back(param.name);
  }
  const auto has = [](const auto& list, const std::string& name) {
    return std::any_of(list.begin(), list.end(), [&](const auto& item) { return item.name == name; });
  };
  tidy(unused.attributes, [&](const std::string& name) { return has(info.attributes, name); });
  tidy(unused.buffers, [&](const std::string& name) { return has(info.bindings, name); });
  tidy(unused.uniforms, [&](const std::string& name) { return used.contains(name) || has(info.bindings, name); });
}

}  // namespace switchyard
