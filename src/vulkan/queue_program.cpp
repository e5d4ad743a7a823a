// Launches of users' kernels, and what they have in common with draws.
#include <algorithm>
#include <cstring>

#include "vulkan/queue.h"

namespace switchyard::vulkan {
BoundView GpuQueue::bindFor(const GpuProgram& program, const ProgramBinding& binding, const BufferView& view) const {
  auto wrong = [&](const std::string& text) {
    throw Error(Code::InvalidArgument, "\"" + binding.name + "\" of \"" + program.info().name + "\" " + text);
  };
  if (view.size < binding.minBytes)
    wrong("has " + std::to_string(view.size) + " bytes, it takes at least " + std::to_string(binding.minBytes));
  if (view.size > gpu_->physical.info.maxViewBytes)
    wrong("has " + std::to_string(view.size) + " bytes, " + gpu_->physical.info.id + " binds at most " +
          std::to_string(gpu_->physical.info.maxViewBytes));
  return bind(view);
}

// Memory of this recording alone: the CPU writes it before the submission, and commands only read it.
VkDescriptorBufferInfo GpuQueue::stageUniform(std::span<const std::byte> params) {
  const Piece piece = stage(params.size());
  std::memcpy(piece.block->mapped() + piece.offset, params.data(), params.size());
  return {piece.block->handle(), piece.offset, params.size()};
}

void GpuQueue::pushConstants(const GpuProgram& program, std::span<const std::byte> params) {
  std::byte words[256] = {};  // a block may end inside a word
  if (program.pushBytes() > sizeof words) throw Error(Code::Internal, "vulkan queue: too many push constants");
  std::copy(params.begin(), params.end(), words);
  gpu_->api.vkCmdPushConstants(commands(), program.layout().layout, program.stages(), 0, program.pushBytes(), words);
}

void GpuQueue::launch(const std::shared_ptr<const Program>& program, Extent groups, std::span<const ProgramView> views,
                      std::span<const std::byte> params) {
  const GpuProgram& own = programOf(program, ProgramKind::Kernel);
  const ProgramInfo& info = own.info();
  if (views.size() != info.bindings.size() || params.size() != info.paramBytes)
    throw Error(Code::Internal, "vulkan queue: kernel " + info.name + " got views or parameters of the wrong size");
  for (uint32_t i = 0; i < 3; ++i)
    if (const uint32_t most = gpu_->physical.limits.maxComputeWorkGroupCount[i]; groups[i] > most)
      throw Error(Code::InvalidArgument, "kernel \"" + info.name + "\" takes at most " + std::to_string(most) +
                                             " groups along " + "xyz"[i] + " on " + gpu_->physical.info.id + ", " +
                                             std::to_string(groups[i]) + " were asked for");
  if (groups[0] == 0 || groups[1] == 0 || groups[2] == 0) return;

  DescriptorWrites writes;
  Range reads[kMaxBindings], written[kMaxBindings];
  uint32_t readCount = 0, writtenCount = 0;
  for (size_t i = 0; i < views.size(); ++i) {
    const BoundView bound = bindFor(own, info.bindings[i], views[i].view);
    writes.buffer(info.bindings[i].binding, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, bound.info);
    if (views[i].written)
      written[writtenCount++] = bound.range;
    else
      reads[readCount++] = bound.range;
  }
  const bool staged = info.paramsAreUniform && info.paramBytes;
  if (staged) writes.buffer(info.paramBinding, VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, {});
  const auto bindAll = [&] {
    before({reads, readCount}, {written, writtenCount});
    if (staged) writes.replace(info.paramBinding, stageUniform(params));  // memory that goes with its submission
    const VkCommandBuffer to = commands();
    keep(program);
    if (boundPipeline_ != own.kernel()) {
      boundPipeline_ = own.kernel();
      gpu_->api.vkCmdBindPipeline(to, VK_PIPELINE_BIND_POINT_COMPUTE, boundPipeline_);
    }
    writes.bind(*gpu_, to, VK_PIPELINE_BIND_POINT_COMPUTE, own.layout(), current_->descriptors);
    if (own.pushBytes()) pushConstants(own, params);
  };
  if (stop_ && dispatchLong(own, groups, params, bindAll)) return;
  bindAll();
  gpu_->api.vkCmdDispatch(current_->commands, groups[0], groups[1], groups[2]);
}

void GpuQueue::keep(const std::shared_ptr<const Program>& program) {
  auto& kept = current_->programs;
  if (kept.empty() || kept.back() != program) kept.push_back(program);
}

}  // namespace switchyard::vulkan
