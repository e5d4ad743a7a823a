// What the command line of the test program says beyond GoogleTest's own flags.
#pragma once
#include <cstdint>
#include <string>

namespace switchyard::test {

struct Options {
  std::string device;            // --device cuda:0: the conformance cases of this device alone
  std::string json;              // --json out.json: a report of them
  uint64_t seed = 0, cases = 0;  // --seed 7 --cases 1000: the property over magnitudes, so many problems a workload
  uint64_t seeds = 0;            // --seeds 100: in how many ways the emulated blocks are interleaved
  uint64_t firstSeed = 0;        // --first-seed 41 --seeds 1: from which one on
  uint64_t interleaveEvery = 8;  // --interleave-every 1: so many-th of the small cases on the emulated card, too
  bool watched = false;          // --watched: fails where the build does not watch what emulated kernels access
  int64_t onlyCase = -1;         // --case 12: one of them
  bool rareRows = false;         // --rare-rows: what rows that can't be mended cost, against ordinary ones
  uint64_t share = 1;            // --share 3: conformance cases on a third of their devices each; see devicesOf()
  uint64_t part = 0, parts = 1;  // --part 1 --parts 2: every second conformance case, from the second on
  uint64_t skipFirst = 0;        // --skip-first 20: so many conformance cases are left out, which a process has run
  bool stopWhenLost = false;     // --stop-when-lost: no more cases after one that has lost the device
  bool full = false;             // SWITCHYARD_TEST_FULL=1: every repetition, not those alone that each change gets
  bool listDevices = false;      // --list-devices: prints what was found as JSON and ends
};
Options& options();
void registerConformance();
void registerFaults();
void registerMagnitudes();
void registerRareRows();

}  // namespace switchyard::test
