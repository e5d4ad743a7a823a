#include "program/loop_turns.h"

#include <spirv/unified1/spirv.hpp>

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <vector>

namespace switchyard {
namespace {

constexpr size_t kHeaderWords = 5;
constexpr uint64_t kMostCounted = 1 << 20;
constexpr uint64_t kMostSteps = 4 * kMostCounted;  // that are counted through, of all loops of a module
constexpr int kBlocksToTest = 4;                   // between a loop's header and its test, at most

uint64_t product(uint64_t a, uint64_t b) {
  return a == 0 || b == 0 ? 0 : a > kMostCounted / b ? kUnboundedTurns : a * b;
}
uint64_t sum(uint64_t a, uint64_t b) { return a > kMostCounted || b > kMostCounted ? kUnboundedTurns : a + b; }

struct Instruction {
  spv::Op op;
  std::span<const uint32_t> operands;
};

class Module {
 public:
  explicit Module(std::span<const uint32_t> words) {
    for (size_t at = kHeaderWords; at < words.size();) {
      const size_t length = words[at] >> 16;
      if (length == 0 || length > words.size() - at) break;
      code_.push_back({static_cast<spv::Op>(words[at] & 0xffff), words.subspan(at + 1, length - 1)});
      at += length;
    }
    uint32_t block = 0;
    for (const Instruction& i : code_) {
      const auto& o = i.operands;
      switch (i.op) {
        case spv::OpLabel: block = o[0]; break;
        case spv::OpBranch:
        case spv::OpBranchConditional: ends_[block] = &i; break;
        case spv::OpConstant:
          if (o.size() == 3) values_[o[1]] = &i;  // of 32 bits or fewer
          break;
        case spv::OpPhi:
        case spv::OpIAdd:
        case spv::OpISub:
        case spv::OpULessThan:
        case spv::OpULessThanEqual:
        case spv::OpUGreaterThan:
        case spv::OpUGreaterThanEqual:
        case spv::OpSLessThan:
        case spv::OpSLessThanEqual:
        case spv::OpSGreaterThan:
        case spv::OpSGreaterThanEqual:
        case spv::OpINotEqual: values_[o[1]] = &i; break;
        default: break;
      }
    }
  }

  uint64_t turns() {
    uint64_t most = 0;
    for (size_t i = 0; i < code_.size(); ++i)
      if (code_[i].op == spv::OpFunction) functions_[code_[i].operands[1]].begin = i;
    for (const auto& entry : functions_) most = std::max(most, turnsOf(entry.first));
    return most;
  }

 private:
  struct Function {
    size_t begin = 0;
    std::optional<uint64_t> turns;
  };
  struct Loop {
    uint32_t merge;
    uint64_t times;  // it is run, with the loops around it
  };

  uint64_t turnsOf(uint32_t id) {
    const auto found = functions_.find(id);
    if (found == functions_.end()) return kUnboundedTurns;
    if (found->second.turns) return *found->second.turns;
    uint64_t all = 0;
    std::vector<Loop> around;
    uint32_t block = 0;
    for (size_t i = found->second.begin; i < code_.size() && code_[i].op != spv::OpFunctionEnd; ++i) {
      const auto& o = code_[i].operands;
      const uint64_t times = around.empty() ? 1 : around.back().times;
      if (code_[i].op == spv::OpLabel) {
        block = o[0];
        while (!around.empty() && around.back().merge == block) around.pop_back();
      } else if (code_[i].op == spv::OpLoopMerge) {
        around.push_back({o[0], product(times, tripsOf(block, o[0], o[1]))});
        all = sum(all, around.back().times);
      } else if (code_[i].op == spv::OpFunctionCall) {
        all = sum(all, product(times, turnsOf(o[2])));
      }
    }
    found->second.turns = all;
    return all;
  }

  const Instruction* value(uint32_t id) const {
    const auto found = values_.find(id);
    return found == values_.end() ? nullptr : found->second;
  }
  std::optional<uint32_t> constant(uint32_t id) const {
    const Instruction* at = value(id);
    return at && at->op == spv::OpConstant ? std::optional(at->operands[2]) : std::nullopt;
  }

