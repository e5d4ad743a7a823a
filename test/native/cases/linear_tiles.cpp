// linear where tiles, pieces of views and parts of sums end.
#include "oracles.h"

namespace switchyard::test {
namespace {

struct Tiles {
  uint64_t rows, k, m;
  DType input = kF32, weight = kF32;
  uint64_t groups = 0;         // of scales; 0: one a row
  bool epilogue = false;       // bias, residual and gelu
  bool int8 = false;           // activations
  const char* dtype = "same";  // of the output
};

// Whole numbers throughout: a tile, piece or part that is dropped, doubled or misplaced shows.
HostTensor weightOf(Random& random, const Tiles& t) {
  if (t.weight == DType::Int8) return random.integers(DType::Int8, {t.m, t.k}, -4, 4);
  if (t.weight == DType::Uint8) return random.integers(DType::Uint8, {t.m, (t.k + 1) / 2}, 0, 255);
  return random.integers(t.weight, {t.m, t.k});
}

void make(Problem& p, Random& random, const Tiles& t) {
  const bool codes = t.weight == DType::Int8 || t.weight == DType::Uint8;
  HostTensor scales = absent();
  if (codes) {
    scales = HostTensor(kF32, t.groups ? Shape{t.m, t.groups} : Shape{t.m});
    for (size_t i = 0; i < scales.size(); ++i) scales.set(i, i % 3 ? 0.5 : 2);
  }
  HostTensor input = t.int8 ? random.uniform(t.input, {t.rows, t.k}) : random.integers(t.input, {t.rows, t.k});
  p.inputs = {std::move(input), weightOf(random, t), std::move(scales),
              t.epilogue ? random.integers(t.input, {t.m}) : absent(),
              t.epilogue ? random.integers(t.input, {t.rows, t.m}) : absent()};
  if (t.weight == DType::Uint8) p.params.push_back({"bits", 4});
  if (t.int8) p.params.push_back({"activations", "int8"});
  if (t.epilogue) p.params.push_back({"activation", "gelu"});
  p.params.push_back({"dtype", t.dtype});
  expectLinear(p);
}

void add(CaseList& list, const std::string& name, Size size, const Tiles& tiles) {
  list.add("linear", name, size, [=](Problem& p, Random& random) { make(p, random, tiles); });
}

}  // namespace

void addLinearTilesCases(CaseList& list) {
  struct {
    const char* name;
    DType input, weight;
    uint64_t groups;
    bool int8;
  } kinds[] = {{"float32", kF32, kF32, 0, false},
               {"float16", kF16, kF16, 0, false},
               {"bfloat16", kBF16, kBF16, 0, false},
               {"int8", kF32, DType::Int8, 0, false},
               {"int4-groups", kBF16, DType::Uint8, 2, false},
               {"int8-int8", kF32, DType::Int8, 0, true}};
  // Rows end a row before, at and behind a tile of 16 and of 64, columns of 32 and 64, sums at a slice and a block.
  struct {
    uint64_t rows, k, m;
  } sizes[] = {{15, 16, 31}, {16, 256, 32}, {17, 264, 36}, {63, 20, 63}, {64, 256, 64}, {65, 260, 68}, {64, 8, 65}};
  for (const auto& kind : kinds)
    for (const auto& [rows, k, m] : sizes)
      for (bool epilogue : {false, true}) {
        Tiles tiles{rows, k, m, kind.input, kind.weight, kind.groups, epilogue, kind.int8};
        add(list,
            std::string("tiles-") + kind.name + "-" + std::to_string(rows) + "x" + std::to_string(k) + "x" +
                std::to_string(m) + (epilogue ? "-gelu" : ""),
            Size::Small, tiles);
      }
  // Groups that no four elements side by side share, in rows that are no whole words.
  add(list, "tiles-groups-of-3", Size::Small, {18, 33, 21, kF32, DType::Int8, 11, true});
  add(list, "tiles-groups-of-6", Size::Small, {18, 42, 21, kF32, DType::Uint8, 7, true});
  // Longer than the views that a device may bind, and sums longer than a driver's loops, in every format.
  for (DType t : kFloatTypes) {
    add(list, "tiles-wide" + dtypeSuffix(t), Size::Split, {300, 520, 420, t, t, 0, true});
    add(list, "tiles-deep" + dtypeSuffix(t), Size::Split, {5, 40000, 12, t, t, 0, true});
  }
  add(list, "tiles-wide-int4", Size::Split, {77, 1030, 420, kBF16, DType::Uint8, 0, true});
  add(list, "tiles-deep-groups", Size::Split, {5, 40000, 12, kF32, DType::Int8, 625, true});
  add(list, "tiles-deep-int4-groups", Size::Split, {5, 40000, 12, kBF16, DType::Uint8, 400, true});
  // Rows that become codes are bound as float32, whole.
  add(list, "tiles-deep-int8-int8", Size::Medium, {5, 70000, 12, kF32, DType::Int8, 0, true, true});
}

}  // namespace switchyard::test
