// One drawing of a scene (attention-heatmap, evidence-timeline): its data, parameters and texts, and its picture.
#pragma once

#include <string>
#include <vector>

#include "picture_fixture.h"

namespace switchyard::test {

inline std::string joined(const std::vector<std::string>& items) {
  std::string all;
  for (size_t i = 0; i < items.size(); ++i) all += (i ? "\x1f" : "") + items[i];
  return all;
}

inline HostTensor textTensor(const std::vector<std::vector<std::string>>& sections) {
  std::string all;
  for (size_t i = 0; i < sections.size(); ++i) all += (i ? "\x1e" : "") + joined(sections[i]);
  HostTensor tensor(DType::Uint8, {all.size()});
  std::copy(all.begin(), all.end(), reinterpret_cast<char*>(tensor.bytes.data()));
  tensor.present = !all.empty();
  return tensor;
}

struct Draw {
  std::string scene;
  HostTensor data;
  std::vector<Param> params;
  std::vector<std::vector<std::string>> texts;
  bool resident = false;
};

inline Outcome tryDraw(Context& context, const Draw& what, Image* image = nullptr) {
  auto job = makeJob("render/" + what.scene, {what.data, textTensor(what.texts)}, what.params);
  if (what.resident) job->inputs[0].device = upload(context, what.data), job->inputs[0].host = nullptr;
  Outcome outcome = runJob(context, job);
  if (outcome.ok() && image) *image = pictureOf(*job);
  return outcome;
}

inline Image draw(Context& context, const Draw& what) {
  Image image;
  const Outcome outcome = tryDraw(context, what, &image);
  EXPECT_TRUE(outcome.ok()) << outcome.text();
  return image;
}

inline HostTensor random(Shape shape, uint64_t seed = 1, DType dtype = kF32) {
  return Random(seed).uniform(dtype, shape, 0, 1);
}

class Scenes : public OnDrawingDevice {};

}  // namespace switchyard::test
