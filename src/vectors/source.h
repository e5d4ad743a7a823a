// Where bytes that were stored come from: a file whose content is compared with its checksums when it is first read.
#pragma once
#include <cstdint>

namespace switchyard::vectors {

class Source {
 public:
  virtual ~Source() = default;
  // Any thread, each byte once. Throws Damaged, with file and place, where these bytes are not what was written.
  virtual void check(uint64_t offset, uint64_t bytes) = 0;
  // Whether that was done for all of these bytes already.
  virtual bool isChecked(uint64_t offset, uint64_t bytes) const = 0;
};

}  // namespace switchyard::vectors
