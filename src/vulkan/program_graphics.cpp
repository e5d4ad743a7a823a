// Graphics pipelines of a shader: one for each primitive, blending and number of samples that it is drawn with.
#include <algorithm>

#include "vulkan/program.h"

namespace switchyard::vulkan {
namespace {

VkPrimitiveTopology topologyOf(Primitive primitive) {
  switch (primitive) {
    case Primitive::Points: return VK_PRIMITIVE_TOPOLOGY_POINT_LIST;
    case Primitive::Lines: return VK_PRIMITIVE_TOPOLOGY_LINE_LIST;
    default: return VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST;
  }
}

VkPipelineColorBlendAttachmentState blendOf(Blend blend, bool coloured) {
  VkPipelineColorBlendAttachmentState state{};
  state.blendEnable = blend != Blend::None;
  state.srcColorBlendFactor = blend == Blend::Premultiplied ? VK_BLEND_FACTOR_ONE : VK_BLEND_FACTOR_SRC_ALPHA;
  state.srcAlphaBlendFactor = VK_BLEND_FACTOR_ONE;
  state.dstColorBlendFactor = state.dstAlphaBlendFactor =
      blend == Blend::Additive ? VK_BLEND_FACTOR_ONE : VK_BLEND_FACTOR_ONE_MINUS_SRC_ALPHA;
  state.colorBlendOp = state.alphaBlendOp = VK_BLEND_OP_ADD;
  if (coloured) state.colorWriteMask = 0xF;  // what a shader doesn't write is undefined
  return state;
}

VkFormat formatOf(const ProgramAttribute& a) {
  constexpr VkFormat kFloats[] = {VK_FORMAT_R32_SFLOAT, VK_FORMAT_R32G32_SFLOAT, VK_FORMAT_R32G32B32_SFLOAT,
                                  VK_FORMAT_R32G32B32A32_SFLOAT};
  constexpr VkFormat kInts[] = {VK_FORMAT_R32_SINT, VK_FORMAT_R32G32_SINT, VK_FORMAT_R32G32B32_SINT,
                                VK_FORMAT_R32G32B32A32_SINT};
  constexpr VkFormat kUints[] = {VK_FORMAT_R32_UINT, VK_FORMAT_R32G32_UINT, VK_FORMAT_R32G32B32_UINT,
                                 VK_FORMAT_R32G32B32A32_UINT};
  switch (a.scalar) {
    case ProgramParam::Scalar::Float: return kFloats[a.rows - 1];
    case ProgramParam::Scalar::Int: return kInts[a.rows - 1];
    default: return kUints[a.rows - 1];
  }
}

struct VertexInput {
  std::vector<VkVertexInputBindingDescription> bindings;
  std::vector<VkVertexInputAttributeDescription> attributes;
  VkPipelineVertexInputStateCreateInfo info{VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO};

