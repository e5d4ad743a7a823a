// Modules as bytes: little-endian, without padding, with a checksum; nothing that is read back is trusted.
#include "program/module.h"

#include <sodium/crypto_hash_sha256.h>

#include <cstring>

#include "error.h"
#include "program/byte_stream.h"

namespace switchyard {
namespace {

constexpr uint32_t kMagic = 0x50595753;  // "SWYP"
constexpr uint32_t kVersion = 5;
constexpr size_t kHashAt = 16, kHashBytes = crypto_hash_sha256_BYTES, kHeaderBytes = kHashAt + kHashBytes;
void write(ByteWriter& out, const ProgramParam& param) {
  out.text(param.name);
  out.u8(static_cast<uint8_t>(param.scalar));
  for (const uint32_t value :
       {param.rows, param.columns, param.elements, param.offset, param.arrayStride, param.matrixStride})
    out.u32(value);
}

ProgramParam readParam(ByteReader& in) {
  ProgramParam param;
  param.name = in.text();
  param.scalar = in.choice<ProgramParam::Scalar>(static_cast<uint8_t>(ProgramParam::Scalar::Bool));
  for (uint32_t* value :
       {&param.rows, &param.columns, &param.elements, &param.offset, &param.arrayStride, &param.matrixStride})
    *value = in.u32();
  return param;
}

void write(ByteWriter& out, const ProgramBinding& binding) {
  out.text(binding.name);
  out.u8(static_cast<uint8_t>(binding.kind));
  out.u8(static_cast<uint8_t>(binding.element));
  for (const uint32_t value : {binding.set, binding.binding, binding.elementBytes}) out.u32(value);
  out.u64(binding.minBytes);
  out.flag(binding.readOnly);
  out.flag(binding.writeOnly);
}

ProgramBinding readBinding(ByteReader& in) {
  ProgramBinding binding;
  binding.name = in.text();
  binding.kind = in.choice<ProgramBinding::Kind>(static_cast<uint8_t>(ProgramBinding::Kind::Image));
  binding.element = in.choice<ProgramBinding::Element>(static_cast<uint8_t>(ProgramBinding::Element::Other));
  for (uint32_t* value : {&binding.set, &binding.binding, &binding.elementBytes}) *value = in.u32();
  binding.minBytes = in.u64();
  binding.readOnly = in.flag();
  binding.writeOnly = in.flag();
  return binding;
}

void write(ByteWriter& out, const ProgramAttribute& attribute) {
  out.text(attribute.name);
  out.u8(static_cast<uint8_t>(attribute.scalar));
  for (const uint32_t value : {attribute.location, attribute.rows, attribute.columns}) out.u32(value);
}

ProgramAttribute readAttribute(ByteReader& in) {
  ProgramAttribute attribute;
  attribute.name = in.text();
  attribute.scalar = in.choice<ProgramParam::Scalar>(static_cast<uint8_t>(ProgramParam::Scalar::Bool));
  for (uint32_t* value : {&attribute.location, &attribute.rows, &attribute.columns}) *value = in.u32();
  return attribute;
}

// The flags of ProgramNeeds in one order for both directions.
template <class Needs>
auto flagsOf(Needs& needs) {
  return std::array{&needs.float16,   &needs.int8,     &needs.int16,    &needs.storage8,
                    &needs.storage16, &needs.uniform8, &needs.uniform16};
}

void write(ByteWriter& out, const ProgramInfo& info) {
  out.u8(static_cast<uint8_t>(info.kind));
  out.text(info.name);
  out.list(info.bindings, [&](const ProgramBinding& binding) { write(out, binding); });
  out.list(info.params, [&](const ProgramParam& param) { write(out, param); });
  out.u32(info.paramBytes);
  out.flag(info.paramsAreUniform);
  out.u32(info.paramSet);
  out.u32(info.paramBinding);
  out.u32(info.sharedBytes);
  for (const uint32_t size : info.groupSize) out.u32(size);
  out.list(info.attributes, [&](const ProgramAttribute& attribute) { write(out, attribute); });
  out.flag(info.flipY);
  out.flag(info.wroteOutputs);
  for (const auto* names : {&info.unused.attributes, &info.unused.buffers, &info.unused.uniforms})
    out.list(*names, [&](const std::string& name) { out.text(name); });
  for (const bool* flag : flagsOf(info.needs)) out.flag(*flag);
  out.u32(info.needs.subgroupOps);
}

ProgramInfo readInfo(ByteReader& in) {
  ProgramInfo info;
  info.kind = in.choice<ProgramKind>(static_cast<uint8_t>(ProgramKind::Shader));
  info.name = in.text();
  info.bindings = in.list<ProgramBinding>([&] { return readBinding(in); });
  info.params = in.list<ProgramParam>([&] { return readParam(in); });
  info.paramBytes = in.u32();
  info.paramsAreUniform = in.flag();
  info.paramSet = in.u32();
  info.paramBinding = in.u32();
  info.sharedBytes = in.u32();
  for (uint32_t& size : info.groupSize) size = in.u32();
  info.attributes = in.list<ProgramAttribute>([&] { return readAttribute(in); });
  info.flipY = in.flag();
  info.wroteOutputs = in.flag();
  for (auto* names : {&info.unused.attributes, &info.unused.buffers, &info.unused.uniforms})
    *names = in.list<std::string>([&] { return in.text(); });
  for (bool* flag : flagsOf(info.needs)) *flag = in.flag();
  info.needs.subgroupOps = in.u32();
  return info;
}

void write(ByteWriter& out, const CudaCode& cuda) {
  out.text(cuda.entry);
  out.blob(cuda.ptx);
  out.blob(cuda.cubin);
  out.u32(cuda.arch);
  out.u32(cuda.sharedBytes);
  for (const uint32_t size : cuda.blockSize) out.u32(size);
  out.list(cuda.params, [&](const CudaParam& param) {
    out.flag(param.isBuffer);
    out.u32(param.index);
  });
  out.list(cuda.values, [&](const ProgramParam& param) { write(out, param); });
}

CudaCode readCuda(ByteReader& in) {
  CudaCode cuda;
  cuda.entry = in.text();
  cuda.ptx = in.blob();
  cuda.cubin = in.blob();
  cuda.arch = in.u32();
  cuda.sharedBytes = in.u32();
  for (uint32_t& size : cuda.blockSize) size = in.u32();
  cuda.params = in.list<CudaParam>([&] {
    CudaParam param;
    param.isBuffer = in.flag();
    param.index = in.u32();
    return param;
  });
  cuda.values = in.list<ProgramParam>([&] { return readParam(in); });
  return cuda;
}

// What readers index by must be there, even in bytes whose checksum is right.
void checkIndices(const ProgramModule& module) {
  for (const CudaParam& param : module.cuda.params) {
    const size_t count =
        param.isBuffer ? module.info.bindings.size() : std::min(module.info.params.size(), module.cuda.values.size());
    if (param.index >= count) damagedBytes("a parameter of its CUDA kernel is not described");
  }
  if (module.forCuda() && module.cuda.ptx.empty() && module.cuda.cubin.empty())
    damagedBytes("its CUDA code is missing");
  if (!module.cuda.ptx.empty() && module.cuda.ptx.back() != 0) damagedBytes("its PTX has no end");
}

}  // namespace

std::string hexOf(const ProgramId& id) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : id) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::vector<uint8_t> encodeModule(const ProgramModule& module) {
  ByteWriter content;
  content.raw(module.id);
  write(content, module.info);
  for (const std::vector<uint32_t>* words : {&module.compute, &module.vertex, &module.fragment}) content.words(*words);
  content.text(module.entry);
  write(content, module.cuda);

  ByteWriter out;
  out.u32(kMagic);
  out.u32(kVersion);
  out.u64(content.bytes().size());
  std::array<uint8_t, kHashBytes> hash{};
  crypto_hash_sha256(hash.data(), content.bytes().data(), content.bytes().size());
  out.raw(hash);
  out.raw(content.bytes());
  return std::move(out.bytes());
}

