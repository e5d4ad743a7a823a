#include "program/spirv/reflect.h"

#include <spirv_cross/spirv_cross.hpp>

#include <algorithm>
#include <unordered_set>

#include "error.h"
#include "program/spirv/reflect_params.h"

namespace switchyard {
namespace {

using spirv_cross::Resource;
using spirv_cross::SPIRType;

constexpr uint32_t kMaxBindingNumber = 63;  // drivers keep tables up to it
constexpr uint32_t kMaxPushConstantBytes = 128, kMaxInvocations = 1024, kMaxLocation = 15;

ProgramBinding::Element elementOf(const SPIRType& type) {
  using Element = ProgramBinding::Element;
  switch (type.basetype) {
    case SPIRType::Float: return Element::Float32;
    case SPIRType::Half: return Element::Float16;
    case SPIRType::Int: return Element::Int32;
    case SPIRType::UInt: return Element::Uint32;
    case SPIRType::SByte: return Element::Int8;
    case SPIRType::UByte: return Element::Uint8;
    default: return Element::Other;
  }
}

spv::ExecutionModel modelOf(Stage stage) {
  switch (stage) {
    case Stage::Vertex: return spv::ExecutionModelVertex;
    case Stage::Fragment: return spv::ExecutionModelFragment;
    default: return spv::ExecutionModelGLCompute;
  }
}

class Reflector {
 public:
  Reflector(const std::string& who, Stage stage, const std::string& entry, std::span<const uint32_t> words)
      : who_(who), stage_(stage), compiler_(words.data(), words.size()) {
    compiler_.set_entry_point(entry, modelOf(stage));
    for (const uint32_t id : compiler_.get_active_interface_variables()) active_.insert(id);
    resources_ = compiler_.get_shader_resources();
  }

