// Ticks of axes and numbers as text: round, within their range, and no more than are allowed.
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

#include "render/axes.h"

namespace switchyard::test {
namespace {

using namespace render;

TEST(SceneScale, TicksAreRoundWithinAndAsManyAsAllowed) {
  struct {
    double low, high;
  } ranges[] = {{0, 1},        {0, 0.42}, {-3, 7},      {0.001, 0.0017}, {1e6, 1.5e6},
                {-1e-9, 1e-9}, {3, 1e9},  {0.99, 1.01}, {-5e12, -4e12}};
  for (auto [low, high] : ranges)
    for (int most : {2, 3, 5, 8, 12}) {
      const std::vector<Tick> ticks = niceTicks(low, high, most);
      ASSERT_LE(int(ticks.size()), most) << low << " to " << high;
      std::set<std::string> labels;
      for (const Tick& tick : ticks) {
        EXPECT_GE(tick.value, low - (high - low) * 1e-6);
        EXPECT_LE(tick.value, high + (high - low) * 1e-6);
        EXPECT_TRUE(labels.insert(tick.label).second) << tick.label << " twice, " << low << " to " << high;
      }
      if (most >= 5) {
        EXPECT_GE(int(ticks.size()), 2) << low << " to " << high << ", most " << most;
      }
      if (ticks.size() > 1) {
        const double step = ticks[1].value - ticks[0].value,
                     mantissa = step / std::pow(10, std::floor(std::log10(step) + 1e-9));
        EXPECT_TRUE(std::fabs(mantissa - 1) < 1e-6 || std::fabs(mantissa - 2) < 1e-6 || std::fabs(mantissa - 5) < 1e-6)
            << step;
      }
    }
  const std::vector<Tick> unit = niceTicks(0, 1, 6);
  ASSERT_EQ(unit.size(), 6u);
  EXPECT_EQ(unit[0].label, "0.0");
  EXPECT_EQ(unit[1].label, "0.2");
  EXPECT_EQ(niceTicks(-1, 1, 3)[0].label, "\u22121");
  EXPECT_EQ(niceTicks(4, 4, 5).size(), 1u);
  for (const Tick& tick : wholeTicks(0, 7, 30)) EXPECT_EQ(tick.value, std::round(tick.value));
  EXPECT_EQ(wholeTicks(0, 7, 30).size(), 8u);
}

TEST(SceneScale, DatesAreRound) {
  auto labels = [](double low, double high, int most) {
    std::string all;
    for (const Tick& tick : dateTicks(low, high, most)) all += (all.empty() ? "" : "|") + tick.label;
    return all;
  };
  EXPECT_EQ(labels(0, 4 * 365.0 * 86400, 6), "1970|1971|1972|1973");
  EXPECT_EQ(labels(1704067200, 1704067200 + 90 * 86400, 5), "2024|Feb|Mar");
  EXPECT_EQ(labels(1704067200, 1704067200 + 3600, 5), "1 Jan|00:15|00:30|00:45|01:00");
  EXPECT_EQ(labels(-10, 10, 5), "23:59:50|23:59:55|1 Jan|00:00:05|00:00:10");
  EXPECT_LE(dateTicks(-6e10, 2e11, 4).size(), 4u);
  EXPECT_FALSE(dateTicks(-1e15, 1e15, 4).empty()) << "beyond the calendar";
  EXPECT_EQ(dateText(1704067200 + 5), "1 Jan 2024");
}

TEST(SceneScale, Numbers) {
  EXPECT_EQ(numberText(0.25, 2), "0.25");
  EXPECT_EQ(numberText(-3, 3), "\u22123");
  EXPECT_EQ(numberText(1.2e-7, 2), "1.2e\u22127");
  EXPECT_EQ(numberText(-0.0, 2), "0");
  EXPECT_EQ(countText(0), "0");
  EXPECT_EQ(countText(1234567), "1,234,567");
}

}  // namespace
}  // namespace switchyard::test
