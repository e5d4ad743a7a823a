#include "program/spirv/reflect_params.h"

#include "error.h"

namespace switchyard {
namespace {

using spirv_cross::SPIRType;

constexpr size_t kMaxParams = 4096, kMaxNameBytes = 4096;

class Flattener {
 public:
  Flattener(const std::string& who, const spirv_cross::Compiler& compiler) : who_(who), compiler_(compiler) {}

  void members(const SPIRType& block, const std::string& prefix, uint32_t base) {
    for (uint32_t index = 0; index < block.member_types.size(); ++index) {
      std::string name = compiler_.get_member_name(block.self, index);
      if (name.empty()) name = "param" + std::to_string(index);
      name = prefix + name;
      if (name.size() > kMaxNameBytes) refuse(name.substr(0, 100) + "...", "has too long a name");
      member(block, index, name, base + compiler_.type_struct_member_offset(block, index));
    }
  }
  std::vector<ProgramParam> take() { return std::move(params_); }

 private:
  [[noreturn]] void refuse(const std::string& name, const std::string& why) const {
    throw Error(Code::Compile, who_ + ": the parameter \"" + name + "\" " + why);
  }

  void member(const SPIRType& block, uint32_t index, const std::string& name, uint32_t offset) {
    const SPIRType& type = compiler_.get_type(block.member_types[index]);
    if (type.array.size() > 1)
      refuse(name, "is an array of arrays; parameters are scalars, vectors, matrices, and arrays of those");
    if (!type.array.empty() && (!type.array_size_literal[0] || type.array[0] == 0))
      refuse(name, "is an array without a fixed size");
    const uint32_t elements = type.array.empty() ? 0 : type.array[0];
    const uint32_t stride = elements == 0 ? 0 : compiler_.type_struct_member_array_stride(block, index);
    if (type.basetype == SPIRType::Struct) {
      for (uint32_t i = 0; i < std::max(elements, 1u); ++i)
        members(compiler_.get_type(type.self), name + (elements == 0 ? "" : "[" + std::to_string(i) + "]") + ".",
                offset + i * stride);
      return;
    }
    ProgramParam param{.name = name,
                       .rows = type.vecsize,
                       .columns = type.columns,
                       .elements = elements,
                       .offset = offset,
                       .arrayStride = stride};
    if (!scalarOf(type, param.scalar))
      refuse(name, "is of a type that parameters can't have; they are made of float, int and uint of 32 bits");
    if (type.columns > 1) {
      if (compiler_.has_member_decoration(block.self, index, spv::DecorationRowMajor))
        refuse(name, "is row_major; matrices must be column_major, as they are by default");
      param.matrixStride = compiler_.type_struct_member_matrix_stride(block, index);
    }
    if (params_.size() == kMaxParams)
      refuse(name, "is one more than the " + std::to_string(kMaxParams) + " there may be");
    params_.push_back(std::move(param));
  }

  const std::string& who_;
  const spirv_cross::Compiler& compiler_;
  std::vector<ProgramParam> params_;
};

}  // namespace

bool scalarOf(const SPIRType& type, ProgramParam::Scalar& scalar) {
  switch (type.basetype) {
    case SPIRType::Float: scalar = ProgramParam::Scalar::Float; return true;
    case SPIRType::Int: scalar = ProgramParam::Scalar::Int; return true;
    case SPIRType::UInt: scalar = ProgramParam::Scalar::Uint; return true;
    default: return false;
  }
}

std::vector<ProgramParam> flattenBlock(const std::string& who, const spirv_cross::Compiler& compiler,
                                       const SPIRType& block) {
  Flattener flattener(who, compiler);
  flattener.members(block, "", 0);
  return flattener.take();
}

}  // namespace switchyard
