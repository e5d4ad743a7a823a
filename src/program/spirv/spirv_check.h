// SPIR-V before anybody relies on it: valid, and asking for nothing that the runtime does not provide.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "program/glsl/stage.h"
#include "program/module.h"

namespace switchyard {

// All throw Error(Compile); `who` is for messages. Nothing else may read words that validateSpirv() has not seen.
void validateSpirv(const std::string& who, std::span<const uint32_t> words);
// The device features behind the module's capabilities; refuses those that are not in the runtime's list for the stage.
ProgramNeeds checkCapabilities(const std::string& who, Stage stage, std::span<const uint32_t> words);
// The name of the module's one entry point for the stage.
std::string entryOf(const std::string& who, Stage stage, std::span<const uint32_t> words);

// The module with its specialisation constants as plain constants at their defaults; names stay.
std::vector<uint32_t> freezeConstants(const std::string& who, std::span<const uint32_t> words);
// The module as fast as SPIRV-Tools makes it, without names.
std::vector<uint32_t> optimizeSpirv(const std::string& who, std::span<const uint32_t> words);
// The vertex stage without what it computes for outputs that the fragment stage does not read; both optimised before.
std::vector<uint32_t> dropUnreadOutputs(const std::string& who, std::span<const uint32_t> vertex,
                                        std::span<const uint32_t> fragment);
std::string spirvToolsVersion();

}  // namespace switchyard
