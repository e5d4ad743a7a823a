// SPIRV-Tools' pass for robust access.
#include "vulkan/bounds.h"

#include <spirv-tools/optimizer.hpp>

#include <string>

#include "error.h"

namespace switchyard::vulkan {

std::vector<uint32_t> withClampedIndices(std::span<const uint32_t> words, const char* name) {
  spvtools::Optimizer optimizer(SPV_ENV_VULKAN_1_2);
  std::string said;
  optimizer.SetMessageConsumer([&](spv_message_level_t, const char*, const spv_position_t&, const char* text) {
    if (said.empty() && text) said = text;
  });
  optimizer.RegisterPass(spvtools::CreateGraphicsRobustAccessPass());
  spvtools::OptimizerOptions options;
  options.set_run_validator(false);  // whoever made the module has
  std::vector<uint32_t> out;
  if (!optimizer.Run(words.data(), words.size(), &out, options))
    throw Error(Code::Unsupported, std::string("the accesses of program ") + name +
                                       " can't be bounded on this driver: " +
                                       (said.empty() ? "its SPIR-V is of no form that SPIRV-Tools rewrites" : said));
  return out;
}

}  // namespace switchyard::vulkan
