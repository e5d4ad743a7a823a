// Modules as bytes: little-endian, without padding, with a checksum; nothing that is read back is trusted.
#include "program/module.h"

#include <sodium/crypto_hash_sha256.h>

#include <cstring>

#include "error.h"

namespace switchyard {
namespace {

constexpr uint32_t kMagic = 0x50595753;  // "SWYP"
constexpr uint32_t kVersion = 2;
constexpr size_t kHashAt = 16, kHashBytes = crypto_hash_sha256_BYTES, kHeaderBytes = kHashAt + kHashBytes;
constexpr size_t kMaxText = 1 << 16, kMaxItems = 1 << 16, kMaxBlob = size_t{1} << 30;

// Little-endian, whatever the machine is; no padding.
class Writer {
 public:
  void number(uint64_t value, int width) {
    for (int i = 0; i < width; ++i) out_.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
  void u8(uint8_t value) { number(value, 1); }
  void u32(uint32_t value) { number(value, 4); }
  void u64(uint64_t value) { number(value, 8); }
  void flag(bool value) { u8(value ? 1 : 0); }
  void raw(std::span<const uint8_t> bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void text(const std::string& value) {
    limit(value.size(), kMaxText, "text");
    u32(static_cast<uint32_t>(value.size()));
    out_.insert(out_.end(), value.begin(), value.end());
  }
  void blob(const std::vector<char>& value) {
    limit(value.size(), kMaxBlob, "code");
    u32(static_cast<uint32_t>(value.size()));
    out_.insert(out_.end(), value.begin(), value.end());
  }
  void words(const std::vector<uint32_t>& value) {
    limit(value.size(), kMaxBlob / 4, "code");
    u32(static_cast<uint32_t>(value.size()));
    for (const uint32_t word : value) u32(word);
  }
  template <class Items, class Each>
  void list(const Items& items, Each each) {
    limit(items.size(), kMaxItems, "list");
    u32(static_cast<uint32_t>(items.size()));
    for (const auto& item : items) each(item);
  }
  std::vector<uint8_t>& bytes() { return out_; }

 private:
  static void limit(size_t size, size_t most, const char* what) {
    if (size > most) throw Error(Code::Internal, std::string("a program has a ") + what + " too long to be kept");
  }
  std::vector<uint8_t> out_;
};

[[noreturn]] void damaged(const std::string& how) {
  throw Error(Code::Internal, "the bytes of a program are damaged: " + how);
}

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : rest_(bytes) {}
  uint64_t number(size_t width) {
    const std::span<const uint8_t> bytes = raw(width);
    uint64_t value = 0;
    for (size_t i = 0; i < width; ++i) value |= uint64_t{bytes[i]} << (8 * i);
    return value;
  }
  uint8_t u8() { return static_cast<uint8_t>(number(1)); }
  uint32_t u32() { return static_cast<uint32_t>(number(4)); }
  uint64_t u64() { return number(8); }
  bool flag() { return choice<uint8_t>(1) != 0; }
  template <class Enum>
  Enum choice(uint8_t last) {
    const uint8_t value = u8();
    if (value > last) damaged("it holds a value that means nothing");
    return static_cast<Enum>(value);
  }
  std::span<const uint8_t> raw(size_t size) {
    if (size > rest_.size()) damaged("it ends too early");
    const std::span<const uint8_t> taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  std::string text() {
    const std::span<const uint8_t> bytes = raw(count(kMaxText, 1));
    return std::string(bytes.begin(), bytes.end());
  }
  std::vector<char> blob() {
    const std::span<const uint8_t> bytes = raw(count(kMaxBlob, 1));
    return std::vector<char>(bytes.begin(), bytes.end());
  }
  std::vector<uint32_t> words() {
    std::vector<uint32_t> words(count(kMaxBlob / 4, 4));
    for (uint32_t& word : words) word = u32();
    return words;
  }
  template <class Item, class Each>
  std::vector<Item> list(Each each) {
    std::vector<Item> items(count(kMaxItems, 1));
    for (Item& item : items) item = each();
    return items;
  }
  bool empty() const { return rest_.empty(); }

 private:
  // A count, of things that take `least` bytes each: believed only if they can be there.
  size_t count(size_t most, size_t least) {
    const size_t value = u32();
    if (value > most || value > rest_.size() / least) damaged("it counts more than it holds");
    return value;
  }
  std::span<const uint8_t> rest_;
};

void write(Writer& out, const ProgramParam& param) {
  out.text(param.name);
  out.u8(static_cast<uint8_t>(param.scalar));
  for (const uint32_t value :
       {param.rows, param.columns, param.elements, param.offset, param.arrayStride, param.matrixStride})
    out.u32(value);
}

ProgramParam readParam(Reader& in) {
  ProgramParam param;
  param.name = in.text();
  param.scalar = in.choice<ProgramParam::Scalar>(static_cast<uint8_t>(ProgramParam::Scalar::Bool));
  for (uint32_t* value :
       {&param.rows, &param.columns, &param.elements, &param.offset, &param.arrayStride, &param.matrixStride})
    *value = in.u32();
  return param;
}

void write(Writer& out, const ProgramBinding& binding) {
  out.text(binding.name);
  out.u8(static_cast<uint8_t>(binding.kind));
  out.u8(static_cast<uint8_t>(binding.element));
  for (const uint32_t value : {binding.set, binding.binding, binding.elementBytes}) out.u32(value);
  out.u64(binding.minBytes);
  out.flag(binding.readOnly);
  out.flag(binding.writeOnly);
}

ProgramBinding readBinding(Reader& in) {
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

void write(Writer& out, const ProgramAttribute& attribute) {
  out.text(attribute.name);
  out.u8(static_cast<uint8_t>(attribute.scalar));
  for (const uint32_t value : {attribute.location, attribute.rows, attribute.columns}) out.u32(value);
}

ProgramAttribute readAttribute(Reader& in) {
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

void write(Writer& out, const ProgramInfo& info) {
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
  for (const bool* flag : flagsOf(info.needs)) out.flag(*flag);
  out.u32(info.needs.subgroupOps);
}

ProgramInfo readInfo(Reader& in) {
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
  for (bool* flag : flagsOf(info.needs)) *flag = in.flag();
  info.needs.subgroupOps = in.u32();
  return info;
}

void write(Writer& out, const CudaCode& cuda) {
  out.text(cuda.entry);
  out.blob(cuda.ptx);
  out.blob(cuda.cubin);
  out.u32(cuda.arch);
  for (const uint32_t size : cuda.blockSize) out.u32(size);
  out.list(cuda.params, [&](const CudaParam& param) {
    out.flag(param.isBuffer);
    out.u32(param.index);
  });
  out.list(cuda.values, [&](const ProgramParam& param) { write(out, param); });
}

CudaCode readCuda(Reader& in) {
  CudaCode cuda;
  cuda.entry = in.text();
  cuda.ptx = in.blob();
  cuda.cubin = in.blob();
  cuda.arch = in.u32();
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
    if (param.index >= count) damaged("a parameter of its CUDA kernel is not described");
  }
  if (module.forCuda() && (module.cuda.ptx.empty() || module.cuda.ptx.back() != 0)) damaged("its PTX has no end");
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
  Writer content;
  content.raw(module.id);
  write(content, module.info);
  for (const std::vector<uint32_t>* words : {&module.compute, &module.vertex, &module.fragment}) content.words(*words);
  content.text(module.entry);
  write(content, module.cuda);

  Writer out;
  out.u32(kMagic);
  out.u32(kVersion);
  out.u64(content.bytes().size());
  std::array<uint8_t, kHashBytes> hash{};
  crypto_hash_sha256(hash.data(), content.bytes().data(), content.bytes().size());
  out.raw(hash);
  out.raw(content.bytes());
  return std::move(out.bytes());
}

std::shared_ptr<ProgramModule> decodeModule(std::span<const uint8_t> bytes) {
  Reader header(bytes);
  if (bytes.size() < kHeaderBytes) damaged("it ends too early");
  if (header.u32() != kMagic) damaged("it is no program");
  if (const uint32_t version = header.u32(); version != kVersion)
    damaged("it is of version " + std::to_string(version) + ", and this is version " + std::to_string(kVersion));
  const std::span<const uint8_t> content = bytes.subspan(kHeaderBytes);
  if (header.u64() != content.size()) damaged("its length is not what it says");
  std::array<uint8_t, kHashBytes> hash{};
  crypto_hash_sha256(hash.data(), content.data(), content.size());
  if (std::memcmp(hash.data(), bytes.data() + kHashAt, kHashBytes) != 0) damaged("its checksum does not fit");

  Reader in(content);
  auto module = std::make_shared<ProgramModule>();
  const std::span<const uint8_t> id = in.raw(module->id.size());
  std::copy(id.begin(), id.end(), module->id.begin());
  module->info = readInfo(in);
  for (std::vector<uint32_t>* words : {&module->compute, &module->vertex, &module->fragment}) *words = in.words();
  module->entry = in.text();
  module->cuda = readCuda(in);
  if (!in.empty()) damaged("it goes on after its end");
  checkIndices(*module);
  return module;
}

ProgramNeeds operator|(const ProgramNeeds& a, const ProgramNeeds& b) {
  return {
      a.float16 || b.float16,     a.int8 || b.int8,         a.int16 || b.int16,         a.storage8 || b.storage8,
      a.storage16 || b.storage16, a.uniform8 || b.uniform8, a.uniform16 || b.uniform16, a.subgroupOps | b.subgroupOps};
}

}  // namespace switchyard