  StageReflection reflect(std::span<const std::string> bindingNames) {
    refuseOthers();
    for (const Resource& buffer : resources_.storage_buffers)
      if (counts(buffer))
        result_.bindings.push_back(bufferOf(buffer));
      else
        result_.unused.buffers.push_back(bufferName(buffer, compiler_.get_type(buffer.base_type_id)));
    for (const Resource& image : resources_.sampled_images)
      if (counts(image))
        result_.bindings.push_back(imageOf(image));
      else
        result_.unused.uniforms.push_back(compiler_.get_name(image.id));
    std::sort(result_.bindings.begin(), result_.bindings.end(),
              [](const auto& a, const auto& b) { return a.binding < b.binding; });
    readBlock();
    nameBindings(bindingNames);
    if (stage_ == Stage::Compute) {
      readGroupSize();
    } else {
      readInterface(resources_.stage_inputs, result_.inputs, stage_ == Stage::Vertex);
      readInterface(resources_.stage_outputs, result_.outputs, false);
    }
    return std::move(result_);
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const { throw Error(Code::Compile, who_ + ": " + why); }
  static std::string quoted(const std::string& name) { return name.empty() ? "without a name" : "\"" + name + "\""; }
  bool isUsed(const Resource& resource) const { return active_.count(resource.id) != 0; }
  bool counts(const Resource& resource) const { return stage_ == Stage::Compute || isUsed(resource); }

  void refuseOthers() const {
    const auto none = [&](const auto& list, const char* what) {
      if (!list.empty()) refuse(std::string(what) + " " + quoted(list[0].name) + " is not provided here");
    };
    none(resources_.storage_images, "the storage image");
    none(resources_.separate_images, "the separate image");
    none(resources_.separate_samplers, "the separate sampler");
    none(resources_.subpass_inputs, "the subpass input");
    none(resources_.atomic_counters, "the atomic counter");
    none(resources_.acceleration_structures, "the acceleration structure");
    none(resources_.shader_record_buffers, "the shader record buffer");
    if (stage_ == Stage::Compute) none(resources_.sampled_images, "a kernel reads buffers: the image");
  }

  // Set, number, and that there is one of it.
  void place(const Resource& resource, const std::string& name, ProgramBinding& binding) const {
    if (!compiler_.get_type(resource.type_id).array.empty())
      refuse(quoted(name) + " is an array of resources; give each a binding of its own");
    if (!compiler_.has_decoration(resource.id, spv::DecorationBinding))
      refuse(quoted(name) + " has no binding number: write layout(binding = n)");
    binding.set = compiler_.get_decoration(resource.id, spv::DecorationDescriptorSet);
    binding.binding = compiler_.get_decoration(resource.id, spv::DecorationBinding);
    if (binding.set != 0)
      refuse(quoted(name) + " is in descriptor set " + std::to_string(binding.set) + "; there is only set 0");
    if (binding.binding > kMaxBindingNumber)
      refuse(quoted(name) + " has binding number " + std::to_string(binding.binding) + "; the highest is " +
             std::to_string(kMaxBindingNumber));
  }

  // The instance's name, else that of its single or run-time array member, else the block's.
  std::string bufferName(const Resource& buffer, const SPIRType& type) const {
    if (std::string name = compiler_.get_name(buffer.id); !name.empty()) return name;
    if (!type.member_types.empty()) {
      const uint32_t last = static_cast<uint32_t>(type.member_types.size() - 1);
      if (last == 0 || isRuntimeArray(compiler_.get_type(type.member_types[last])))
        if (std::string name = compiler_.get_member_name(type.self, last); !name.empty()) return name;
    }
    return compiler_.get_name(buffer.base_type_id);
  }

  // The last dimension in the list is the outermost.
  static bool isRuntimeArray(const SPIRType& type) {
    return !type.array.empty() && type.array_size_literal.back() && type.array.back() == 0;
  }

  ProgramBinding bufferOf(const Resource& buffer) const {
    const SPIRType& type = compiler_.get_type(buffer.base_type_id);
    ProgramBinding binding{.name = bufferName(buffer, type), .kind = ProgramBinding::Kind::Buffer, .elementBytes = 0};
    place(buffer, binding.name, binding);
    if (type.member_types.empty()) refuse("the buffer " + quoted(binding.name) + " has no members");
    const uint32_t last = static_cast<uint32_t>(type.member_types.size() - 1);
    const SPIRType& member = compiler_.get_type(type.member_types[last]);
    const bool runtime = isRuntimeArray(member);
    if (runtime || last == 0) binding.element = elementOf(member);
    if (runtime) binding.elementBytes = compiler_.type_struct_member_array_stride(type, last);
    binding.minBytes = compiler_.get_declared_struct_size_runtime_array(type, 1);
    const spirv_cross::Bitset flags = compiler_.get_buffer_block_flags(buffer.id);
    binding.readOnly = flags.get(spv::DecorationNonWritable);
    binding.writeOnly = flags.get(spv::DecorationNonReadable);
    return binding;
  }

  ProgramBinding imageOf(const Resource& image) const {
    ProgramBinding binding{
        .name = compiler_.get_name(image.id), .kind = ProgramBinding::Kind::Image, .elementBytes = 0, .readOnly = true};
    place(image, binding.name, binding);
    const SPIRType& type = compiler_.get_type(image.type_id);
    const bool fits = type.image.dim == spv::Dim2D && !type.image.depth && !type.image.arrayed && !type.image.ms &&
                      compiler_.get_type(type.image.type).basetype == SPIRType::Float;
    if (!fits)
      refuse("the sampler " + quoted(binding.name) + " is of a kind that is not provided here; there is sampler2D");
    return binding;
  }

  void readBlock() {
    const auto& pushed = resources_.push_constant_buffers;
    std::vector<Resource> uniforms;
    for (const Resource& uniform : resources_.uniform_buffers) {
      if (counts(uniform)) {
        uniforms.push_back(uniform);
      } else {
        for (const ProgramParam& param : flattenBlock(who_, compiler_, compiler_.get_type(uniform.base_type_id)))
          result_.unused.uniforms.push_back(param.name);
      }
    }
    if (uniforms.size() > 1)
      refuse("there is more than one uniform block (" + quoted(uniforms[0].name) + ", " + quoted(uniforms[1].name) +
             "); put all parameters into one");
    if (!pushed.empty() && !uniforms.empty())
      refuse("there are push constants (" + quoted(pushed[0].name) + ") and a uniform block (" +
             quoted(uniforms[0].name) + "); put all parameters into one of them");
    if (pushed.empty() && uniforms.empty()) return;
    ParamBlock& block = result_.block;
    const Resource& resource = pushed.empty() ? uniforms[0] : pushed[0];
    block.present = true;
    block.isUniform = pushed.empty();
    if (block.isUniform) {
      ProgramBinding where;
      place(resource, resource.name, where);
      block.binding = where.binding;
    }
    const SPIRType& type = compiler_.get_type(resource.base_type_id);
    const size_t bytes = compiler_.get_declared_struct_size(type);
    const size_t most = block.isUniform ? kMaxParamBytes : kMaxPushConstantBytes;
    if (bytes > most)
      refuse("the " + std::string(block.isUniform ? "uniform block " : "push constants ") + quoted(resource.name) +
             " take " + std::to_string(bytes) + " bytes; there are " + std::to_string(most) +
             (block.isUniform ? "" : ": a uniform block may have more"));
    block.bytes = static_cast<uint32_t>(bytes);
    block.params = flattenBlock(who_, compiler_, type);
  }

  void nameBindings(std::span<const std::string> names) {
    std::vector<ProgramBinding>& bindings = result_.bindings;
    if (bindings.size() > kMaxProgramBindings)
      refuse("there are " + std::to_string(bindings.size()) + " buffers and images; there may be " +
             std::to_string(kMaxProgramBindings));
    if (!names.empty() && names.size() != bindings.size())
      refuse("`bindings` has " + std::to_string(names.size()) + " names, and the module " +
             std::to_string(bindings.size()) + " buffers");
    for (size_t i = 0; i < bindings.size(); ++i) {
      if (!names.empty()) bindings[i].name = names[i];
      if (bindings[i].name.empty()) bindings[i].name = "binding" + std::to_string(bindings[i].binding);
      if (result_.block.present && result_.block.isUniform && result_.block.binding == bindings[i].binding)
        refuse("the uniform block and " + quoted(bindings[i].name) + " have the same binding number " +
               std::to_string(bindings[i].binding));
      for (size_t before = 0; before < i; ++before) {
        if (bindings[before].binding == bindings[i].binding)
          refuse(quoted(bindings[before].name) + " and " + quoted(bindings[i].name) + " have the same binding number " +
                 std::to_string(bindings[i].binding));
        if (bindings[before].name == bindings[i].name)
          refuse("bindings " + std::to_string(bindings[before].binding) + " and " +
                 std::to_string(bindings[i].binding) + " are both called " + quoted(bindings[i].name) +
                 "; give the blocks instance names that differ");
      }
    }
    refuseSameNames();
  }

  void refuseSameNames() const {
    std::unordered_set<std::string> seen;
    for (const ProgramBinding& binding : result_.bindings) seen.insert(binding.name);
    for (const ProgramParam& param : result_.block.params)
      if (!seen.insert(param.name).second)
        refuse("two of its parameters and buffers are called " + quoted(param.name) + "; callers give them by name");
  }

  void readGroupSize() {
    // A constant of its own, where there is one, wins over the execution mode. Its specialisation has been frozen.
    spirv_cross::SpecializationConstant unused[3];
    const uint32_t constant = compiler_.get_work_group_size_specialization_constants(unused[0], unused[1], unused[2]);
    uint64_t invocations = 1;
    for (uint32_t axis = 0; axis < 3; ++axis) {
      result_.groupSize[axis] = constant != 0
                                    ? compiler_.get_constant(constant).scalar(0, axis)
                                    : compiler_.get_execution_mode_argument(spv::ExecutionModeLocalSize, axis);
      invocations =
          std::min<uint64_t>(invocations * std::min(result_.groupSize[axis], kMaxInvocations + 1), kMaxInvocations + 1);
    }
    if (invocations >= 1 && invocations <= kMaxInvocations) return;
    const auto& size = result_.groupSize;
    refuse("its work group is " + std::to_string(size[0]) + " x " + std::to_string(size[1]) + " x " +
           std::to_string(size[2]) + "; it must have between 1 and " + std::to_string(kMaxInvocations) +
           " invocations");
  }

  void readInterface(const spirv_cross::SmallVector<Resource>& resources, std::vector<StageValue>& values,
                     bool areAttributes) {
    for (const Resource& resource : resources) {
      const SPIRType& type = compiler_.get_type(resource.type_id);
      const std::string name = compiler_.get_name(resource.id);
      const bool used = isUsed(resource);
      if (compiler_.get_decoration(resource.id, spv::DecorationIndex) != 0)
        refuse("the output " + quoted(name) +
               " is a second colour of its location (index = 1), which is not provided here");
      if (type.basetype == SPIRType::Struct) {
        readStruct(resource, type, used, values);
      } else if (!areAttributes || used) {
        addValues(type, name, compiler_.get_decoration(resource.id, spv::DecorationLocation), used, true, values);
        if (areAttributes && compiler_.get_decoration(resource.id, spv::DecorationComponent) != 0)
          refuse("the attribute " + quoted(name) + " begins inside its location; give it a location of its own");
        if (areAttributes) addAttribute(type, name, compiler_.get_decoration(resource.id, spv::DecorationLocation));
      } else {
        result_.unused.attributes.push_back(name);
      }
    }
    const auto byLocation = [](const auto& a, const auto& b) { return a.location < b.location; };
    std::stable_sort(values.begin(), values.end(), byLocation);
    std::stable_sort(result_.attributes.begin(), result_.attributes.end(), byLocation);
  }

  // An interface block, or a struct: its members lie at locations one after the other, or where they say.
  void readStruct(const Resource& resource, const SPIRType& type, bool used, std::vector<StageValue>& values) {
    if (!type.array.empty())
      refuse("the input or output " + quoted(resource.name) +
             " is an array of structs; pass its members by themselves");
    uint32_t location = compiler_.get_decoration(resource.id, spv::DecorationLocation);
    for (uint32_t index = 0; index < type.member_types.size(); ++index) {
      if (compiler_.has_member_decoration(type.self, index, spv::DecorationLocation))
        location = compiler_.get_member_decoration(type.self, index, spv::DecorationLocation);
      const std::string name = resource.name + "." + compiler_.get_member_name(type.self, index);
      location = addValues(compiler_.get_type(type.member_types[index]), name, location, used, false, values);
    }
  }

  // Returns the location after it.
  uint32_t addValues(const SPIRType& type, const std::string& name, uint32_t location, bool used, bool isPlain,
                     std::vector<StageValue>& values) {
    StageValue value{.name = name, .rows = type.vecsize, .used = used, .isPlain = isPlain && type.array.empty()};
    if (!scalarOf(type, value.scalar))
      refuse("the input or output " + quoted(name) +
             " is of a type that is not provided here; there are float, int and uint");
    uint64_t count = type.columns;
    for (const uint32_t size : type.array) count *= size;
    if (count == 0 || count > 64 || location > 64)
      refuse("the input or output " + quoted(name) + " takes too many locations");
    for (uint32_t i = 0; i < count; ++i, ++location) {
      value.location = location;
      values.push_back(value);
    }
    return location;
  }

  void addAttribute(const SPIRType& type, const std::string& name, uint32_t location) {
    if (!type.array.empty())
      refuse("the attribute " + quoted(name) + " is an array; give each element an attribute of its own");
    if (location + type.columns > kMaxLocation + 1)
      refuse("the attribute " + quoted(name) + " is beyond location " + std::to_string(kMaxLocation));
    ProgramAttribute attribute{.name = name, .location = location, .rows = type.vecsize, .columns = type.columns};
    if (attribute.name.empty()) attribute.name = "attribute" + std::to_string(location);
    scalarOf(type, attribute.scalar);
    result_.attributes.push_back(std::move(attribute));
  }

  const std::string& who_;
  const Stage stage_;
  spirv_cross::Compiler compiler_;
  std::unordered_set<uint32_t> active_;
  spirv_cross::ShaderResources resources_;
  StageReflection result_;
};

}  // namespace

StageReflection reflectStage(const std::string& who, Stage stage, const std::string& entry,
                             std::span<const uint32_t> words, std::span<const std::string> bindingNames) {
  try {
    return Reflector(who, stage, entry, words).reflect(bindingNames);
  } catch (const spirv_cross::CompilerError& error) {
    throw Error(Code::Compile, who + " can't be read: " + error.what());
  }
}

}  // namespace switchyard