  explicit VertexInput(const std::vector<ProgramAttribute>& from) {
    for (uint32_t i = 0; i < from.size(); ++i) {
      const ProgramAttribute& a = from[i];
      bindings.push_back({i, attributeStride(a), VK_VERTEX_INPUT_RATE_VERTEX});
      for (uint32_t c = 0; c < a.columns; ++c) attributes.push_back({a.location + c, i, formatOf(a), c * a.rows * 4});
    }
    info.vertexBindingDescriptionCount = uint32_t(bindings.size());
    info.pVertexBindingDescriptions = bindings.data();
    info.vertexAttributeDescriptionCount = uint32_t(attributes.size());
    info.pVertexAttributeDescriptions = attributes.data();
  }
};

}  // namespace

void GpuProgram::checkAttributes() const {
  const VkPhysicalDeviceLimits& limits = gpu_->physical.limits;
  uint32_t locations = 0;
  for (const ProgramAttribute& a : info().attributes) {
    if (a.rows < 1 || a.rows > 4 || a.columns < 1 || a.columns > 4)
      unsupported("attribute \"" + a.name + "\" has a size that vertices don't have");
    locations = std::max(locations, a.location + a.columns);
  }
  if (locations > limits.maxVertexInputAttributes || info().attributes.size() > limits.maxVertexInputBindings)
    unsupported("it has attributes at " + std::to_string(locations) + " locations, at most " +
                std::to_string(limits.maxVertexInputAttributes) + " are possible");
}

VkPipeline GpuProgram::graphics(Primitive primitive, Blend blend, uint32_t samples, VkRenderPass pass) const {
  std::lock_guard lock(mutex_);
  Handle<VkPipeline>& pipeline = graphics_[{primitive, blend, samples}];
  if (!pipeline) pipeline = makeGraphics(primitive, blend, samples, pass);
  return pipeline.get();
}

Handle<VkPipeline> GpuProgram::makeGraphics(Primitive primitive, Blend blend, uint32_t samples,
                                            VkRenderPass pass) const {
  gpu_->throwIfLost();
  VkPipelineRobustnessCreateInfoEXT robust = robustness();
  VkPipelineShaderStageCreateInfo stages[2] = {{VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO},
                                               {VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO}};
  stages[0].stage = VK_SHADER_STAGE_VERTEX_BIT;
  stages[0].module = vertex_.get();
  stages[1].stage = VK_SHADER_STAGE_FRAGMENT_BIT;
  stages[1].module = fragment_.get();
  stages[0].pName = stages[1].pName = module->entry.c_str();
  const VertexInput input(info().attributes);
  VkPipelineInputAssemblyStateCreateInfo assembly{VK_STRUCTURE_TYPE_PIPELINE_INPUT_ASSEMBLY_STATE_CREATE_INFO};
  assembly.topology = topologyOf(primitive);
  VkPipelineViewportStateCreateInfo viewport{VK_STRUCTURE_TYPE_PIPELINE_VIEWPORT_STATE_CREATE_INFO};
  viewport.viewportCount = viewport.scissorCount = 1;
  VkPipelineRasterizationStateCreateInfo raster{VK_STRUCTURE_TYPE_PIPELINE_RASTERIZATION_STATE_CREATE_INFO};
  raster.polygonMode = VK_POLYGON_MODE_FILL;
  raster.cullMode = VK_CULL_MODE_NONE;
  raster.frontFace = VK_FRONT_FACE_COUNTER_CLOCKWISE;
  raster.lineWidth = 1;
  VkPipelineMultisampleStateCreateInfo multisample{VK_STRUCTURE_TYPE_PIPELINE_MULTISAMPLE_STATE_CREATE_INFO};
  multisample.rasterizationSamples = VkSampleCountFlagBits(samples);
  const auto attachment = blendOf(blend, info().wroteOutputs);
  VkPipelineColorBlendStateCreateInfo blending{VK_STRUCTURE_TYPE_PIPELINE_COLOR_BLEND_STATE_CREATE_INFO};
  blending.attachmentCount = 1;
  blending.pAttachments = &attachment;
  const VkDynamicState dynamics[] = {VK_DYNAMIC_STATE_VIEWPORT, VK_DYNAMIC_STATE_SCISSOR};
  VkPipelineDynamicStateCreateInfo dynamic{VK_STRUCTURE_TYPE_PIPELINE_DYNAMIC_STATE_CREATE_INFO};
  dynamic.dynamicStateCount = 2;
  dynamic.pDynamicStates = dynamics;

  VkGraphicsPipelineCreateInfo create{VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO};
  if (gpu_->physical.features.bounds == Bounds::Pipeline) create.pNext = &robust;
  create.stageCount = 2;
  create.pStages = stages;
  create.pVertexInputState = &input.info;
  create.pInputAssemblyState = &assembly;
  create.pViewportState = &viewport;
  create.pRasterizationState = &raster;
  create.pMultisampleState = &multisample;
  create.pColorBlendState = &blending;
  create.pDynamicState = &dynamic;
  create.layout = layout_.get();
  create.renderPass = pass;
  VkPipeline made = VK_NULL_HANDLE;
  checkMade(gpu_->api.vkCreateGraphicsPipelines(gpu_->device, pipelines_->cache(), 1, &create, nullptr, &made));
  pipelines_->grown();
  return gpu_->own(made, gpu_->api.vkDestroyPipeline);
}

}  // namespace switchyard::vulkan
