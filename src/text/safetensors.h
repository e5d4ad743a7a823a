// A safetensors file: tensors by name, behind a header that is checked before anything of it is used.
// The file is not mapped: one that somebody shortens later would end the process with SIGBUS, even where the mapping is
// private. What is read of it is copied out with pread(), into memory that it is to lie in anyhow (a shared tensor, or
// a block that a job uses in place): a file that has become shorter is an error then, and memory is aligned whatever
// the file's offsets are. The open file is the one whose header was checked, whatever its name stands for later.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensor.h"
#include "text/regular_file.h"

namespace switchyard::text {

// A tensor as the header tells of it.
struct StoredTensor {
  std::string name;
  std::string kind;             // "F32": the format's own word, of which some have no dtype here
  std::optional<DType> dtype;   // nothing: a kind that no workload takes
  std::vector<uint64_t> shape;  // any rank
  uint64_t begin = 0;           // from the start of the file
  uint64_t bytes = 0;
};

// Immutable: safe from any thread.
class Safetensors {
 public:
  // Throws NotFound: there is no such file; InvalidArgument, which names the file and what is wrong with it, of tensors
  // the name, too: cut off, no header, no JSON, a kind that is not known, a size that its shape does not give, places
  // that overlap, leave holes or reach beyond the file; OutOfMemory.
  explicit Safetensors(const std::string& path);

  const std::string& path() const { return file_.path(); }
  uint64_t bytes() const { return file_.bytes(); }                    // of the whole file
  std::span<const StoredTensor> tensors() const { return tensors_; }  // in the order in which they lie there
  const StoredTensor* find(std::string_view name) const;

  // All of a tensor; `into` has its size. Throws InvalidArgument: the file is shorter now than it was.
  void read(const StoredTensor& tensor, std::span<std::byte> into) const;

 private:
  [[noreturn]] void refuse(const std::string& what) const;
  void parse(std::string_view header, uint64_t dataBegin);
  void checkPlaces(uint64_t dataBegin);

  RegularFile file_;
  std::vector<StoredTensor> tensors_;
  std::vector<uint32_t> byName_;  // places in tensors_, in the order of the names
};

}  // namespace switchyard::text