  // The test that every turn passes: in the header, or where it leads without a choice, or at the loop's end.
  uint64_t tripsOf(uint32_t header, uint32_t merge, uint32_t end) const {
    uint64_t fewest = kUnboundedTurns;
    uint32_t block = header;
    for (int i = 0; i < kBlocksToTest; ++i) {
      const auto found = ends_.find(block);
      if (found == ends_.end()) break;
      if (found->second->op == spv::OpBranch) {
        block = found->second->operands[0];
        continue;
      }
      fewest = std::min(fewest, tripsBy(*found->second, merge));
      break;
    }
    if (const auto found = ends_.find(end); found != ends_.end() && found->second->op == spv::OpBranchConditional)
      fewest = std::min(fewest, tripsBy(*found->second, merge));
    return fewest;
  }

  uint64_t tripsBy(const Instruction& branch, uint32_t merge) const {
    const auto& o = branch.operands;
    const bool goesOn = o[2] == merge;  // while the condition holds, or until it does
    if (!goesOn && o[1] != merge) return kUnboundedTurns;
    const Instruction* test = value(o[0]);
    if (!test || test->operands.size() < 4 || !isTest(test->op)) return kUnboundedTurns;
    if (const auto most = constant(test->operands[3]))
      return count(goesOn, test->operands[2], [&](uint32_t x) { return holds(test->op, x, *most); });
    if (const auto most = constant(test->operands[2]))
      return count(goesOn, test->operands[3], [&](uint32_t x) { return holds(test->op, *most, x); });
    return kUnboundedTurns;
  }

  // A sum or difference of something and a constant: what is added.
  std::optional<uint32_t> added(const Instruction& i) const {
    if (i.op != spv::OpIAdd && i.op != spv::OpISub) return std::nullopt;
    const auto by = constant(i.operands[3]);
    return by && i.op == spv::OpISub ? std::optional(0u - *by) : by;
  }

  // `tested` is a counter, or a constant away from one.
  template <class Holds>
  uint64_t count(bool goesOn, uint32_t tested, Holds holdsFor) const {
    const Instruction* counter = value(tested);
    uint32_t away = 0;
    if (counter && counter->op != spv::OpPhi) {
      const auto by = added(*counter);
      if (!by) return kUnboundedTurns;
      away = *by;
      counter = value(counter->operands[2]);
    }
    if (!counter || counter->op != spv::OpPhi || counter->operands.size() != 6) return kUnboundedTurns;
    for (const size_t first : {2, 4}) {
      const auto start = constant(counter->operands[first]);
      const Instruction* next = value(counter->operands[6 - first]);
      const auto by = next ? added(*next) : std::nullopt;
      if (!start || !by || next->operands[2] != counter->operands[1]) continue;
      uint32_t x = *start + away;
      for (uint64_t turns = 1; turns <= kMostCounted && ++steps_ <= kMostSteps; ++turns, x += *by)
        if (holdsFor(x) != goesOn) return turns;
      return kUnboundedTurns;
    }
    return kUnboundedTurns;
  }

  static bool isTest(spv::Op op) {
    return op >= spv::OpINotEqual && op <= spv::OpSLessThanEqual;  // all that holds() knows
  }
  static bool holds(spv::Op op, uint32_t a, uint32_t b) {
    const auto signedA = static_cast<int32_t>(a), signedB = static_cast<int32_t>(b);
    switch (op) {
      case spv::OpULessThan: return a < b;
      case spv::OpULessThanEqual: return a <= b;
      case spv::OpUGreaterThan: return a > b;
      case spv::OpUGreaterThanEqual: return a >= b;
      case spv::OpSLessThan: return signedA < signedB;
      case spv::OpSLessThanEqual: return signedA <= signedB;
      case spv::OpSGreaterThan: return signedA > signedB;
      case spv::OpSGreaterThanEqual: return signedA >= signedB;
      case spv::OpINotEqual: return a != b;
      default: return true;  // of what is never taken for a test
    }
  }

  std::vector<Instruction> code_;
  std::unordered_map<uint32_t, const Instruction*> values_, ends_;
  std::unordered_map<uint32_t, Function> functions_;
  mutable uint64_t steps_ = 0;
};

}  // namespace

uint64_t mostLoopTurns(std::span<const uint32_t> words) { return Module(words).turns(); }

}  // namespace switchyard
