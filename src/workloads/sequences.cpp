#include "workloads/sequences.h"

namespace switchyard {

void checkSequences(const Workload& workload, std::span<const int32_t> offsets, uint64_t rows, size_t input) {
  const std::string name = "'" + std::string(workload.info.inputs[input].name) + "'";
  const auto wrong = [&](const std::string& how) { refuse(workload, name + how, inputPath(workload, input)); };
  if (offsets.empty()) wrong(" is empty, but has one element more than there are sequences");
  if (offsets[0] != 0) wrong(" must begin with 0, but begins with " + std::to_string(offsets[0]));
  for (size_t i = 1; i < offsets.size(); ++i)
    if (offsets[i] < offsets[i - 1])
      wrong(" must not fall, but falls from " + std::to_string(offsets[i - 1]) + " to " + std::to_string(offsets[i]) +
            " at index " + std::to_string(i));
  if (static_cast<uint64_t>(offsets.back()) != rows)
    wrong(" must end with the number of rows, " + std::to_string(rows) + ", but ends with " +
          std::to_string(offsets.back()));
}

}  // namespace switchyard
