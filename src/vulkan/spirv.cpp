// Walks a SPIR-V module once and collects what ShaderInfo holds.
#include "vulkan/spirv.h"

#define SPV_ENABLE_UTILITY_CODE
#include <spirv/unified1/spirv.hpp>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "error.h"

namespace switchyard::vulkan {
namespace {

struct Id {
  spv::Op op = spv::OpNop;
  std::vector<uint32_t> args;                      // operands after the result id
  std::unordered_map<uint32_t, uint32_t> offsets;  // struct members
  uint32_t binding = ~0u, set = 0, specId = ~0u, arrayStride = 0;
  bool workgroupSize = false;
};

[[noreturn]] void bad(const char* why) { throw Error(Code::Compile, std::string("SPIR-V: ") + why); }

class Module {
 public:
  explicit Module(std::span<const uint32_t> words) {
    if (words.size() < 5 || words[0] != spv::MagicNumber) bad("not a module");
    for (size_t at = 5; at < words.size();) {
      const uint32_t length = words[at] >> 16;
      if (length == 0 || at + length > words.size()) bad("an instruction runs past the end");
      read(spv::Op(words[at] & 0xFFFF), words.subspan(at + 1, length - 1));
      at += length;
    }
  }

  ShaderInfo info() const {
    ShaderInfo out;
    if (!compute_) bad("no compute entry point");
    std::copy(localSize_, localSize_ + 3, out.groupSize);
    std::vector<uint32_t> seen;
    for (const auto& [id, v] : ids_) {
      if (v.workgroupSize) readWorkgroupSize(v, out);
      if (v.specId < kSpecCount) {
        out.has[v.specId] = true;
        out.value[v.specId] = v.op == spv::OpSpecConstant ? value(v) : 0;
      }
      if (v.op != spv::OpVariable) continue;
      const auto storage = spv::StorageClass(v.args.at(0));
      if (storage == spv::StorageClassPushConstant) out.pushBytes = sizeOf(at(v.type).args.at(1));
      if (storage == spv::StorageClassStorageBuffer || storage == spv::StorageClassUniform) {
        if (v.set != 0) bad("a binding outside set 0");
        seen.push_back(v.binding);
      }
    }
    std::sort(seen.begin(), seen.end());
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());  // one buffer may be seen as several types
    for (uint32_t i = 0; i < seen.size(); ++i)
      if (seen[i] != i) bad("bindings are not 0, 1, 2, ...");
    out.bindings = uint32_t(seen.size());
    return out;
  }

 private:
  struct Value : Id {
    uint32_t type = 0;
  };

  void read(spv::Op op, std::span<const uint32_t> a) {
    auto need = [&](size_t n) {
      if (a.size() < n) bad("an instruction is too short");
    };
    switch (op) {
      case spv::OpEntryPoint:
        need(2);
        compute_ = compute_ || a[0] == spv::ExecutionModelGLCompute;
        break;
      case spv::OpExecutionMode:
        need(2);
        if (a[1] == spv::ExecutionModeLocalSize) need(5), std::copy(a.begin() + 2, a.begin() + 5, localSize_);
        break;
      case spv::OpDecorate:
        need(2);
        decorate(ids_[a[0]], spv::Decoration(a[1]), a.subspan(2));
        break;
      case spv::OpMemberDecorate:
        need(3);
        if (a[2] == spv::DecorationOffset) need(4), ids_[a[0]].offsets[a[1]] = a[3];
        break;
      case spv::OpTypeInt:
      case spv::OpTypeFloat:
      case spv::OpTypeVector:
      case spv::OpTypeStruct:
      case spv::OpTypePointer:
      case spv::OpTypeArray:
      case spv::OpTypeRuntimeArray:
      case spv::OpTypeMatrix:
        need(1);
        set(a[0], 0, op, a.subspan(1));
        break;
      case spv::OpConstant:
      case spv::OpSpecConstant:
      case spv::OpVariable:
      case spv::OpSpecConstantComposite:
      case spv::OpConstantComposite:
        need(2);
        set(a[1], a[0], op, a.subspan(2));
        break;
      default: break;
    }
  }

  void set(uint32_t id, uint32_t type, spv::Op op, std::span<const uint32_t> args) {
    Value& v = ids_[id];
    v.op = op;
    v.type = type;
    v.args.assign(args.begin(), args.end());
  }

  static void decorate(Id& v, spv::Decoration decoration, std::span<const uint32_t> a) {
    if (a.empty()) return;
    if (decoration == spv::DecorationBinding) v.binding = a[0];
    if (decoration == spv::DecorationDescriptorSet) v.set = a[0];
    if (decoration == spv::DecorationSpecId) v.specId = a[0];
    if (decoration == spv::DecorationArrayStride) v.arrayStride = a[0];
    if (decoration == spv::DecorationBuiltIn) v.workgroupSize = a[0] == spv::BuiltInWorkgroupSize;
  }

  const Value& at(uint32_t id) const {
    const auto found = ids_.find(id);
    if (found == ids_.end()) bad("an id is not defined");
    return found->second;
  }

  static uint32_t value(const Id& v) {
    if ((v.op != spv::OpConstant && v.op != spv::OpSpecConstant) || v.args.empty()) bad("a constant was expected");
    return v.args[0];
  }

  void readWorkgroupSize(const Value& v, ShaderInfo& out) const {
    for (uint32_t i = 0; i < 3; ++i) {
      out.groupSize[i] = value(at(v.args.at(i)));
    }
  }

  uint32_t sizeOf(uint32_t typeId, int depth = 0) const {
    const Value& type = at(typeId);
    if (depth > 8) bad("types nest too deep");
    switch (type.op) {
      case spv::OpTypeInt:
      case spv::OpTypeFloat: return type.args.at(0) / 8;
      case spv::OpTypeVector: return type.args.at(1) * sizeOf(type.args.at(0), depth + 1);
      case spv::OpTypeArray: return value(at(type.args.at(1))) * type.arrayStride;
      case spv::OpTypeStruct: {
        uint32_t end = 0;
        for (uint32_t i = 0; i < type.args.size(); ++i) {
          const auto offset = type.offsets.find(i);
          if (offset == type.offsets.end()) bad("a push constant has no offset");
          end = std::max(end, offset->second + sizeOf(type.args[i], depth + 1));
        }
        return end;
      }
      default: bad("a push constant of this type is not supported");
    }
  }

  std::unordered_map<uint32_t, Value> ids_;
  uint32_t localSize_[3] = {1, 1, 1};
  bool compute_ = false;
};

}  // namespace

ShaderInfo reflect(std::span<const uint32_t> words) {
  try {
    return Module(words).info();
  } catch (const std::out_of_range&) {
    bad("an instruction is too short");
  }
}

}  // namespace switchyard::vulkan
