// Which files are the store, in one file that is replaced as a whole.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/files.h"

namespace switchyard::store {

inline constexpr std::string_view kManifestName = "manifest", kLockName = "lock";

struct Manifest {
  struct Log {
    uint64_t file = 0, bytes = 0, records = 0;
    bool isSealed = false;
  };
  struct Data {
    std::string name;
    uint64_t file = 0, bytes = 0;  // of its content
  };
  struct Collection {
    uint64_t id = 0;
    std::string name;
    uint64_t through = 0;
    std::string state;  // JSON; empty: there was no checkpoint
    std::vector<Data> files;
  };
  uint64_t nextFile = 1, nextSequence = 1, nextCollection = 1;
  std::vector<Log> logs;
  std::vector<Collection> collections;
};

std::string encodeManifest(const Manifest& manifest);
// Throws InvalidArgument for a folder that is no store, Unsupported for one of a newer version or of another byte
// order, Damaged.
Manifest readManifest(Files& files, const std::string& folder);
// Writes it beside the one that is there, and puts it into its place. Throws before that, and then the old one holds;
// after this only syncFolder() is missing.
void replaceManifest(Files& files, const std::string& folder, const Manifest& manifest);

}  // namespace switchyard::store
