#include "program/spirv/shader_link.h"

#include <algorithm>

#include "error.h"

namespace switchyard {
namespace {

using Scalar = ProgramParam::Scalar;

std::string typeOf(Scalar scalar, uint32_t rows) {
  const size_t index = static_cast<size_t>(scalar);
  constexpr const char* kScalars[] = {"float", "int", "uint", "bool"};
  constexpr const char* kVectors[] = {"vec", "ivec", "uvec", "bvec"};
  return rows == 1 ? kScalars[index] : kVectors[index] + std::to_string(rows);
}

class Linker {
 public:
  explicit Linker(const std::string& name) : who_("shader \"" + name + "\"") {
    info_.kind = ProgramKind::Shader;
    info_.name = name;
  }

  ProgramInfo link(const StageReflection& vertex, const StageReflection& fragment) {
    matchValues(vertex, fragment);
    checkColour(fragment);
    info_.attributes = vertex.attributes;
    for (const StageReflection* stage : {&vertex, &fragment}) {
      for (const ProgramBinding& binding : stage->bindings) addBinding(binding);
      addBlock(stage->block);
      addUnused(stage->unused);
    }
    std::sort(info_.bindings.begin(), info_.bindings.end(),
              [](const auto& a, const auto& b) { return a.binding < b.binding; });
    std::sort(info_.params.begin(), info_.params.end(),
              [](const auto& a, const auto& b) { return a.offset < b.offset; });
    checkNames();
    return std::move(info_);
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const { throw Error(Code::Compile, who_ + ": " + why); }

  void matchValues(const StageReflection& vertex, const StageReflection& fragment) const {
    for (const StageValue& input : fragment.inputs) {
      if (!input.used) continue;
      const std::string where = "the fragment stage reads \"" + input.name + "\" (" + typeOf(input.scalar, input.rows) +
                                ") at location " + std::to_string(input.location);
      const auto found = std::find_if(vertex.outputs.begin(), vertex.outputs.end(),
                                      [&](const StageValue& output) { return output.location == input.location; });
      if (found == vertex.outputs.end()) refuse(where + ", and the vertex stage writes nothing there");
      if (found->scalar != input.scalar || found->rows != input.rows)
        refuse(where + ", and the vertex stage writes \"" + found->name + "\" (" + typeOf(found->scalar, found->rows) +
               ") there; they must be of one type");
    }
  }

  void checkColour(const StageReflection& fragment) const {
    bool written = false;
    for (const StageValue& output : fragment.outputs) {
      if (output.location != 0)
        refuse("the fragment stage has the output \"" + output.name + "\" at location " +
               std::to_string(output.location) + "; there is one colour, at location 0");
      if (output.scalar != Scalar::Float || output.rows != 4 || !output.isPlain)
        refuse("the colour \"" + output.name + "\" of the fragment stage must be a vec4, and is " +
               (output.isPlain ? typeOf(output.scalar, output.rows) : "an array or in a block"));
      written = written || output.used;
    }
    if (!written)
      refuse(
          "the fragment stage writes no colour: it needs `layout(location = 0) out vec4 colour;` and a value for it");
  }

  void addBinding(const ProgramBinding& binding) {
    if (binding.kind == ProgramBinding::Kind::Buffer && !binding.readOnly)
      refuse("the buffer \"" + binding.name + "\" can be written; buffers of shaders must be declared readonly");
    const auto same = std::find_if(info_.bindings.begin(), info_.bindings.end(),
                                   [&](const ProgramBinding& other) { return other.binding == binding.binding; });
    if (same == info_.bindings.end()) {
      info_.bindings.push_back(binding);
    } else if (!(*same == binding)) {
      refuse("binding " + std::to_string(binding.binding) + " is \"" + same->name + "\" in the vertex stage and \"" +
             binding.name + "\" in the fragment stage, or differs in its type; it must be the same in both");
    }
  }

  // The stages may declare the same block, or each what it needs of one block.
  void addBlock(const ParamBlock& block) {
    if (!block.present) return;
    if (hasBlock_ && (info_.paramsAreUniform != block.isUniform || info_.paramBinding != block.binding))
      refuse(
          "the parameters of the two stages are in different blocks; they must be the same push constants, or the same "
          "uniform block");
    hasBlock_ = true;
    info_.paramsAreUniform = block.isUniform;
    info_.paramBinding = block.binding;
    info_.paramBytes = std::max(info_.paramBytes, block.bytes);
    for (const ProgramParam& param : block.params) {
      const auto same = std::find_if(info_.params.begin(), info_.params.end(),
                                     [&](const ProgramParam& other) { return other.name == param.name; });
      if (same == info_.params.end()) {
        info_.params.push_back(param);
      } else if (!(*same == param)) {
        refuse("the parameter \"" + param.name + "\" differs between the two stages in its type or its offset");
      }
    }
  }

  void addUnused(const UnusedNames& unused) {
    const auto add = [](std::vector<std::string>& to, const std::vector<std::string>& names) {
      to.insert(to.end(), names.begin(), names.end());
    };
    add(info_.unused.attributes, unused.attributes);
    add(info_.unused.buffers, unused.buffers);
    add(info_.unused.uniforms, unused.uniforms);
  }

  void checkNames() const {
    if (info_.bindings.size() > kMaxProgramBindings)
      refuse("there are " + std::to_string(info_.bindings.size()) + " buffers and images; there may be " +
             std::to_string(kMaxProgramBindings));
    for (size_t i = 0; i + 1 < info_.params.size(); ++i) {
      const ProgramParam &param = info_.params[i], &next = info_.params[i + 1];
      if (next.offset < param.offset + bytesOf(param))
        refuse("the parameters \"" + param.name + "\" and \"" + next.name +
               "\" of the two stages overlap; they must differ in their offsets");
    }
    for (size_t i = 0; i < info_.bindings.size(); ++i) {
      const ProgramBinding& binding = info_.bindings[i];
      const auto isCalled = [&](const auto& other) { return other.name == binding.name; };
      if (std::any_of(info_.bindings.begin() + static_cast<ptrdiff_t>(i) + 1, info_.bindings.end(), isCalled) ||
          std::any_of(info_.params.begin(), info_.params.end(), isCalled))
        refuse("two of its parameters, buffers and images are called \"" + binding.name +
               "\"; callers give them by name");
      if (hasBlock_ && info_.paramsAreUniform && info_.paramBinding == binding.binding)
        refuse("the uniform block and \"" + binding.name + "\" have the same binding number " +
               std::to_string(binding.binding));
    }
  }

  static uint32_t bytesOf(const ProgramParam& param) {
    const uint32_t one = param.columns > 1 ? (param.columns - 1) * param.matrixStride + param.rows * 4 : param.rows * 4;
    return param.elements > 0 ? (param.elements - 1) * param.arrayStride + one : one;
  }

  const std::string who_;
  ProgramInfo info_;
  bool hasBlock_ = false;
};

}  // namespace

ProgramInfo linkStages(const std::string& name, const StageReflection& vertex, const StageReflection& fragment) {
  return Linker(name).link(vertex, fragment);
}

}  // namespace switchyard
