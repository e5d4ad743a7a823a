// What holds for both scenes: every size, no data, extreme numbers, two drivers alike, arguments checked beforehand.
#include "scene_fixture.h"

namespace switchyard::test {
namespace {

INSTANTIATE_TEST_SUITE_P(Drawing, Scenes, ::testing::ValuesIn(drawingDevices()), drawingDeviceName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Scenes);

TEST_P(Scenes, EverySizeDraws) {
  const HostTensor weights = random({7, 5}, 10), timeline = [] {
    HostTensor t(kF32, {9, 4});
    for (size_t i = 0; i < 9; ++i)
      t.set(4 * i, 0.1 * double(i)), t.set(4 * i + 1, 0.1 * double(i)), t.set(4 * i + 2, 0.5),
          t.set(4 * i + 3, double(i % 3));
    return t;
  }();
  struct {
    uint32_t width, height;
  } sizes[] = {{1, 1}, {2, 3}, {33, 17}, {17, 333}, {160, 100}, {161, 101}, {320, 180}, {999, 77}, {1280, 720}};
  for (auto [width, height] : sizes)
    for (const char* theme : {"dark", "light"})
      for (double time : {0.0, 1.7}) {
        for (const char* form : {"map", "points"}) {
          const Image image =
              draw(context(), {"attention-heatmap",
                               weights,
                               {{"width", width}, {"height", height}, {"theme", theme}, {"form", form}, {"time", time}},
                               {{"A title"}}});
          EXPECT_EQ(image.width, width);
          EXPECT_EQ(image.height, height);
          EXPECT_EQ(image.bytes.size(), size_t{width} * height * 4);
          for (size_t i = 3; i < image.bytes.size(); i += 4)
            ASSERT_EQ(int(image.bytes[i]), 255) << "the page is opaque";
        }
        const Image image = draw(context(), {"evidence-timeline",
                                             timeline,
                                             {{"width", width}, {"height", height}, {"theme", theme}, {"time", time}},
                                             {{"A title"}, {"one", "two", "three"}}});
        for (size_t i = 3; i < image.bytes.size(); i += 4) ASSERT_EQ(int(image.bytes[i]), 255);
      }
}

TEST_P(Scenes, EmptyDataDrawsAnEmptyPlace) {
  for (Shape shape : {Shape{0, 5}, Shape{5, 0}, Shape{0, 0}, Shape{0, 4, 4}})
    EXPECT_EQ(
        draw(context(), {"attention-heatmap", HostTensor(kF32, shape), {{"width", 320}, {"height", 200}}, {}}).width,
        320u)
        << shape.text();
  const Image empty = draw(context(), {"evidence-timeline", HostTensor(kF32, {0, 4}), {}, {}});
  const Image other = draw(context(), {"evidence-timeline", HostTensor(kF32, {0, 4}), {{"decay", 0}}, {}});
  EXPECT_NE(empty.bytes, other.bytes) << "the decay is drawn without evidence, too";
}

TEST_P(Scenes, TheSameCallGivesTheSameBytes) {
  const Draw still{
      "attention-heatmap", random({30, 30}, 11), {{"width", 640}, {"height", 360}, {"time", 3.25}}, {{"Twice"}}};
  const Image first = draw(context(), still);
  EXPECT_EQ(first.bytes, draw(context(), still).bytes);
  Draw later = still;
  later.params[2] = {"time", 4.5};
  EXPECT_NE(first.bytes, draw(context(), later).bytes) << "it moves";
}

TEST_P(Scenes, NumbersAtTheEndsOfTheirRange) {
  HostTensor weights = listed(kF32, {2, 3}, {3e38, -3e38, 1e-45, 0, 1e-38, -1e-38}),
             same = listed(kF32, {1, 3}, {1e-45, 1e-45, 1e-45});
  for (const HostTensor& data : {weights, same})
    for (const char* form : {"map", "points"})
      EXPECT_TRUE(tryDraw(context(), {"attention-heatmap", data, {{"form", form}, {"time", 1e300}}, {}}).ok());
  const HostTensor timeline =
      listed(kF32, {3, 4}, {-3e38, 3e38, 3e38, 0, 3e38, -3e38, -3e38, 16777216, 0, 1e-45, 1e-45, 3});
  for (double decay : {0.0, 2.0, -2.0, 1e300})
    for (double now : {1.0, -1e300, 1e300})
      for (const char* format : {"number", "date"})
        EXPECT_TRUE(
            tryDraw(context(), {"evidence-timeline",
                                timeline,
                                {{"decay", decay}, {"currentTime", now}, {"timeFormat", format}, {"time", -1e300}},
                                {{"t"}, {"c"}, {"x", "y", "z"}}})
                .ok());
  EXPECT_TRUE(tryDraw(context(), {"evidence-timeline", timeline, {{"timeStart", 1e300}}, {}}).ok());
  EXPECT_TRUE(tryDraw(context(), {"evidence-timeline", timeline, {{"timeEnd", -1e300}}, {}}).ok());
  EXPECT_TRUE(
      tryDraw(context(),
              {"evidence-timeline", timeline, {{"timeStart", 1}, {"timeEnd", 1 + 1e-15}, {"currentTime", 1}}, {}})
          .ok());
}

// Two drivers rasterise the same: every channel within 2 of 255, but for one pixel in a thousand, where an edge falls
// between two roundings.
TEST(SceneDrivers, AgreeWithinTwoOf255) {
  const std::vector<TestDevice> devices = drawingDevices();
  if (devices.size() < 2) GTEST_SKIP() << "needs two devices that draw: name both drivers in VK_DRIVER_FILES";
  HostTensor timeline(kF32, {200, 4});
  Random random(14);
  for (size_t i = 0; i < 200; ++i) {
    timeline.set(4 * i, random.uniform(0, 1.2)), timeline.set(4 * i + 1, random.uniform(0, 1));
    timeline.set(4 * i + 2, random.uniform(0, 1)), timeline.set(4 * i + 3, double(random.integer(0, 4)));
  }
  const std::vector<std::string> labels = {"a", "label", "of", "some", "length", "each"};
  const Draw draws[] = {
      {"attention-heatmap", random.uniform(kF32, {6, 6}, 0, 1), {{"time", 2}}, {{"Six"}, labels, labels}},
      {"attention-heatmap", random.uniform(kF32, {512, 512}, 0, 1), {{"theme", "light"}}, {}},
      {"attention-heatmap", random.uniform(kF32, {1500, 900}, 0, 1), {}, {}},
      {"attention-heatmap", random.uniform(kF32, {24, 24}, 0, 1), {{"form", "points"}, {"time", 1}}, {{"Points"}}},
      {"evidence-timeline", timeline, {{"time", 1}}, {{"Evidence"}, {"a", "b", "c", "d", "e"}}}};
  for (const Draw& what : draws) {
    const Image reference = draw(contextOf(devices[0]), what);
    for (size_t d = 1; d < devices.size(); ++d) {
      const Image other = draw(contextOf(devices[d]), what);
      EXPECT_LE(pixelsApart(other, reference), other.bytes.size() / 4 / 1000)
          << what.scene << " on " << devices[d].name;
    }
  }
}

TEST(SceneArguments, AreCheckedWithoutADevice) {
  auto refused = [](const Draw& what, const char* why) {
    auto job = makeJob("render/" + what.scene, {what.data, textTensor(what.texts)}, what.params);
    try {
      job->prepare();
      ADD_FAILURE() << "not refused: " << why;
    } catch (const Error& error) {
      EXPECT_EQ(error.code, Code::InvalidArgument);
      EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what();
    }
  };
  const HostTensor weights = random({4, 6});
  for (const char* side : {"width", "height"})
    for (double value : {0.0, -1.0, 8193.0, 1.5}) refused({"attention-heatmap", weights, {{side, value}}, {}}, side);
  refused({"attention-heatmap", random({4}), {}, {}}, "[h, s, t]");
  refused({"attention-heatmap", weights, {{"head", 1}}, {}}, "head");
  refused({"attention-heatmap", random({2, 4, 6}), {{"head", 2}}, {}}, "head");
  refused({"attention-heatmap", weights, {{"zoomRight", 7}}, {}}, "zoomRight");
  refused({"attention-heatmap", weights, {{"zoomTop", 3}, {"zoomBottom", 3}}, {}}, "zoomBottom");
  refused({"attention-heatmap", weights, {{"zoomLeft", -1}}, {}}, "zoomLeft");
  refused({"attention-heatmap", weights, {{"minimum", 2}, {"maximum", 1}}, {}}, "minimum");
  auto job = makeJob("render/attention-heatmap", {weights, textTensor({})}, {{"width", 8192}, {"height", 1}});
  job->prepare();
  EXPECT_EQ(job->outputSpecs[0].shape, (Shape{1, 8192, 4}));
}

TEST(SceneArguments, ADeviceThatDrawsNothingSaysSo) {
  auto context = Context::create(openDevice("cpu"));
  const Outcome outcome = tryDraw(*context, {"attention-heatmap", random({4, 4}), {}, {}});
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, Code::Unsupported);
}

}  // namespace
}  // namespace switchyard::test
