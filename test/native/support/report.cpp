// Writes the report at the end of the run.
#include "report.h"

#include <cstdio>
#include <fstream>
#include <sstream>

#include "harness.h"
#include "options.h"

namespace switchyard::test {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (unsigned char c : text) {
    char escaped[8];
    if (c == '"' || c == '\\')
      (out += '\\') += char(c);
    else if (c == '\n')
      out += "\\n";
    else if (c < 0x20)
      snprintf(escaped, sizeof escaped, "\\u%04x", c), out += escaped;
    else
      out += char(c);
  }
  return out + "\"";
}

std::string deviceJson(const DeviceInfo& info) {
  std::ostringstream json;
  json << "{ \"id\": " << quoted(info.id) << ", \"backend\": " << quoted(backendName(info.backend))
       << ", \"name\": " << quoted(info.name) << ", \"type\": " << quoted(deviceTypeName(info.type))
       << ", \"vendor\": " << quoted(info.vendor) << ", \"driver\": " << quoted(info.driver)
       << ", \"apiVersion\": " << quoted(info.apiVersion) << ", \"memoryBytes\": " << info.memory.totalBytes
       << ", \"computeUnits\": " << info.computeUnits << ", \"float16\": " << (info.features.float16 ? "true" : "false")
       << ", \"maxViewBytes\": " << info.maxViewBytes << " }";
  return json.str();
}

class Report final : public ::testing::EmptyTestEventListener {
 public:
  explicit Report(std::string path) : path_(std::move(path)) {}

  void OnTestPartResult(const ::testing::TestPartResult& part) override {
    if (part.failed() && failure_.empty()) failure_ = part.summary();
  }
  void OnTestEnd(const ::testing::TestInfo& test) override {
    const ::testing::TestResult& result = *test.result();
    if (result.Skipped()) return;
    std::string share = "null", device;
    for (int i = 0; i < result.test_property_count(); ++i) {
      if (result.GetTestProperty(i).key() == std::string("errorShare")) share = result.GetTestProperty(i).value();
      if (result.GetTestProperty(i).key() == std::string("device")) device = result.GetTestProperty(i).value();
    }
    std::ostringstream row;
    row << "    { \"case\": " << quoted(test.name()) << ", \"device\": " << quoted(device)
        << ", \"passed\": " << (result.Passed() ? "true" : "false") << ", \"errorShare\": " << share
        << ", \"ms\": " << result.elapsed_time();
    if (!failure_.empty()) row << ", \"failure\": " << quoted(failure_);
    row << " }";
    rows_.push_back(row.str());
    failure_.clear();
  }
  void OnTestProgramEnd(const ::testing::UnitTest& unit) override {
    std::ofstream file(path_);
    file << "{\n  \"device\": ";
    bool found = false;
    for (const DeviceInfo& info : foundDevices().devices)
      if (info.id == options().device) file << deviceJson(info), found = true;
    if (!found) file << "null";
    file << ",\n  \"passed\": " << unit.successful_test_count() << ",\n  \"failed\": " << unit.failed_test_count()
         << ",\n  \"skipped\": " << unit.skipped_test_count() << ",\n  \"ms\": " << unit.elapsed_time()
         << ",\n  \"errorShare\": \"the largest error of a case as a share of what its tolerance allows\",\n  "
            "\"cases\": [\n";
    for (size_t i = 0; i < rows_.size(); ++i) file << rows_[i] << (i + 1 < rows_.size() ? ",\n" : "\n");
    file << "  ]\n}\n";
    file.close();
    if (!file) {
      fprintf(stderr, "the report %s could not be written\n", path_.c_str());
      std::exit(2);
    }
  }

 private:
  const std::string path_;
  std::string failure_;
  std::vector<std::string> rows_;
};

}  // namespace

std::string devicesJson() {
  std::string json = "{ \"devices\": [";
  const Enumeration& found = foundDevices();
  for (size_t i = 0; i < found.devices.size(); ++i) json += (i ? ", " : "") + deviceJson(found.devices[i]);
  json += "], \"problems\": [";
  for (size_t i = 0; i < found.problems.size(); ++i) {
    const BackendProblem& p = found.problems[i];
    json += (i ? ", " : "") + std::string("{ \"backend\": ") + quoted(backendName(p.backend)) +
            ", \"reason\": " + quoted(p.reason) + ", \"detail\": " + quoted(p.detail) +
            ", \"remedy\": " + quoted(p.remedy) + " }";
  }
  return json + "] }";
}

::testing::EmptyTestEventListener* makeReport(const std::string& path) { return new Report(path); }

}  // namespace switchyard::test
