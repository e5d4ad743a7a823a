#include "program/compile/compile_server.h"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <new>
#include <system_error>
#include <thread>

#include "program/compile/compile_wire.h"
#include "program/nvrtc/nvrtc.h"

namespace switchyard {
namespace {

// A compile takes some 30 MB. The stack of 256 MB that it runs on counts, whether it is touched or not: together this
// stays below 1 GB with the code that is mapped. NVRTC maps hundreds of megabytes, of which only its own data are
// bounded.
constexpr rlim_t kMostData = rlim_t{832} << 20;
constexpr rlim_t kMostAddresses = rlim_t{960} << 20, kMostAddressesOfCuda = rlim_t{8} << 30;
constexpr size_t kToSpare = size_t{512} << 20;

int out = -1;                            // the socket, for what must be said where there is no memory
rlimit addressesBefore{}, dataBefore{};  // as the process was started

bool sendAll(const uint8_t* bytes, size_t count) {
  while (count > 0) {
    const ssize_t sent = send(out, bytes, count, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes += sent;
    count -= static_cast<size_t>(sent);
  }
  return true;
}

// Compilers that run out of memory midway are not worth going on with: the process says so, and ends.
[[noreturn]] void outOfMemory() {
  setrlimit(RLIMIT_AS, &addressesBefore);
  setrlimit(RLIMIT_DATA, &dataBefore);
  // With the own limits lifted, would there have been more?
  const bool atLimit =
      mmap(nullptr, kToSpare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
  const uint8_t reply[] = {2, 0, 0, 0, 2, static_cast<uint8_t>(atLimit ? NoMemory::Limit : NoMemory::System)};
  sendAll(reply, sizeof reply);
  _exit(0);
}

void lower(__rlimit_resource resource, rlim_t most, rlimit& before) {
  if (getrlimit(resource, &before) != 0 || before.rlim_cur <= most) return;
  const rlimit limit{.rlim_cur = most, .rlim_max = before.rlim_max};
  setrlimit(resource, &limit);
}

void setLimits(bool forCuda) {
  rlimit ignored{};
  lower(RLIMIT_AS, kIsSanitized ? RLIM_INFINITY : forCuda ? kMostAddressesOfCuda : kMostAddresses, addressesBefore);
  lower(RLIMIT_DATA, kIsSanitized ? RLIM_INFINITY : kMostData, dataBefore);
  lower(RLIMIT_CORE, 0, ignored);
  mallopt(M_ARENA_MAX, 1);
  std::set_new_handler(outOfMemory);
  prctl(PR_SET_NAME, "sy-compiler");
  // Where the system runs out of memory, this goes first.
  if (const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); file >= 0) {
    [[maybe_unused]] const ssize_t written = write(file, "800", 3);
    close(file);
  }
}

bool readAll(int socket, uint8_t* bytes, size_t count) {
  while (count > 0) {
    const ssize_t got = recv(socket, bytes, count, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes += got;
    count -= static_cast<size_t>(got);
  }
  return true;
}

// Ends the process when the other side is gone, whatever it is doing.
void watch(int socket) {
  pollfd watched{.fd = socket, .events = POLLRDHUP, .revents = 0};
  while (poll(&watched, 1, -1) < 0 && errno == EINTR) {}
  _exit(0);
}

// The compilers make tables when they are first used, and keep them: here on a source that is small.
void warmForKernels() {
  static const bool warm = [] {
    compileKernel({.name = "warm",
                   .glsl = "#version 450\nlayout(binding = 0) buffer A { float a[]; };\nvoid main() { a[0] += 1.0; }"});
    return true;
  }();
  (void)warm;
}
void warmForShaders() {
  static const bool warm = [] {
    compileShader({"warm", "#version 450\nvoid main() { gl_Position = vec4(0.0); }",
                   "#version 450\nlayout(location = 0) out vec4 c;\nvoid main() { c = vec4(1.0); }"});
    return true;
  }();
  (void)warm;
}
void warmFor(const AnySource& source) {
  const auto* kernel = std::get_if<KernelSource>(&source);
  if (!kernel) return warmForShaders();
  if (kernel->glsl) warmForKernels();
  if (kernel->cuda) nvrtcVersion();  // loads its library
}

CompileReply answer(const std::vector<uint8_t>& request) {
  try {
    const AnySource source = decodeSource(request);
    warmFor(source);
    const std::vector<uint8_t> begins = framed({});
    sendAll(begins.data(), begins.size());  // where nobody is there any more, watch() ends this
    if (const auto* kernel = std::get_if<KernelSource>(&source)) return compileKernel(*kernel);
    return compileShader(std::get<ShaderSource>(source));
  } catch (...) {
    return asError(std::current_exception());
  }
}

}  // namespace

int serveCompiler(int socket, CompilerKind kind) {
  const bool forCuda = kind == CompilerKind::Cuda;
  out = socket;
  setLimits(forCuda);
  try {
    std::thread(watch, socket).detach();
  } catch (const std::system_error&) {
    outOfMemory();
  }
  if (kind == CompilerKind::Warm) {
    warmForKernels();
    warmForShaders();
  }
  uint8_t head[4];
  while (readAll(socket, head, sizeof head)) {
    const size_t length = head[0] | size_t{head[1]} << 8 | size_t{head[2]} << 16 | size_t{head[3]} << 24;
    if (length > kMaxCompileMessage) return 2;
    std::vector<uint8_t> reply;
    {
      std::vector<uint8_t> request(length);
      if (!readAll(socket, request.data(), length)) break;
      reply = framed(encodeReply(answer(request)));
    }
    malloc_trim(0);  // ahead of the reply: after it, the other side looks at what this process takes
    if (!sendAll(reply.data(), reply.size())) break;
  }
  _exit(0);  // no destructors: the watching thread is there
}

}  // namespace switchyard
