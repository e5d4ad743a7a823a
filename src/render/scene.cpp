// The common part of scenes: their interface, and their texts.
#include "render/scene.h"

#include <algorithm>

namespace switchyard::render {
namespace {

constexpr char kSectionEnd = 0x1e, kItemEnd = 0x1f;

WorkloadInfo sceneInfo(const char* name, std::vector<InputInfo> inputs, std::vector<ParamInfo> own,
                       std::vector<const char*> texts) {
  if (!texts.empty())
    inputs.push_back({.name = "text", .dtypes = dtypeBit(DType::Uint8), .optional = true, .hostOnly = true});
  std::vector<ParamInfo> params = {
      {.name = "width", .kind = ParamInfo::Kind::Integer, .fallback = 1280, .min = 1, .max = kMaxPictureExtent},
      {.name = "height", .kind = ParamInfo::Kind::Integer, .fallback = 720, .min = 1, .max = kMaxPictureExtent},
      {.name = "time"},
      {.name = "theme", .kind = ParamInfo::Kind::Choice, .choices = kThemeNames}};
  params.insert(params.end(), own.begin(), own.end());
  return {name, WorkKind::Render, kNotJoined, std::move(inputs), std::move(params), {"image"}, std::move(texts)};
}

// The part of `text` before the nth separator's end; empty past the last.
std::string_view part(std::string_view text, char separator, size_t n) {
  for (; n; --n) {
    const size_t end = text.find(separator);
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find(separator));
}

}  // namespace

Scene::Scene(const char* name, std::vector<InputInfo> inputs, std::vector<ParamInfo> params,
             std::vector<const char*> texts)
    : Workload(sceneInfo(name, std::move(inputs), std::move(params), std::move(texts))) {}

bool Scene::readyOn(const ProgramCache& programs) const {
  auto has = [&](const ModulePtr& module) { return programs.has(module->id); };
  return std::ranges::all_of(DrawList::modules(), has) && std::ranges::all_of(ownModules(), has);
}

Cost Scene::finishCheck(Call& call) const {
  if (!info.texts.empty()) {
    const Value& text = call.inputs[info.inputs.size() - 1];
    if (text.present && text.spec.elements() > kMaxTextBytes)
      refuse(*this,
             "the texts have " + std::to_string(text.spec.elements()) + " bytes, but can have at most " +
                 std::to_string(kMaxTextBytes),
             "params");
  }
  call.outputCount = 1;
  call.outputs[0].spec = {DType::Uint8, {height(call), width(call), 4}};
  constexpr double kFlopsOfPixel = 60;
  return {kFlopsOfPixel * width(call) * height(call), bytesMoved(call)};
}

std::vector<std::string> Scene::texts(const Call& call, size_t section) const {
  const Value& value = call.inputs[info.inputs.size() - 1];
  if (!value.present || value.spec.elements() == 0) return {};
  if (!value.host) refuse(*this, "input 'text' lies on a device, but is read from host memory", "inputs.text");
  const std::string_view all(reinterpret_cast<const char*>(value.host), value.spec.elements());
  const std::string_view items = part(all, kSectionEnd, section);
  std::vector<std::string> out;
  if (items.empty()) return out;
  for (size_t from = 0; from <= items.size();) {
    const size_t end = std::min(items.find(kItemEnd, from), items.size());
    out.emplace_back(items.substr(from, end - from));
    from = end + 1;
  }
  return out;
}

std::string Scene::text(const Call& call, size_t section) const {
  std::vector<std::string> items = texts(call, section);
  return items.empty() ? std::string() : std::move(items.front());
}

void Scene::requireGraphics(const Recorder& recorder) const {
  if (!recorder.device().features.graphics)
    throw Error(Code::Unsupported,
                std::string(info.name) + ": " + recorder.device().id + " draws no pictures: use a Vulkan device");
}

}  // namespace switchyard::render
