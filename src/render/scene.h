// What the pictures have in common as workloads: sizes, time, theme, texts, one image.
#pragma once
#include <string>
#include <vector>

#include "render/axes.h"
#include "workloads/common.h"

namespace switchyard::render {

// Parameters that every scene has, before its own.
enum SceneParam : size_t { kWidth, kHeight, kTime, kTheme, kOwnParams };

class Scene : public Workload {
 public:
  bool readyOn(const ProgramCache& programs) const override;

 protected:
  // Adds the common parameters, the input `text` where there are texts, and the output `image`.
  Scene(const char* name, std::vector<InputInfo> inputs, std::vector<ParamInfo> params, std::vector<const char*> texts);

  // For check(): the image's shape, and the cost of drawing it.
  Cost finishCheck(Call& call) const;
  // Modules of the scene's own, beside the drawing list's.
  virtual std::span<const ModulePtr> ownModules() const { return {}; }

  uint32_t width(const Call& call) const { return call.integer(kWidth); }
  uint32_t height(const Call& call) const { return call.integer(kHeight); }
  Theme theme(const Call& call) const { return static_cast<Theme>(call.integer(kTheme)); }
  // A text's items; empty where it was not given. `section` counts info.texts.
  std::vector<std::string> texts(const Call& call, size_t section) const;
  std::string text(const Call& call, size_t section) const;  // the first item
  // Throws Unsupported where the device can't draw.
  void requireGraphics(const Recorder& recorder) const;
};

constexpr uint64_t kMaxTextBytes = 16 << 20;

}  // namespace switchyard::render