bool isOfAnotherVersion(std::span<const uint8_t> bytes) noexcept {
  if (bytes.size() < kHeaderBytes) return false;
  ByteReader header(bytes);
  return header.u32() == kMagic && header.u32() != kVersion;
}

std::shared_ptr<ProgramModule> decodeModule(std::span<const uint8_t> bytes) {
  ByteReader header(bytes);
  if (bytes.size() < kHeaderBytes) damagedBytes("it ends too early");
  if (header.u32() != kMagic) damagedBytes("it is no program");
  if (const uint32_t version = header.u32(); version != kVersion)
    damagedBytes("it is of version " + std::to_string(version) + ", and this is version " + std::to_string(kVersion));
  const std::span<const uint8_t> content = bytes.subspan(kHeaderBytes);
  if (header.u64() != content.size()) damagedBytes("its length is not what it says");
  std::array<uint8_t, kHashBytes> hash{};
  crypto_hash_sha256(hash.data(), content.data(), content.size());
  if (std::memcmp(hash.data(), bytes.data() + kHashAt, kHashBytes) != 0) damagedBytes("its checksum does not fit");

  ByteReader in(content);
  auto module = std::make_shared<ProgramModule>();
  const std::span<const uint8_t> id = in.raw(module->id.size());
  std::copy(id.begin(), id.end(), module->id.begin());
  module->info = readInfo(in);
  for (std::vector<uint32_t>* words : {&module->compute, &module->vertex, &module->fragment}) *words = in.words();
  module->entry = in.text();
  module->cuda = readCuda(in);
  if (!in.empty()) damagedBytes("it goes on after its end");
  checkIndices(*module);
  return module;
}

ProgramNeeds operator|(const ProgramNeeds& a, const ProgramNeeds& b) {
  return {
      a.float16 || b.float16,     a.int8 || b.int8,         a.int16 || b.int16,         a.storage8 || b.storage8,
      a.storage16 || b.storage16, a.uniform8 || b.uniform8, a.uniform16 || b.uniform16, a.subgroupOps | b.subgroupOps};
}

}  // namespace switchyard
