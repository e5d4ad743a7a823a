// A user's program as this device runs it: layouts and shader modules made once, pipelines as they are needed.
#pragma once
#include <map>

#include "program/module.h"
#include "vulkan/descriptors.h"
#include "vulkan/pipelines.h"

namespace switchyard::vulkan {

class GpuProgram final : public Program {
 public:
  // Checks the module against the device, and makes what does not depend on how it is used: for a kernel, all of it.
  GpuProgram(std::shared_ptr<Gpu> gpu, std::shared_ptr<Pipelines> pipelines, ModulePtr module);
  ~GpuProgram() override;

  const ProgramInfo& info() const { return module->info; }
  DescriptorLayout layout() const { return {set_.get(), layout_.get(), pushed_}; }
  VkShaderStageFlags stages() const { return stages_; }
  uint32_t pushBytes() const { return pushBytes_; }  // of push constants, whole words
  VkPipeline kernel() const { return kernel_.get(); }
  // Whether a kernel asks how many groups there are: of a part of a launch it would get the part's.
  bool countsGroups() const { return countsGroups_; }
  const std::shared_ptr<Pace> pace = std::make_shared<Pace>();
  // What a kernel takes depends on its parameters: whether the pace is that of these, and of some threads like these.
  bool paceIsOf(std::span<const std::byte> params, double threads) const;
  void setPaceOf(std::span<const std::byte> params, double threads) const;
  // The pipeline of a shader: made at first use. `pass` is the one that has `samples`.
  VkPipeline graphics(Primitive primitive, Blend blend, uint32_t samples, VkRenderPass pass) const;
  // Where the parameters have the picture's width and height, two floats; ~0: nowhere.
  uint32_t viewportOffset() const { return viewportOffset_; }

 private:
  struct GraphicsKind {
    Primitive primitive;
    Blend blend;
    uint32_t samples;
    auto operator<=>(const GraphicsKind&) const = default;
  };
  void checkLimits() const;
  void checkAttributes() const;
  void checkStage(VkShaderStageFlagBits stage, std::span<const uint32_t> words) const;
  void makeLayout();
  Handle<VkShaderModule> makeModule(std::span<const uint32_t> words) const;
  Handle<VkPipeline> makeKernel() const;
  Handle<VkPipeline> makeGraphics(Primitive primitive, Blend blend, uint32_t samples, VkRenderPass pass) const;
  static VkPipelineRobustnessCreateInfoEXT robustness();
  std::string title() const;  // kernel "blur"
  [[noreturn]] void unsupported(const std::string& text) const;
  void checkMade(VkResult result) const;

  const std::shared_ptr<Gpu> gpu_;
  const std::shared_ptr<Pipelines> pipelines_;
  const VkShaderStageFlags stages_;
  const uint32_t pushBytes_;
  Handle<VkDescriptorSetLayout> set_;
  bool pushed_ = false, countsGroups_ = false;
  Handle<VkPipelineLayout> layout_;
  Handle<VkPipeline> kernel_;
  Handle<VkShaderModule> vertex_, fragment_;
  uint32_t viewportOffset_ = ~0u;
  mutable std::mutex mutex_;
  mutable std::vector<std::byte> paceParams_;
  mutable double paceThreads_ = 0;
  mutable std::map<GraphicsKind, Handle<VkPipeline>> graphics_;
};

// The programs of a device: one object for each module while anyone holds it. Safe from any thread.
class Programs {
 public:
  Programs(std::shared_ptr<Gpu> gpu, std::shared_ptr<Pipelines> pipelines)
      : gpu_(std::move(gpu)), pipelines_(std::move(pipelines)) {}
  std::shared_ptr<const Program> compile(ModulePtr module);

 private:
  std::shared_ptr<const GpuProgram> find(const ProgramId& id);  // the mutex is held

  const std::shared_ptr<Gpu> gpu_;
  const std::shared_ptr<Pipelines> pipelines_;
  std::mutex mutex_;
  std::map<ProgramId, std::weak_ptr<const GpuProgram>> live_;
};

// Bytes of an attribute for each vertex.
inline uint32_t attributeStride(const ProgramAttribute& a) { return a.rows * a.columns * 4; }

const GpuProgram& programOf(const std::shared_ptr<const Program>& program, ProgramKind kind);

}  // namespace switchyard::vulkan
