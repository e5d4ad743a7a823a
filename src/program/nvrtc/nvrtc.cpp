#include "program/nvrtc/nvrtc.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>

#include "cuda_files.h"
#include "error.h"
#include "program/glsl/stage.h"
#include "program/nvrtc/cuda_options.h"
#include "program/nvrtc/nvrtc_library.h"
#include "program/nvrtc/ptx.h"

namespace switchyard {
namespace {

// of nvrtcResult
constexpr int kOutOfMemory = 1, kInvalidOption = 5, kCompilationFailed = 6, kBuiltinsFailed = 7;

std::string quoted(const std::string& name) { return "\"" + name + "\""; }

void check(const NvrtcLibrary& library, int result, const char* what) {
  if (result != 0)
    throw Error(result == kOutOfMemory ? Code::OutOfMemory : Code::Internal,
                std::string("NVRTC failed in ") + what + ": " + library.getErrorString(result));
}

class Program {
 public:
  Program(const NvrtcLibrary& library, const std::string& source, const std::string& file) : library_(library) {
    check(library, library.createProgram(&program_, source.c_str(), file.c_str(), 0, nullptr, nullptr),
          "nvrtcCreateProgram");
  }
  ~Program() { library_.destroyProgram(&program_); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  int compile(const std::vector<std::string>& options) {
    std::vector<const char*> texts;
    for (const std::string& option : options) texts.push_back(option.c_str());
    return library_.compileProgram(program_, static_cast<int>(texts.size()), texts.data());
  }
  std::string log() const {
    const std::vector<char> text = fetch(library_.getProgramLogSize, library_.getProgramLog, "nvrtcGetProgramLog");
    return text.empty() ? std::string() : std::string(text.data());
  }
  std::vector<char> ptx() const { return fetch(library_.getPtxSize, library_.getPtx, "nvrtcGetPTX"); }
  std::vector<char> cubin() const { return fetch(library_.getCubinSize, library_.getCubin, "nvrtcGetCUBIN"); }

 private:
  // Text comes with its 0.
  std::vector<char> fetch(int (*sizeOf)(void*, size_t*), int (*copy)(void*, char*), const char* what) const {
    size_t size = 0;
    check(library_, sizeOf(program_, &size), what);
    std::vector<char> bytes(size);
    if (size > 0) check(library_, copy(program_, bytes.data()), what);
    return bytes;
  }
  const NvrtcLibrary& library_;
  void* program_ = nullptr;
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

std::string_view takeLine(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// Under an error stand its source line and a caret, both shifted alike.
uint32_t columnOf(std::string_view source, uint32_t line, std::string_view shown, std::string_view caretLine) {
  const size_t caret = caretLine.find('^');
  if (caret == std::string_view::npos || trimmed(caretLine) != "^") return 0;
  std::string_view own;
  for (uint32_t at = 0; at < line && (!source.empty() || at == 0); ++at) own = takeLine(source);
  const std::string_view text = trimmed(shown);
  const size_t inOwn = own.find(text), inShown = shown.find(text);
  if (text.empty() || inOwn == std::string_view::npos || caret < inShown) return 0;
  return static_cast<uint32_t>(inOwn + caret - inShown + 1);
}

// Where headers are of use: a source that includes none is the same with and without.
CudaHeaders headersFor(const std::string& source) {
  const NvrtcLibrary* library = nvrtcLibrary();
  if (!library || source.find("include") == std::string::npos) return {};
  return findHeaders(library->path, library->major, systemSearch());
}

// What to do about a header that was not found, where that is one of the toolkit's.
std::string headersRemedy(const CudaHeaders& headers, std::string_view message) {
  if (!headers.folders.empty() || message.find("open source file") == std::string_view::npos) return {};
  std::string text = ". The toolkit's headers were not found here";
  for (const std::string& each : headers.passedOver) text += (&each == &headers.passedOver[0] ? " (" : "; ") + each;
  if (!headers.passedOver.empty()) text += ")";
  return text + ": install cuda-cudart-dev-13-0 and cuda-cccl-13-0, or set CUDA_HOME to the toolkit's folder";
}

[[noreturn]] void fail(const std::string& who, const CudaRequest& request, const CudaHeaders& headers,
                       const std::string& log) {
  // "name(12): error: what was wrong", "error #20: ..." for some, "catastrophic error: ..." for a missing header. What
  // is wrong in a header has its line there, which is none of the source's.
  std::string_view rest = log, message;
  uint32_t line = 0, column = 0;
  while (!rest.empty() && message.empty()) {
    const std::string_view text = takeLine(rest);
    const size_t mark = std::min(text.find("): error"), text.find("): catastrophic error"));
    const size_t colon = mark == std::string_view::npos ? mark : text.find(": ", mark + 3);
    const size_t open = mark == std::string_view::npos ? mark : text.rfind('(', mark);
    if (colon == std::string_view::npos || open == std::string_view::npos) continue;
    message = text.substr(colon + 2);
    if (text.substr(0, open) != logNameOf(request.name)) continue;
    std::from_chars(text.data() + open + 1, text.data() + mark, line);
    const std::string_view shown = takeLine(rest);
    column = columnOf(request.source, line, shown, takeLine(rest));
  }
  if (message.empty()) message = std::string_view(log).substr(0, log.find('\n'));
  std::string text = who + " does not compile as CUDA C++";
  if (line != 0) text += ", line " + std::to_string(line);
  if (column != 0) text += ", column " + std::to_string(column);
  text += ": " + (message.empty() ? "the compiler gives no reason" : std::string(message));
  throw Error(Code::Compile, text + headersRemedy(headers, message), {.log = log, .line = line, .column = column});
}

// "ns::scale" is called "scale", too.
bool isCalled(const PtxEntry& entry, const std::string& name) {
  return entry.name == name || (entry.name.size() > name.size() + 2 && entry.name.ends_with("::" + name));
}

PtxEntry chooseEntry(const std::string& who, const std::string& name, const std::vector<char>& ptx) {
  const std::vector<PtxEntry> entries = readPtx(std::string_view(ptx.data(), ptx.empty() ? 0 : ptx.size() - 1));
  if (entries.empty()) throw Error(Code::Compile, who + " has no __global__ function in its CUDA source");
  std::string all;
  size_t fitting = 0, chosen = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    all += (all.empty() ? "" : ", ") + entries[i].name;
    if (isCalled(entries[i], name)) chosen = i, ++fitting;
  }
  if (fitting == 1 || entries.size() == 1) return entries[chosen];
  throw Error(Code::Compile,
              who + " has " + std::to_string(entries.size()) + " __global__ functions in its CUDA source (" + all +
                  "); " + (fitting > 1 ? "more than one is" : "one of them must be") + " called like the kernel");
}

std::vector<CudaType> typesOf(const std::string& who, const PtxEntry& entry, const std::vector<std::string>& names) {
  if (names.size() != entry.params.size())
    throw Error(Code::Compile, who + ": its CUDA function " + quoted(entry.name) + " has " +
                                   std::to_string(entry.params.size()) + " parameters, and `bindings` names " +
                                   std::to_string(names.size()));
  // Newer compilers mark pointers; of older ones every 64 bits are taken for one.
  const bool marked = std::any_of(entry.params.begin(), entry.params.end(),
                                  [](const std::string& type) { return type.find(".ptr") != std::string::npos; });
  std::vector<CudaType> types;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string& type = entry.params[i];
    if (type.starts_with("u64 .ptr") || (type == "u64" && !marked)) {
      types.push_back(CudaType::Pointer);
    } else if (type == "f32") {
      types.push_back(CudaType::Float);
    } else if (type == "u32" || type == "s32" || type == "b32") {
      types.push_back(CudaType::Int);
    } else {
      throw Error(Code::Compile, who + ": parameter " + std::to_string(i + 1) + " (" + quoted(names[i]) +
                                     ") of its CUDA function " + quoted(entry.name) +
                                     " is of a type that can't be passed (" + type +
                                     " in PTX); there are pointers, float, int and unsigned");
    }
  }
  return types;
}

std::string passedOverNvrtc() {
  std::string text;
  for (const std::string& each : findLibrary(kNvrtcFiles, systemSearch()).passedOver)
    text += (text.empty() ? " (" : "; ") + each;
  return text.empty() ? text : text + ")";
}

std::string targetOf(const CudaRequest& request) {
  return "sm_" + std::to_string(request.arch) + (request.ownFeatures ? "a" : "");
}

std::vector<std::string> optionsFor(const CudaRequest& request, const CudaHeaders& headers) {
  std::vector<std::string> options = {"--gpu-architecture=" + targetOf(request), "-default-device"};
  if (!chooseStandard(request.options)) options.push_back("--std=c++17");
  for (const std::string& folder : headers.folders) options.push_back("--include-path=" + folder);
  options.insert(options.end(), request.options.begin(), request.options.end());
  return options;
}

[[noreturn]] void refuseOptions(const std::string& who, const CudaRequest& request, const std::string& log) {
  const std::string capability = std::to_string(request.arch / 10) + "." + std::to_string(request.arch % 10);
  throw Error(Code::Unsupported,
              who + " can't be compiled for compute capability " + capability +
                  (request.ownFeatures ? " with features of its own, which begin with 9.0" : "") + ": NVRTC " +
                  nvrtcVersion() + " does not know " + targetOf(request) +
                  (request.options.empty() ? "" : ", or one of the options"),
              {.log = log});
}

}  // namespace

std::string nvrtcVersion() {
  const NvrtcLibrary* library = nvrtcLibrary();
  return library ? std::to_string(library->major) + "." + std::to_string(library->minor) : std::string();
}

std::string headersVersion(const std::string& source) { return headersFor(source).version; }

CudaKernel compileCuda(const CudaRequest& request) {
  const std::string who = describeStage(request.name, Stage::Compute);
  const NvrtcLibrary* library = nvrtcLibrary();
  if (!library)
    throw Error(Code::Unsupported, who + " is CUDA C++, and its compiler was not found here" + passedOverNvrtc() +
                                       ": install libnvrtc of CUDA 12 or 13, or give GLSL, too");
  loadBuiltins(*library);
  const CudaHeaders headers = headersFor(request.source);
  Program program(*library, request.source, logNameOf(request.name));
  const int result = program.compile(optionsFor(request, headers));
  // Of an architecture's own features that there are none of only the compiler behind NVRTC finds out.
  const bool isOptions =
      result == kInvalidOption || (result == kCompilationFailed && program.log().starts_with("Command-line error"));
  if (isOptions) refuseOptions(who, request, program.log());
  if (result == kCompilationFailed) fail(who, request, headers, program.log());
  if (result == kBuiltinsFailed)
    throw Error(Code::Unsupported,
                who + " can't be compiled: NVRTC does not find its own second library, libnvrtc-builtins, beside " +
                    library->path + ": install the two together",
                {.log = program.log()});
  check(*library, result, "nvrtcCompileProgram");
  CudaKernel kernel;
  kernel.ptx = program.ptx();
  kernel.cubin = program.cubin();
  const PtxEntry entry = chooseEntry(who, request.name, kernel.ptx);
  kernel.entry = entry.symbol;
  kernel.blockSize = entry.blockSize;
  kernel.maxThreads = entry.maxThreads;
  kernel.params = typesOf(who, entry, request.bindings);
  if (request.ownFeatures) kernel.ptx.clear();
  return kernel;
}

}  // namespace switchyard
