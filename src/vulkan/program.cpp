// From modules to layouts and pipelines.
#include "vulkan/program.h"

#include <spirv/unified1/spirv.hpp>

#include <algorithm>

#include "vulkan/bounds.h"

namespace switchyard::vulkan {
namespace {

constexpr uint64_t kDriverFactor = 4;  // what drivers make of SPIR-V, as a multiple of it: a rough guess

uint32_t roundUp4(uint32_t bytes) { return (bytes + 3) & ~3u; }

VkShaderStageFlags stagesOf(const ProgramInfo& info) {
  return info.kind == ProgramKind::Kernel ? VkShaderStageFlags(VK_SHADER_STAGE_COMPUTE_BIT)
                                          : VK_SHADER_STAGE_VERTEX_BIT | VK_SHADER_STAGE_FRAGMENT_BIT;
}

bool usesBuiltIn(std::span<const uint32_t> words, spv::BuiltIn wanted) {
  for (size_t at = 5; at < words.size() && words[at] >> 16; at += words[at] >> 16)
    if (words[at] == (4u << 16 | spv::OpDecorate) && at + 3 < words.size() && words[at + 2] == spv::DecorationBuiltIn &&
        words[at + 3] == uint32_t(wanted))
      return true;
  return false;
}

}  // namespace

GpuProgram::GpuProgram(std::shared_ptr<Gpu> gpu, std::shared_ptr<Pipelines> pipelines, ModulePtr moduleIn)
    : Program(moduleIn, moduleIn->bytes() * kDriverFactor),
      gpu_(std::move(gpu)),
      pipelines_(std::move(pipelines)),
      stages_(stagesOf(info())),
      pushBytes_(info().paramsAreUniform ? 0 : roundUp4(info().paramBytes)) {
  gpu_->throwIfLost();
  checkLimits();
  if (info().kind == ProgramKind::Kernel) {
    checkStage(VK_SHADER_STAGE_COMPUTE_BIT, module->compute);
    countsGroups_ = usesBuiltIn(module->compute, spv::BuiltInNumWorkgroups);
    makeLayout();
    kernel_ = makeKernel();
    pipelines_->grown();
    return;
  }
  if (!gpu_->physical.info.features.graphics) unsupported("the device draws no pictures");
  checkAttributes();
  checkStage(VK_SHADER_STAGE_VERTEX_BIT, module->vertex);
  checkStage(VK_SHADER_STAGE_FRAGMENT_BIT, module->fragment);
  makeLayout();
  vertex_ = makeModule(module->vertex);
  fragment_ = makeModule(module->fragment);
  for (const ProgramParam& param : info().params)
    if (param.name == "sy_viewport" && param.offset + 8 <= info().paramBytes) viewportOffset_ = param.offset;
}

GpuProgram::~GpuProgram() {
  if (!gpu_->hung) return;
  set_.release();
  layout_.release();
  kernel_.release();
  vertex_.release();
  fragment_.release();
  for (auto& [kind, pipeline] : graphics_) pipeline.release();
}

VkPipelineRobustnessCreateInfoEXT GpuProgram::robustness() {
  VkPipelineRobustnessCreateInfoEXT info{VK_STRUCTURE_TYPE_PIPELINE_ROBUSTNESS_CREATE_INFO_EXT};
  info.storageBuffers = info.uniformBuffers = VK_PIPELINE_ROBUSTNESS_BUFFER_BEHAVIOR_ROBUST_BUFFER_ACCESS_2_EXT;
  return info;  // vertices are all there: each draw's are counted
}

std::string GpuProgram::title() const {
  return (info().kind == ProgramKind::Kernel ? "kernel \"" : "shader \"") + info().name + "\"";
}

void GpuProgram::unsupported(const std::string& text) const {
  throw Error(Code::Unsupported,
              title() + " does not run on " + gpu_->physical.info.id + " (" + gpu_->physical.info.name + "): " + text);
}

void GpuProgram::checkLimits() const {
  const VkPhysicalDeviceLimits& limits = gpu_->physical.limits;
  auto most = [&](uint64_t has, uint64_t mayHave, const std::string& what) {
    if (has > mayHave)
      unsupported("it has " + std::to_string(has) + " " + what + ", at most " + std::to_string(mayHave) +
                  " are possible");
  };
  uint32_t buffers = 0, images = 0;
  for (const ProgramBinding& b : info().bindings) {
    ++(b.kind == ProgramBinding::Kind::Image ? images : buffers);
    if (b.set) unsupported("\"" + b.name + "\" is not in descriptor set 0");
  }
  most(info().bindings.size(), kMaxBindings, "bindings");
  most(buffers, limits.maxPerStageDescriptorStorageBuffers, "storage buffers");
  most(images, std::min(limits.maxPerStageDescriptorSamplers, limits.maxPerStageDescriptorSampledImages), "images");
  if (info().paramsAreUniform) {
    if (info().paramSet) unsupported("its parameters are not in descriptor set 0");
    most(info().paramBytes, limits.maxUniformBufferRange, "bytes of parameters");
  } else {
    most(pushBytes_, limits.maxPushConstantsSize, "bytes of push constants");
  }
  if (info().kind != ProgramKind::Kernel) return;
  if (images) unsupported("kernels have no images");
  uint64_t threads = 1;
  for (uint32_t i = 0; i < 3; ++i) {
    most(info().groupSize[i], limits.maxComputeWorkGroupSize[i],
         std::string("threads along ") + "xyz"[i] + " in a group");
    threads *= info().groupSize[i];
  }
  most(threads, limits.maxComputeWorkGroupInvocations, "threads in a group");
  most(info().sharedBytes, limits.maxComputeSharedMemorySize, "bytes of shared variables");
}

void GpuProgram::checkStage(VkShaderStageFlagBits stage, std::span<const uint32_t> words) const {
  if (words.empty()) unsupported("it has no SPIR-V");
  const std::string missing = missingFor(gpu_->physical.features, stage, words);
  if (!missing.empty()) unsupported("it needs " + missing);
}

void GpuProgram::makeLayout() {
  std::vector<VkDescriptorSetLayoutBinding> bindings;
  for (const ProgramBinding& b : info().bindings) {
    const bool image = b.kind == ProgramBinding::Kind::Image;
    bindings.push_back({b.binding,
                        image ? VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1,
                        stages_, nullptr});
  }
  if (info().paramsAreUniform)
    bindings.push_back({info().paramBinding, VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, 1, stages_, nullptr});
  pushed_ = bindings.size() <= gpu_->physical.maxPushDescriptors && gpu_->physical.maxPushDescriptors > 0;
  VkDescriptorSetLayoutCreateInfo setInfo{VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO};
  if (pushed_) setInfo.flags = VK_DESCRIPTOR_SET_LAYOUT_CREATE_PUSH_DESCRIPTOR_BIT_KHR;
  setInfo.bindingCount = uint32_t(bindings.size());
  setInfo.pBindings = bindings.data();
  VkDescriptorSetLayout set = VK_NULL_HANDLE;
  check(gpu_->api.vkCreateDescriptorSetLayout(gpu_->device, &setInfo, nullptr, &set), "vkCreateDescriptorSetLayout");
  set_ = gpu_->own(set, gpu_->api.vkDestroyDescriptorSetLayout);

  const VkPushConstantRange range{stages_, 0, pushBytes_};
  VkPipelineLayoutCreateInfo info{VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO};
  info.setLayoutCount = 1;
  info.pSetLayouts = &set;
  info.pushConstantRangeCount = pushBytes_ ? 1 : 0;
  info.pPushConstantRanges = &range;
  VkPipelineLayout made = VK_NULL_HANDLE;
  check(gpu_->api.vkCreatePipelineLayout(gpu_->device, &info, nullptr, &made), "vkCreatePipelineLayout");
  layout_ = gpu_->own(made, gpu_->api.vkDestroyPipelineLayout);
}

// A driver that refuses what was valid has said something about the program; short memory and a lost device have not.
void GpuProgram::checkMade(VkResult result) const {
  if (result >= 0) return;
  try {
    fail(result, title().c_str());
  } catch (const Error& error) {
    if (result == VK_ERROR_DEVICE_LOST) gpu_->markLost();
    if (error.code != Code::Internal) throw;
    throw Error(Code::Compile, "the driver of " + gpu_->physical.info.id + " refused " + error.what());
  }
}

Handle<VkShaderModule> GpuProgram::makeModule(std::span<const uint32_t> words) const {
  std::vector<uint32_t> clamped;
  // What bounds buffers bounds no shared variables, and on software drivers those lie in the process's own memory.
  const bool unbounded = gpu_->software() && info().sharedBytes > 0;
  if (unbounded || gpu_->physical.features.bounds == Bounds::Rewrite)
    words = clamped = withClampedIndices(words, info().name.c_str());
  VkShaderModuleCreateInfo create{VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO};
  create.codeSize = words.size_bytes();
  create.pCode = words.data();
  VkShaderModule made = VK_NULL_HANDLE;
  checkMade(gpu_->api.vkCreateShaderModule(gpu_->device, &create, nullptr, &made));
  return gpu_->own(made, gpu_->api.vkDestroyShaderModule);
}

bool GpuProgram::paceIsOf(std::span<const std::byte> params, double threads) const {
  std::lock_guard lock(mutex_);
  return threads <= 8 * paceThreads_ && std::ranges::equal(params, paceParams_);
}

void GpuProgram::setPaceOf(std::span<const std::byte> params, double threads) const {
  std::lock_guard lock(mutex_);
  paceParams_.assign(params.begin(), params.end());
  paceThreads_ = threads;
}

Handle<VkPipeline> GpuProgram::makeKernel() const {
  const auto module = makeModule(this->module->compute);
  VkPipelineRobustnessCreateInfoEXT robust = robustness();
  VkComputePipelineCreateInfo create{VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO};
  create.flags = VK_PIPELINE_CREATE_DISPATCH_BASE_BIT;
  if (gpu_->physical.features.bounds == Bounds::Pipeline) create.pNext = &robust;
  create.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
  create.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
  create.stage.module = module.get();
  create.stage.pName = this->module->entry.c_str();
  create.layout = layout_.get();
  VkPipeline made = VK_NULL_HANDLE;
  checkMade(gpu_->api.vkCreateComputePipelines(gpu_->device, pipelines_->cache(), 1, &create, nullptr, &made));
  return gpu_->own(made, gpu_->api.vkDestroyPipeline);
}

std::shared_ptr<const GpuProgram> Programs::find(const ProgramId& id) {
  const auto found = live_.find(id);
  return found == live_.end() ? nullptr : found->second.lock();
}

std::shared_ptr<const Program> Programs::compile(ModulePtr module) {
  if (!module) throw Error(Code::Internal, "a program without a module");
  {
    std::lock_guard lock(mutex_);
    if (auto live = find(module->id)) return live;
  }
  // Without the lock: a driver may take seconds. Who comes second with the same module gets the other's.
  auto made = std::make_shared<const GpuProgram>(gpu_, pipelines_, module);
  std::lock_guard lock(mutex_);
  if (auto live = find(module->id)) return live;
  std::erase_if(live_, [](const auto& entry) { return entry.second.expired(); });
  live_[module->id] = made;
  return made;
}

const GpuProgram& programOf(const std::shared_ptr<const Program>& program, ProgramKind kind) {
  const auto* own = dynamic_cast<const GpuProgram*>(program.get());
  if (!own || own->info().kind != kind)
    throw Error(Code::Internal, "vulkan queue: a program of another device, or of another kind");
  return *own;
}

}  // namespace switchyard::vulkan
