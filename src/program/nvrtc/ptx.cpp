#include "program/nvrtc/ptx.h"

#include <cxxabi.h>

#include <cctype>
#include <cstdlib>
#include <memory>
#include <sstream>

namespace switchyard {
namespace {

std::string demangled(const std::string& symbol) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status),
                                                         std::free);
  if (status != 0 || !text) return symbol;  // extern "C"
  const std::string whole = text.get();
  return whole.substr(0, whole.find('('));
}

// ".param .u64 .ptr .align 1 scale_param_0": what stands between .param and the name; of an array its size, too.
std::string typeOf(std::string_view declaration) {
  std::istringstream words{std::string(declaration)};
  std::string word, type, last;
  while (words >> word) {
    if (word == ".param") continue;
    if (!last.empty()) type += (type.empty() ? "" : " ") + last;
    last = word;
  }
  const size_t bracket = last.find('[');
  if (bracket != std::string::npos) type += " " + last.substr(bracket);
  return type.empty() || type[0] != '.' ? type : type.substr(1);
}

void readDirectives(std::string_view text, PtxEntry& entry) {
  for (const bool required : {true, false}) {
    const std::string_view word = required ? ".reqntid" : ".maxntid";
    const size_t at = text.find(word);
    if (at == std::string_view::npos) continue;
    std::array<uint32_t, 3> size = {1, 1, 1};
    std::istringstream numbers{std::string(text.substr(at + word.size()))};
    char comma = ',';
    for (size_t axis = 0; axis < 3 && comma == ',' && numbers >> size[axis]; ++axis)
      if (!(numbers >> comma)) break;
    if (required) entry.blockSize = size;
    if (!required) entry.maxThreads = size[0] * size[1] * size[2];
  }
}

}  // namespace

std::vector<PtxEntry> readPtx(std::string_view ptx) {
  constexpr std::string_view kEntry = ".entry ";
  std::vector<PtxEntry> entries;
  for (size_t at = ptx.find(kEntry); at != std::string_view::npos; at = ptx.find(kEntry, at)) {
    at += kEntry.size();
    const size_t open = ptx.find('(', at);
    const size_t close = open == std::string_view::npos ? open : ptx.find(')', open);
    if (close == std::string_view::npos) break;
    PtxEntry entry;
    entry.symbol = std::string(ptx.substr(at, open - at));
    while (!entry.symbol.empty() && std::isspace(static_cast<unsigned char>(entry.symbol.back())))
      entry.symbol.pop_back();
    entry.name = demangled(entry.symbol);
    std::istringstream list{std::string(ptx.substr(open + 1, close - open - 1))};
    for (std::string declaration; std::getline(list, declaration, ',');)
      if (declaration.find(".param") != std::string::npos) entry.params.push_back(typeOf(declaration));
    readDirectives(ptx.substr(close + 1, ptx.find('{', close) - close - 1), entry);
    entries.push_back(std::move(entry));
    at = close;
  }
  return entries;
}

}  // namespace switchyard
