// An error as it leaves a worker.
#include "cluster/error_json.h"

#include <gtest/gtest.h>

namespace switchyard::cluster::test {
namespace {

TEST(ErrorJson, HasWhatIsKnown) {
  EXPECT_EQ(errorJson({Code::Timeout, "late"}), R"({"code":"ERR_TIMEOUT","message":"late"})");
  EXPECT_EQ(errorJson({Code::Compile, "no", {.log = "k:3: error", .line = 3, .column = 7}}),
            R"({"code":"ERR_COMPILE","message":"no","log":"k:3: error","line":3,"column":7})");
  EXPECT_EQ(errorJson({Code::InvalidArgument, "no", {.argument = "nodes[1].inputs.a"}}),
            R"({"code":"ERR_INVALID_ARGUMENT","message":"no","argument":"nodes[1].inputs.a"})");
}

TEST(ErrorJson, EscapesWhatJsonEscapes) {
  EXPECT_EQ(errorJson({Code::Internal, "a \"b\" \\ \n\t\x1f \x7f \xc3\xa4"}),
            "{\"code\":\"ERR_INTERNAL\",\"message\":\"a \\\"b\\\" \\\\ \\u000a\\u0009\\u001f \x7f \xc3\xa4\"}");
}

TEST(ErrorJson, WhateverWasThrown) {
  EXPECT_EQ(asError(std::make_exception_ptr(std::bad_alloc())).code, Code::OutOfMemory);
  EXPECT_STREQ(asError(std::make_exception_ptr(std::runtime_error("odd"))).what(), "odd");
  EXPECT_EQ(asError(std::make_exception_ptr(5)).code, Code::Internal);
  const Error thrown{Code::Compile, "no", {.log = "why", .line = 2}};
  EXPECT_EQ(asError(std::make_exception_ptr(thrown)).details.log, "why");
}

}  // namespace
}  // namespace switchyard::cluster::test
