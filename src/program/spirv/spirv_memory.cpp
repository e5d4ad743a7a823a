#include "program/spirv/spirv_memory.h"

#include <spirv/unified1/spirv.hpp>

#include <algorithm>
#include <unordered_map>
#include <vector>

namespace switchyard {
namespace {

constexpr uint64_t kMax = uint64_t{1} << 40;
constexpr size_t kHeaderWords = 5;

uint64_t sum(uint64_t a, uint64_t b) { return std::min(a + b, kMax); }
uint64_t product(uint64_t a, uint64_t b) { return b != 0 && a > kMax / b ? kMax : a * b; }

class Counter {
 public:
  explicit Counter(std::span<const uint32_t> words) {
    for (size_t at = kHeaderWords; at < words.size();) {
      const size_t length = words[at] >> 16;
      if (length == 0 || length > words.size() - at) return;
      read(static_cast<spv::Op>(words[at] & 0xffff), words.subspan(at + 1, length - 1));
      at += length;
    }
  }
  VariableBytes total() {
    uint64_t most = 0;
    for (auto& [id, function] : functions_) most = std::max(most, of(function));
    return {group_, sum(private_, most), largest_};
  }

 private:
  struct Function {
    uint64_t bytes = 0;
    bool counted = false;
    std::vector<uint32_t> calls;
  };

  // Everything is declared before it is used.
  void read(spv::Op op, std::span<const uint32_t> a) {
    const auto has = [&](size_t count) { return a.size() >= count; };
    switch (op) {
      case spv::OpTypeBool:
        if (has(1)) types_[a[0]] = 4;
        break;
      case spv::OpTypeInt:
      case spv::OpTypeFloat:
        if (has(2)) types_[a[0]] = a[1] / 8;
        break;
      case spv::OpTypeVector:
      case spv::OpTypeMatrix:
        if (has(3)) types_[a[0]] = product(types_[a[1]], a[2]);
        break;
      case spv::OpTypeArray:
        if (has(3)) types_[a[0]] = product(types_[a[1]], constants_[a[2]]), holdsArray_[a[0]] = true;
        break;
      case spv::OpTypeStruct: readStruct(a); break;
      case spv::OpTypePointer:
        if (has(3)) pointees_[a[0]] = a[2];
        break;
      case spv::OpConstant:
      case spv::OpSpecConstant:
        if (has(3)) constants_[a[1]] = has(4) && a[3] != 0 ? kMax : a[2];
        break;
      case spv::OpFunction:
        if (has(2)) current_ = a[1];
        break;
      case spv::OpFunctionCall:
        if (has(3)) functions_[current_].calls.push_back(a[2]);
        break;
      case spv::OpVariable:
        if (has(3)) readVariable(static_cast<spv::StorageClass>(a[2]), pointees_[a[0]]);
        break;
      default: break;
    }
  }

  void readStruct(std::span<const uint32_t> a) {
    uint64_t bytes = 0;
    bool holds = false;
    for (size_t i = 1; i < a.size(); ++i) {
      bytes = sum(bytes, types_[a[i]]);
      holds = holds || holdsArray_[a[i]];
    }
    if (a.empty()) return;
    types_[a[0]] = bytes;
    holdsArray_[a[0]] = holds;
  }

  void readVariable(spv::StorageClass storage, uint32_t type) {
    const uint64_t bytes = types_[type];
    if (storage == spv::StorageClassWorkgroup) group_ = sum(group_, bytes);
    if ((storage != spv::StorageClassPrivate && storage != spv::StorageClassFunction) || !holdsArray_[type]) return;
    largest_ = std::max(largest_, bytes);
    if (storage == spv::StorageClassPrivate) private_ = sum(private_, bytes);
    if (storage == spv::StorageClassFunction) functions_[current_].bytes = sum(functions_[current_].bytes, bytes);
  }

  // Calls of valid modules make no circle.
  uint64_t of(Function& function) {
    if (function.counted) return function.bytes;
    function.counted = true;
    for (const uint32_t id : function.calls)
      if (const auto callee = functions_.find(id); callee != functions_.end())
        function.bytes = sum(function.bytes, of(callee->second));
    return function.bytes;
  }

  std::unordered_map<uint32_t, uint64_t> types_, constants_;
  std::unordered_map<uint32_t, bool> holdsArray_;
  std::unordered_map<uint32_t, uint32_t> pointees_;
  std::unordered_map<uint32_t, Function> functions_;
  uint32_t current_ = 0;
  uint64_t group_ = 0, private_ = 0, largest_ = 0;
};

}  // namespace

VariableBytes variableBytes(std::span<const uint32_t> words) { return Counter(words).total(); }

}  // namespace switchyard
