// The format: 8 bytes with the header's length (little-endian), the header as JSON, and the tensors' bytes, which
// begin where the header ends and leave nothing out (https://github.com/huggingface/safetensors, README, "Format").
#include "text/safetensors.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "error.h"
#include "text/json_fields.h"

namespace switchyard::text {
namespace {

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMostHeaderBytes = 100'000'000;  // as the format's own library
constexpr const char* kMetadata = "__metadata__";

struct Kind {
  const char* name;
  uint64_t bytes;
  std::optional<DType> dtype;
};
constexpr Kind kKinds[] = {{"F32", 4, DType::Float32},
                           {"F16", 2, DType::Float16},
                           {"BF16", 2, DType::Bfloat16},
                           {"I32", 4, DType::Int32},
                           {"U32", 4, DType::Uint32},
                           {"I8", 1, DType::Int8},
                           {"U8", 1, DType::Uint8},
                           {"BOOL", 1, {}},
                           {"I16", 2, {}},
                           {"U16", 2, {}},
                           {"I64", 8, {}},
                           {"U64", 8, {}},
                           {"F64", 8, {}},
                           {"C64", 8, {}},
                           {"F8_E5M2", 1, {}},
                           {"F8_E4M3", 1, {}},
                           {"F8_E8M0", 1, {}}};

const Kind* kindOf(const std::string& name) {
  for (const Kind& kind : kKinds)
    if (name == kind.name) return &kind;
  return nullptr;
}

bool isCount(const Json& value) { return value.is_number_unsigned() && value.get<uint64_t>() <= uint64_t{1} << 53; }

}  // namespace

void Safetensors::refuse(const std::string& what) const {
  throw Error(Code::InvalidArgument, "the safetensors file '" + path() + "' " + what);
}

Safetensors::Safetensors(const std::string& path) : file_(path) {
  if (bytes() < kLengthBytes)
    refuse("has " + std::to_string(bytes()) + " bytes, but begins with 8 that say how long its header is");
  uint64_t length = 0;
  file_.read(0, {reinterpret_cast<std::byte*>(&length), sizeof(length)}, "its header's length");
  if (length > kMostHeaderBytes || length > bytes() - kLengthBytes)
    refuse("says that its header has " + std::to_string(length) + " bytes, but " +
           (length > kMostHeaderBytes ? "at most " + std::to_string(kMostHeaderBytes) + " are taken"
                                      : "only " + std::to_string(bytes() - kLengthBytes) + " follow: it is cut off, " +
                                            "or no safetensors file"));
  std::string header(length, '\0');
  file_.read(kLengthBytes, std::as_writable_bytes(std::span(header)), "its header");
  parse(header, kLengthBytes + length);
  checkPlaces(kLengthBytes + length);
}

void Safetensors::parse(std::string_view header, uint64_t dataBegin) {
  const Json root = parseJson(header, "the header of the safetensors file '" + path() + "'");
  if (!root.is_object()) refuse("has a header that is no JSON object of tensors by name");
  const uint64_t dataBytes = bytes() - dataBegin;
  tensors_.reserve(root.size());
  for (const auto& [name, entry] : root.items()) {
    if (name == kMetadata) continue;  // words of whoever wrote it
    const std::string where = "tensor " + shown(name);
    if (!entry.is_object()) refuse("has " + where + ", which is no object { dtype, shape, data_offsets }");
    for (const char* key : {"dtype", "shape", "data_offsets"})
      if (!entry.contains(key)) refuse("has " + where + " without " + key);
    const Json &dtype = entry["dtype"], &shape = entry["shape"], &offsets = entry["data_offsets"];
    const Kind* kind = dtype.is_string() ? kindOf(dtype.get<std::string>()) : nullptr;
    if (!kind) refuse("has " + where + " of dtype " + shownValue(dtype) + ", which is not known");
    if (!shape.is_array() || !std::all_of(shape.begin(), shape.end(), isCount))
      refuse("has " + where + " whose shape is no array of whole numbers");
    if (!offsets.is_array() || offsets.size() != 2 || !isCount(offsets[0]) || !isCount(offsets[1]))
      refuse("has " + where + " whose data_offsets are no two whole numbers");
    StoredTensor tensor{name, kind->name, kind->dtype, shape.get<std::vector<uint64_t>>()};
    const uint64_t begin = offsets[0].get<uint64_t>(), end = offsets[1].get<uint64_t>();
    uint64_t bytes = kind->bytes;
    bool fits = begin <= end;
    for (uint64_t extent : tensor.shape) fits = fits && !__builtin_mul_overflow(bytes, extent, &bytes);
    if (!fits || end - begin != bytes)
      refuse("has " + where + " of dtype " + kind->name + " and shape " + shown(shape.dump()) +
             ", but its data_offsets, " + offsets.dump() + ", are not those of as many bytes");
    if (end > dataBytes)
      refuse("has " + where + " at data_offsets " + offsets.dump() + ", but only " + std::to_string(dataBytes) +
             " bytes follow the header: it is cut off, or its header lies");
    tensor.begin = dataBegin + begin;
    tensor.bytes = bytes;
    tensors_.push_back(std::move(tensor));
  }
}

// One behind the other, from the header's end to the file's.
void Safetensors::checkPlaces(uint64_t dataBegin) {
  std::sort(tensors_.begin(), tensors_.end(), [](const StoredTensor& a, const StoredTensor& b) {
    return std::tie(a.begin, a.bytes, a.name) < std::tie(b.begin, b.bytes, b.name);
  });
  uint64_t at = dataBegin;
  for (const StoredTensor& tensor : tensors_) {
    if (tensor.begin != at)
      refuse("has tensor " + shown(tensor.name) + " at byte " + std::to_string(tensor.begin - dataBegin) +
             " of its data, but the one before it ends at " + std::to_string(at - dataBegin) +
             (tensor.begin < at ? ": they overlap" : ": there is a hole between them"));
    at += tensor.bytes;
  }
  if (at != bytes())
    refuse("has " + std::to_string(bytes() - at) + " bytes behind its last tensor, which its header does not tell of");
  byName_.resize(tensors_.size());
  for (size_t i = 0; i < byName_.size(); ++i) byName_[i] = static_cast<uint32_t>(i);
  std::sort(byName_.begin(), byName_.end(),
            [&](uint32_t a, uint32_t b) { return tensors_[a].name < tensors_[b].name; });
}

const StoredTensor* Safetensors::find(std::string_view name) const {
  const auto at = std::lower_bound(byName_.begin(), byName_.end(), name, [&](uint32_t place, std::string_view wanted) {
    return tensors_[place].name < wanted;
  });
  return at != byName_.end() && tensors_[*at].name == name ? &tensors_[*at] : nullptr;
}

void Safetensors::read(const StoredTensor& tensor, std::span<std::byte> into) const {
  if (into.size() != tensor.bytes)
    throw Error(Code::Internal, "memory of " + std::to_string(into.size()) + " bytes was given for tensor " +
                                    shown(tensor.name) + " of " + std::to_string(tensor.bytes));
  file_.read(tensor.begin, into, "tensor " + shown(tensor.name));
}

}  // namespace switchyard::text
