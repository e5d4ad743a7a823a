// Builds pipelines from what the shaders say of themselves.
#include "vulkan/pipelines.h"

#include <algorithm>
#include <cstring>

namespace switchyard::vulkan {
namespace {

// Drivers check their own header too, but not all of them survive a damaged one.
bool fits(const std::vector<uint8_t>& data, const PhysicalInfo& physical) {
  VkPipelineCacheHeaderVersionOne header;
  if (data.size() < sizeof header) return false;
  std::memcpy(&header, data.data(), sizeof header);
  return header.headerSize >= sizeof header && header.headerVersion == VK_PIPELINE_CACHE_HEADER_VERSION_ONE &&
         std::memcmp(header.pipelineCacheUUID, physical.pipelineCacheUuid, VK_UUID_SIZE) == 0;
}

}  // namespace

Pipelines::Pipelines(std::shared_ptr<Gpu> gpu) : gpu_(std::move(gpu)), file_(gpu_->physical.cacheKey) {
  std::vector<uint8_t> data = file_.load();
  if (!fits(data, gpu_->physical)) data.clear();
  cache_ = makeCache(data);
}

Pipelines::~Pipelines() {
  if (!gpu_->hung) {
    saveIfGrown();
    return;
  }
  cache_.release();
  for (auto& [shader, entry] : entries_) {
    entry.setLayout.release();
    entry.module.release();
    for (auto& variant : entry.variants) (void)variant.second.release();
  }
}

void Pipelines::saveIfGrown() noexcept try {
  if (!unsaved_.exchange(false) || gpu_->lost) return;
  const std::vector<uint8_t> ours = dataOf(cache_.get()), merged = mergedWithFile();
  // Not all drivers merge what they say they do, and what only ever grows must start anew some day.
  const bool useMerged = merged.size() >= ours.size() && merged.size() <= CacheFile::kMaxBytes / 4;
  // a disk that won't have it is fine: the next start compiles again
  if (!ours.empty()) file_.store(useMerged ? merged : ours);
} catch (...) {}

// What other processes have written since we started must not be lost with our writing. Two that write in the same
// moment still lose one of both, until that one writes again. Pipelines are made in our own cache meanwhile: it may be
// read, not be merged into.
std::vector<uint8_t> Pipelines::mergedWithFile() const {
  const std::vector<uint8_t> data = file_.load();
  if (!fits(data, gpu_->physical)) return {};
  const Handle<VkPipelineCache> merged = makeCache(data);
  const VkPipelineCache source = cache_.get();
  if (gpu_->api.vkMergePipelineCaches(gpu_->device, merged.get(), 1, &source) != VK_SUCCESS) return {};
  return dataOf(merged.get());
}

Handle<VkPipelineCache> Pipelines::makeCache(std::span<const uint8_t> data) const {
  VkPipelineCacheCreateInfo info{VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
  info.initialDataSize = data.size();
  info.pInitialData = data.data();
  VkPipelineCache cache = VK_NULL_HANDLE;
  check(gpu_->api.vkCreatePipelineCache(gpu_->device, &info, nullptr, &cache), "vkCreatePipelineCache");
  return gpu_->own(cache, gpu_->api.vkDestroyPipelineCache);
}

std::vector<uint8_t> Pipelines::dataOf(VkPipelineCache cache) const {
  size_t size = 0;
  if (gpu_->api.vkGetPipelineCacheData(gpu_->device, cache, &size, nullptr) != VK_SUCCESS) return {};
  std::vector<uint8_t> data(size);
  if (gpu_->api.vkGetPipelineCacheData(gpu_->device, cache, &size, data.data()) != VK_SUCCESS) return {};
  data.resize(size);
  return data;
}

const Pipeline& Pipelines::get(const Shader& shader, const LaunchShape& shape, bool mayMake) {
  std::lock_guard lock(mutex_);
  auto found = entries_.find(&shader);
  if (found == entries_.end() && !mayMake) throw MustWait();
  if (found == entries_.end()) found = entries_.emplace(&shader, makeEntry(shader)).first;
  Entry& entry = found->second;
  const Constants constants = constantsFor(entry.info, shape);
  for (const auto& [key, pipeline] : entry.variants)
    if (key == constants) return *pipeline;
  if (!mayMake) throw MustWait();
  entry.variants.emplace_back(constants, make(shader, entry, constants));
  unsaved_ = true;
  return *entry.variants.back().second;
}

Pipelines::Constants Pipelines::constantsFor(const ShaderInfo& info, const LaunchShape& shape) const {
  Constants c;
  std::copy(info.value, info.value + kSpecCount, c.begin());
  // On a software driver a barrier inside a shader costs more than the parallelism it buys: there a group that may
  // choose its size is one subgroup, and the shaders leave their barriers out.
  if (info.has[kSpecGroupSize])
    c[kSpecGroupSize] = gpu_->tuneAsHardware || shape.longRows ? info.groupSize[0] : gpu_->physical.subgroupSize;
  if (info.has[kSpecItemsPerThread] && shape.count % c[kSpecItemsPerThread]) c[kSpecItemsPerThread] = 1;
  for (uint32_t w = 0; w < kSpecWords && (w + 1) * 4 <= shape.params.size(); ++w) {
    uint32_t word;
    std::memcpy(&word, shape.params.data() + w * 4, 4);
    if (info.has[kSpecWord + w]) c[kSpecWord + w] = word;
    if (info.has[kSpecMultipleOf4 + w]) c[kSpecMultipleOf4 + w] = word % 4 == 0;
  }
  return c;
}

Pipelines::Entry Pipelines::makeEntry(const Shader& shader) const {
  gpu_->throwIfLost();
  if (shader.words.empty())
    throw Error(Code::Unsupported, std::string("kernel ") + shader.name + " is for the CPU alone");
  Entry entry;
  entry.info = reflect(shader.words);
  auto mismatch = [&](const char* what, uint32_t has, uint32_t wants) {
    if (has != wants)
      throw Error(Code::Internal, std::string("shader ") + shader.name + " has " + std::to_string(has) + " " + what +
                                      ", its contract says " + std::to_string(wants));
  };
  mismatch("buffers", entry.info.bindings, shader.buffers);
  mismatch("bytes of parameters", entry.info.pushBytes, shader.paramBytes);

  std::vector<VkDescriptorSetLayoutBinding> bindings(entry.info.bindings);
  for (uint32_t i = 0; i < entry.info.bindings; ++i)
    bindings[i] = {i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_COMPUTE_BIT, nullptr};
  VkDescriptorSetLayoutCreateInfo setInfo{VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO};
  if (gpu_->physical.maxPushDescriptors) setInfo.flags = VK_DESCRIPTOR_SET_LAYOUT_CREATE_PUSH_DESCRIPTOR_BIT_KHR;
  setInfo.bindingCount = entry.info.bindings;
  setInfo.pBindings = bindings.data();
  VkDescriptorSetLayout setLayout = VK_NULL_HANDLE;
  check(gpu_->api.vkCreateDescriptorSetLayout(gpu_->device, &setInfo, nullptr, &setLayout),
        "vkCreateDescriptorSetLayout");
  entry.setLayout = gpu_->own(setLayout, gpu_->api.vkDestroyDescriptorSetLayout);

  VkShaderModuleCreateInfo moduleInfo{VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO};
  moduleInfo.codeSize = shader.words.size_bytes();
  moduleInfo.pCode = shader.words.data();
  VkShaderModule module = VK_NULL_HANDLE;
  check(gpu_->api.vkCreateShaderModule(gpu_->device, &moduleInfo, nullptr, &module), "vkCreateShaderModule");
  entry.module = gpu_->own(module, gpu_->api.vkDestroyShaderModule);
  return entry;
}

std::unique_ptr<Pipeline> Pipelines::make(const Shader& shader, const Entry& entry, const Constants& constants) const {
  gpu_->throwIfLost();
  const ShaderInfo& info = entry.info;
  auto made = std::make_unique<Pipeline>();
  const uint32_t groupX = info.has[kSpecGroupSize] ? constants[kSpecGroupSize] : info.groupSize[0];
  made->groupThreads = groupX * info.groupSize[1] * info.groupSize[2];
  if (info.has[kSpecItemsPerThread]) made->itemsPerThread = constants[kSpecItemsPerThread];
  if (info.has[kSpecTileRows]) made->tileRows = info.value[kSpecTileRows];
  if (info.has[kSpecTileColumns]) made->tileColumns = info.value[kSpecTileColumns];
  if (info.has[kSpecThreadColumns]) made->tileColumns = info.value[kSpecThreadColumns] * groupX;

  const VkDescriptorSetLayout setLayout = made->setLayout = entry.setLayout.get();
  const VkPushConstantRange range{VK_SHADER_STAGE_COMPUTE_BIT, 0, info.pushBytes};
  VkPipelineLayoutCreateInfo layoutInfo{VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO};
  layoutInfo.setLayoutCount = 1;
  layoutInfo.pSetLayouts = &setLayout;
  layoutInfo.pushConstantRangeCount = info.pushBytes ? 1 : 0;
  layoutInfo.pPushConstantRanges = &range;
  VkPipelineLayout layout = VK_NULL_HANDLE;
  check(gpu_->api.vkCreatePipelineLayout(gpu_->device, &layoutInfo, nullptr, &layout), "vkCreatePipelineLayout");
  made->layout = gpu_->own(layout, gpu_->api.vkDestroyPipelineLayout);

  std::vector<VkSpecializationMapEntry> entries;
  for (uint32_t id = 0; id < kSpecCount; ++id)
    if (info.has[id]) entries.push_back({id, id * 4, 4});
  const VkSpecializationInfo specialization{uint32_t(entries.size()), entries.data(), sizeof constants,
                                            constants.data()};
  VkComputePipelineCreateInfo create{VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO};
  create.flags = VK_PIPELINE_CREATE_DISPATCH_BASE_BIT;
  create.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
  create.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
  create.stage.module = entry.module.get();
  create.stage.pName = "main";
  create.stage.pSpecializationInfo = &specialization;
  create.layout = layout;
  VkPipeline pipeline = VK_NULL_HANDLE;
  check(gpu_->api.vkCreateComputePipelines(gpu_->device, cache_.get(), 1, &create, nullptr, &pipeline), shader.name);
  made->pipeline = gpu_->own(pipeline, gpu_->api.vkDestroyPipeline);
  return made;
}

}  // namespace switchyard::vulkan
