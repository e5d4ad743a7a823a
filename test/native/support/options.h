// What the command line of the test program says beyond GoogleTest's own flags.
#pragma once
#include <string>

namespace switchyard::test {

struct Options {
  std::string device;        // --device cuda:0: the conformance cases of this device alone
  std::string json;          // --json out.json: a report of them
  bool listDevices = false;  // --list-devices: prints what was found as JSON and ends
};
Options& options();
void registerConformance();
void registerFaults();

}  // namespace switchyard::test
