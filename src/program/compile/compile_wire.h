// What a process and its compile process tell each other: each message is its length in 4 bytes, then its content. An
// empty one says that the source's compilation begins.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "error.h"
#include "program/compile/compiler.h"

namespace switchyard {

using AnySource = std::variant<KernelSource, ShaderSource>;

// Memory that was refused: by the limit of the compile process (its source is to blame), or by the system.
enum class NoMemory : uint8_t { Limit, System };
using CompileReply = std::variant<std::shared_ptr<ProgramModule>, Error, NoMemory>;

std::vector<uint8_t> encodeSource(const AnySource& source);
AnySource decodeSource(std::span<const uint8_t> bytes);
std::vector<uint8_t> encodeReply(const CompileReply& reply);
CompileReply decodeReply(std::span<const uint8_t> bytes);

constexpr size_t kMaxCompileMessage = size_t{128} << 20;
// A message with its length in front of it.
std::vector<uint8_t> framed(std::span<const uint8_t> content);

}  // namespace switchyard
