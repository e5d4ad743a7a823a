#include "program/compile/compile_wire.h"

#include "program/byte_stream.h"

namespace switchyard {
namespace {

enum class SourceKind : uint8_t { Kernel, Shader };
enum class ReplyKind : uint8_t { Module, Failure, NoMemory };

void write(ByteWriter& out, const std::string& text) { out.blob(std::vector<char>(text.begin(), text.end())); }

std::string readText(ByteReader& in) {
  const std::vector<char> text = in.blob();
  return std::string(text.begin(), text.end());
}

void write(ByteWriter& out, const std::optional<std::string>& text) {
  out.flag(text.has_value());
  if (text) write(out, *text);
}

std::optional<std::string> readOptionalText(ByteReader& in) {
  if (!in.flag()) return std::nullopt;
  return readText(in);
}

void write(ByteWriter& out, const KernelSource& source) {
  write(out, source.name);
  write(out, source.glsl);
  out.flag(source.spirv.has_value());
  if (source.spirv) out.words(*source.spirv);
  write(out, source.cuda);
  out.list(source.bindings, [&](const std::string& name) { write(out, name); });
  out.u32(source.cudaArch);
  out.list(source.cudaOptions, [&](const std::string& option) { write(out, option); });
  out.u32(source.sharedBytes);
  out.flag(source.cudaOwnFeatures);
}

KernelSource readKernel(ByteReader& in) {
  KernelSource source;
  source.name = readText(in);
  source.glsl = readOptionalText(in);
  if (in.flag()) source.spirv = in.words();
  source.cuda = readOptionalText(in);
  source.bindings = in.list<std::string>([&] { return readText(in); });
  source.cudaArch = in.u32();
  source.cudaOptions = in.list<std::string>([&] { return readText(in); });
  source.sharedBytes = in.u32();
  source.cudaOwnFeatures = in.flag();
  return source;
}

}  // namespace

std::vector<uint8_t> encodeSource(const AnySource& source) {
  ByteWriter out;
  if (const auto* kernel = std::get_if<KernelSource>(&source)) {
    out.u8(static_cast<uint8_t>(SourceKind::Kernel));
    write(out, *kernel);
  } else {
    const auto& shader = std::get<ShaderSource>(source);
    out.u8(static_cast<uint8_t>(SourceKind::Shader));
    for (const std::string* text : {&shader.name, &shader.vertex, &shader.fragment}) write(out, *text);
  }
  return std::move(out.bytes());
}

AnySource decodeSource(std::span<const uint8_t> bytes) {
  ByteReader in(bytes);
  if (in.choice<SourceKind>(1) == SourceKind::Kernel) return readKernel(in);
  ShaderSource shader;
  for (std::string* text : {&shader.name, &shader.vertex, &shader.fragment}) *text = readText(in);
  return shader;
}

std::vector<uint8_t> encodeReply(const CompileReply& reply) {
  ByteWriter out;
  out.u8(static_cast<uint8_t>(reply.index()));
  if (const auto* module = std::get_if<std::shared_ptr<ProgramModule>>(&reply)) {
    out.raw(encodeModule(**module));
  } else if (const auto* error = std::get_if<Error>(&reply)) {
    out.u32(static_cast<uint32_t>(error->code));
    write(out, std::string(error->what()));
    write(out, error->details.log);
    out.u32(error->details.line);
    out.u32(error->details.column);
    write(out, error->details.argument);
  } else {
    out.u8(static_cast<uint8_t>(std::get<NoMemory>(reply)));
  }
  return std::move(out.bytes());
}

CompileReply decodeReply(std::span<const uint8_t> bytes) {
  ByteReader in(bytes);
  switch (in.choice<ReplyKind>(2)) {
    case ReplyKind::Module: return decodeModule(bytes.subspan(1));
    case ReplyKind::NoMemory: return in.choice<NoMemory>(1);
    case ReplyKind::Failure: break;
  }
  const uint32_t code = in.u32();
  if (code >= std::size(kCodes)) damagedBytes("it holds an error of no kind");
  const std::string text = readText(in);
  ErrorDetails details;
  details.log = readText(in);
  details.line = in.u32();
  details.column = in.u32();
  details.argument = readText(in);
  return Error(static_cast<Code>(code), text, std::move(details));
}

std::vector<uint8_t> framed(std::span<const uint8_t> content) {
  ByteWriter out;
  out.u32(static_cast<uint32_t>(content.size()));
  out.raw(content);
  return std::move(out.bytes());
}

}  // namespace switchyard
