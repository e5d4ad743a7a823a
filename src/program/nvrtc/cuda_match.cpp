#include "program/nvrtc/cuda_match.h"

#include <algorithm>

#include "error.h"

namespace switchyard {
namespace {

constexpr uint32_t kValueBytes = 8, kDefaultBlock = 256;

template <class Items>
size_t indexOf(const Items& items, const std::string& name) {
  return static_cast<size_t>(
      std::find_if(items.begin(), items.end(), [&](const auto& item) { return item.name == name; }) - items.begin());
}

class Matcher {
 public:
  Matcher(const CudaKernel& kernel, const std::vector<std::string>& names, ProgramModule& module)
      : who_("kernel \"" + module.info.name + "\""),
        kernel_(kernel),
        names_(names),
        info_(module.info),
        code_(module.cuda) {}

  // The module has no other code: its parameters are this kernel's.
  void describe() {
    for (size_t i = 0; i < names_.size(); ++i) {
      if (kernel_.params[i] == CudaType::Pointer) {
        info_.bindings.push_back(
            {.name = names_[i], .binding = static_cast<uint32_t>(info_.bindings.size()), .elementBytes = 0});
      } else {
        const auto scalar =
            kernel_.params[i] == CudaType::Float ? ProgramParam::Scalar::Float : ProgramParam::Scalar::Int;
        info_.params.push_back(
            {.name = names_[i], .scalar = scalar, .offset = static_cast<uint32_t>(info_.params.size()) * kValueBytes});
      }
    }
    if (info_.bindings.size() > kMaxProgramBindings)
      refuse("there are " + std::to_string(info_.bindings.size()) + " buffers; there may be " +
             std::to_string(kMaxProgramBindings));
    info_.paramBytes = static_cast<uint32_t>(info_.params.size()) * kValueBytes;
    if (kernel_.blockSize[0] != 0) {
      info_.groupSize = kernel_.blockSize;
    } else {
      info_.groupSize = {kernel_.maxThreads == 0 ? kDefaultBlock : std::min(kernel_.maxThreads, kDefaultBlock), 1, 1};
    }
  }

  // Its parameters must be the SPIR-V's, by their names.
  void compare() const {
    for (size_t i = 0; i < names_.size(); ++i) {
      const bool isBuffer = indexOf(info_.bindings, names_[i]) < info_.bindings.size();
      const size_t index = indexOf(info_.params, names_[i]);
      if (!isBuffer && index == info_.params.size())
        refuse(quoted(i) + " is a parameter of the CUDA function, and neither a buffer nor a parameter of the shader");
      if (isBuffer != (kernel_.params[i] == CudaType::Pointer))
        refuse(quoted(i) + " is a " +
               (isBuffer ? "buffer in the shader and no pointer"
                         : "value of 32 bits in the shader and a pointer or 64 bits") +
               " in the CUDA function");
      if (!isBuffer) compareValue(i, info_.params[index]);
    }
    for (const ProgramBinding& binding : info_.bindings) requireNamed(binding.name);
    for (const ProgramParam& param : info_.params) requireNamed(param.name);
    compareBlocks();
  }

  void fill() {
    for (size_t i = 0; i < names_.size(); ++i) {
      const bool isBuffer = kernel_.params[i] == CudaType::Pointer;
      code_.params.push_back({isBuffer, static_cast<uint32_t>(isBuffer ? indexOf(info_.bindings, names_[i])
                                                                       : indexOf(info_.params, names_[i]))});
    }
    code_.values = info_.params;
    for (size_t i = 0; i < code_.values.size(); ++i) code_.values[i].offset = static_cast<uint32_t>(i) * kValueBytes;
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const { throw Error(Code::Compile, who_ + ": " + why); }
  std::string quoted(size_t i) const { return "\"" + names_[i] + "\""; }

  void compareValue(size_t i, const ProgramParam& param) const {
    if (param.rows != 1 || param.columns != 1 || param.elements != 0)
      refuse("\"" + param.name +
             "\" is a vector, matrix or array in the shader; a CUDA function takes such values one by one, each by a "
             "name of its own");
    if ((param.scalar == ProgramParam::Scalar::Float) != (kernel_.params[i] == CudaType::Float))
      refuse("\"" + param.name + "\" is a float on one side and an integer on the other");
  }

  void requireNamed(const std::string& name) const {
    if (std::find(names_.begin(), names_.end(), name) == names_.end())
      refuse("\"" + name +
             "\" of the shader is not among `bindings`, which name the CUDA function's parameters; both must take the "
             "same");
  }

  void compareBlocks() const {
    const auto text = [](const std::array<uint32_t, 3>& size) {
      return std::to_string(size[0]) + " x " + std::to_string(size[1]) + " x " + std::to_string(size[2]);
    };
    const auto& group = info_.groupSize;
    if (kernel_.blockSize[0] != 0 && kernel_.blockSize != group)
      refuse("the shader's work group is " + text(group) + ", and the CUDA function's block " +
             text(kernel_.blockSize));
    if (kernel_.maxThreads != 0 && group[0] * group[1] * group[2] > kernel_.maxThreads)
      refuse("the shader's work group is " + text(group) + ", and the CUDA function's __launch_bounds__ allow " +
             std::to_string(kernel_.maxThreads) + " threads");
  }

  const std::string who_;
  const CudaKernel& kernel_;
  const std::vector<std::string>& names_;
  ProgramInfo& info_;
  CudaCode& code_;
};

}  // namespace

void matchCuda(CudaKernel kernel, const std::vector<std::string>& names, uint32_t arch, ProgramModule& module) {
  Matcher matcher(kernel, names, module);
  if (module.forVulkan()) {
    matcher.compare();
  } else {
    matcher.describe();
  }
  matcher.fill();
  module.cuda.entry = std::move(kernel.entry);
  module.cuda.ptx = std::move(kernel.ptx);
  module.cuda.cubin = std::move(kernel.cubin);
  module.cuda.arch = arch;
  module.cuda.blockSize = kernel.blockSize;
}

}  // namespace switchyard
