// The map of ids under random changes, beside one of the standard library's.
#include "vectors/ids.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace switchyard::vectors {
namespace {

TEST(VectorIds, KeepsTextsAndNumbers) {
  Arena arena;
  for (const int64_t number :
       {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{9007199254740991}, int64_t{-9007199254740991}}) {
    const KeptId kept = keepId(arena, Id::of(number));
    EXPECT_TRUE(idOf(kept).isNumber);
    EXPECT_EQ(idOf(kept).number, number);
    EXPECT_TRUE(idOf(kept).isSame(Id::of(number)));
    EXPECT_FALSE(idOf(kept).isSame(Id::of(number == 1 ? 2 : 1)));
    EXPECT_FALSE(idOf(kept).isSame(Id::of(std::to_string(number))));
  }
  for (const std::string& text : {std::string("1"), std::string("a\0b", 3), std::string(512, 'x')}) {
    const KeptId kept = keepId(arena, Id::of(text));
    EXPECT_FALSE(idOf(kept).isNumber);
    EXPECT_EQ(idOf(kept).text, text);
    EXPECT_TRUE(idOf(kept).isSame(Id::of(text)));
    EXPECT_FALSE(idOf(kept).isSame(Id::of(1)));
  }
}

// `hashes`: how many different ones there are, so that few make long runs of equal places.
void changeAtRandom(uint64_t hashes, uint32_t seed) {
  std::mt19937 random(seed);
  IdMap map;
  std::map<uint64_t, uint64_t> keys;  // number -> hash
  uint64_t next = 0;
  for (int step = 0; step < 4000; ++step) {
    const uint32_t what = random() % 8;
    if (what < 4 || keys.empty()) {
      const uint64_t hash = random() % hashes;
      map.insert(hash, next);
      keys[next++] = hash;
      continue;
    }
    auto at = keys.lower_bound(random() % next);
    if (at == keys.end()) at = keys.begin();
    if (what < 7) {
      map.erase(at->second, at->first);
      keys.erase(at);
    } else {
      map.replace(at->second, at->first, next);
      keys[next++] = at->second;
      keys.erase(at);
    }
    ASSERT_EQ(map.size(), keys.size());
  }
  for (uint64_t number = 0; number < next; ++number) {
    const auto at = keys.find(number);
    const auto is = [&](uint64_t each) { return each == number; };
    if (at != keys.end()) {
      EXPECT_EQ(map.find(at->second, is), number);
    } else {
      for (uint64_t hash = 0; hash < std::min<uint64_t>(hashes, 64); ++hash)
        EXPECT_EQ(map.find(hash, is), IdMap::kNone);
    }
  }
}

TEST(VectorIds, MapIsThatOfTheStandardLibrary) {
  for (uint32_t seed = 0; seed < 4; ++seed) {
    changeAtRandom(uint64_t{1} << 62, seed);
    changeAtRandom(37, seed);
    changeAtRandom(1, seed);
  }
}

TEST(VectorIds, AnEmptyMapFindsNothing) {
  const IdMap map;
  EXPECT_EQ(map.find(7, [](uint64_t) { return true; }), IdMap::kNone);
}

}  // namespace
}  // namespace switchyard::vectors
