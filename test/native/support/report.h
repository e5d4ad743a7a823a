// The JSON report of a conformance run: the device, and each case with its result, largest error and time.
#pragma once
#include <gtest/gtest.h>

#include <string>

namespace switchyard::test {

std::string devicesJson();
::testing::EmptyTestEventListener* makeReport(const std::string& path);

}  // namespace switchyard::test
