// Arrays of numbers that C++ and JavaScript both use: .def files say what stands where, once. The addon tells
// JavaScript (lib/addon/layouts.js).
//   LAYOUT(Done, "done")             a layout begins
//   FIELD(DoneCode, "code", 1)       what stands next, and how many numbers it takes: kDoneCode is where it begins
//   GAP(DoneGap, 3)                  numbers that mean nothing
//   END(Done)                        kDoneNumbers is how many they are altogether; JavaScript has it as `numbers`
//   VALUES("done")                   constants follow: VALUE(DoneWell, "well", 0.0) is kDoneWell
// A header includes such a file twice: after layout_places.h for the places, after layout_rows.h for the table of them.
#pragma once
#include <cstddef>

namespace switchyard {

// `group` begins one, `name` is of one of its numbers; the other is null.
struct LayoutRow {
  const char* group;
  const char* name;
  double value;
};

}  // namespace switchyard
