// render/evidence-timeline by probes of its pixels, on every device that draws.
#include "scene_fixture.h"

namespace switchyard::test {
namespace {

using namespace render;

TEST_P(Scenes, ATimelineShowsItsCategoriesByColourAndRelevanceBySize) {
  HostTensor timeline(kF32, {2, 4});
  const double rows[2][4] = {{0.2, 0.5, 1.0, 0}, {0.8, 0.9, 0.1, 1}};
  for (size_t i = 0; i < 8; ++i) timeline.set(i, rows[i / 4][i % 4]);
  // No decay and now far away: nothing else is coloured.
  const Image image =
      draw(context(),
           {"evidence-timeline", timeline, {{"decay", 0}, {"currentTime", 0.5}, {"timeStart", 0}, {"timeEnd", 1}}, {}});
  const ThemeColours& colours = themeColours(Theme::Dark);
  int count[2] = {};
  double x[2] = {};
  for (int row = 90; row < int(image.height); ++row)  // below the legend
    for (int column = 0; column < int(image.width); ++column)
      for (int i = 0; i < 2; ++i)
        if (difference(image.at(column, row), mix(colours.panel, colours.categories[i], 0.92f)) <= 10)
          ++count[i], x[i] += column;
  ASSERT_GT(count[1], 20);
  EXPECT_GT(count[0], 2 * count[1]) << "relevance 1 is larger than relevance 0.1";
  EXPECT_LT(x[0] / count[0], x[1] / count[1]) << "earlier is further left";
}

TEST_P(Scenes, ATimelineOfManyPoints) {
  Random random(13);
  HostTensor timeline(kF32, {100'000, 4});
  for (size_t i = 0; i < 100'000; ++i) {
    timeline.set(4 * i, random.uniform(0, 2)), timeline.set(4 * i + 1, random.uniform(0, 1));
    timeline.set(4 * i + 2, random.uniform(0, 1)), timeline.set(4 * i + 3, double(random.integer(0, 7)));
  }
  const Image host = draw(context(), {"evidence-timeline", timeline, {}, {}});
  EXPECT_EQ(host.bytes, draw(context(), {"evidence-timeline", timeline, {}, {}, true}).bytes)
      << "from the device as from the host";
}

TEST_P(Scenes, ATimelineRefusesWhatIsNoTimeline) {
  auto refused = [&](HostTensor data, std::vector<Param> params, const char* what) {
    for (bool resident : {false, true}) {
      const Outcome outcome = tryDraw(context(), {"evidence-timeline", data, params, {}, resident});
      ASSERT_TRUE(outcome.error) << what;
      EXPECT_EQ(outcome.error->code, Code::InvalidArgument) << what;
      EXPECT_NE(outcome.text().find(what), std::string::npos) << outcome.text();
    }
  };
  HostTensor timeline(kF32, {3, 4});
  timeline.set(9, kNaN);
  refused(timeline, {}, "index 9");
  timeline.set(9, 0), timeline.set(7, -1);
  refused(timeline, {}, "category");
  timeline.set(7, 0.5);
  refused(timeline, {}, "category");
  refused(HostTensor(kF32, {3, 5}), {}, "[n, 4]");
  timeline.set(7, 0);
  refused(timeline, {{"timeStart", 2}, {"timeEnd", 1}}, "timeStart");
}

}  // namespace
}  // namespace switchyard::test
