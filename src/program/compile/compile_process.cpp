#include "program/compile/compile_process.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <system_error>

#include "program/compile/compile_server.h"

extern char** environ;

namespace switchyard {
namespace {

constexpr int kTickMs = 50;           // how often a compile is looked at
constexpr double kLongSeconds = 0.5;  // after which a compile makes way for others
constexpr int kLongNice = 15;         // ... by this niceness
constexpr double kMostWall = 12;      // times the limit of processor time: something else is wrong then
constexpr size_t kMostIdle = 2;       // processes kept for later
constexpr int kTries = 3;             // processes that may be ended from outside under one source
// Of address space, between two compiles, from which on a process is not kept: the next source is to have the limits
// for itself.
constexpr uint64_t kTooLargeToStay = uint64_t{192} << 20;

std::string describe(const AnySource& source) {
  if (const auto* kernel = std::get_if<KernelSource>(&source)) return "kernel \"" + kernel->name + "\"";
  return "shader \"" + std::get<ShaderSource>(source).name + "\"";
}
bool isCuda(const AnySource& source) {
  const auto* kernel = std::get_if<KernelSource>(&source);
  return kernel && kernel->cuda;
}

// Beside the library, or the program, that this code is in.
std::string compilerPath() {
  Dl_info info{};
  std::string own = dladdr(reinterpret_cast<const void*>(&compilerPath), &info) != 0 && info.dli_fname
                        ? info.dli_fname
                        : "/proc/self/exe";
  if (own.find('/') == std::string::npos) own = "/proc/self/exe";
  char resolved[PATH_MAX];
  if (realpath(own.c_str(), resolved)) own = resolved;
  return own.substr(0, own.rfind('/') + 1) + "switchyard-compiler";
}

[[noreturn]] void failToStart(const std::string& path, int error) {
  const std::string reason = std::generic_category().message(error);
  if (error == ENOENT || error == EACCES || error == ENOEXEC)
    throw Error(Code::Internal, "the compiler can't be started: " + path + ": " + reason +
                                    ". It belongs beside switchyard.node, wherever that is copied to");
  throw Error(Code::OutOfMemory, "a process to compile in could not be started: " + reason);
}

class CompileProcess {
 public:
  // isWarm: it compiles something small before it listens, because a compiler's first source takes 100 ms more.
  explicit CompileProcess(bool forCuda, bool isWarm = false) : forCuda(forCuda) {
    const std::string path = compilerPath();
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) failToStart(path, errno);
    socket_ = ends[0];
    const int failed = spawn(path, ends[1], isWarm);
    close(ends[1]);
    if (failed == 0) return;
    close(socket_);
    failToStart(path, failed);
  }
  // Ended, whatever it was doing.
  ~CompileProcess() {
    close(socket_);
    reap(WNOHANG);
    if (reaped_) return;
    kill(pid_, SIGKILL);
    reap(0);
  }
  CompileProcess(const CompileProcess&) = delete;
  CompileProcess& operator=(const CompileProcess&) = delete;

  // As much of it as the process takes; waits for `ms` at most. False: it takes no more.
  bool send(std::span<const uint8_t>& bytes, int ms) {
    pollfd polled{.fd = socket_, .events = POLLOUT, .revents = 0};
    if (poll(&polled, 1, ms) <= 0) return true;
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return errno == EINTR || errno == EAGAIN;
    bytes = bytes.subspan(static_cast<size_t>(sent));
    return true;
  }
  // Waits for `ms` at most. False: it is gone.
  bool receive(std::vector<uint8_t>& bytes, int ms) {
    pollfd polled{.fd = socket_, .events = POLLIN, .revents = 0};
    if (poll(&polled, 1, ms) <= 0) return true;
    uint8_t piece[1 << 16];
    const ssize_t got = recv(socket_, piece, sizeof piece, MSG_DONTWAIT);
    if (got < 0) return errno == EINTR || errno == EAGAIN;
    bytes.insert(bytes.end(), piece, piece + got);
    return got > 0;
  }
  bool isAlive() {
    pollfd polled{.fd = socket_, .events = POLLIN, .revents = 0};
    return poll(&polled, 1, 0) == 0;
  }
  double seconds() const {
    clockid_t clock{};
    timespec used{};
    if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
  }
  // What it takes is bounded from the first source on: what one has left behind, the next would pay for.
  bool isTooLarge() const {
    if (forCuda || kIsSanitized) return false;
    unsigned long pages = 0;
    if (FILE* file = std::fopen(("/proc/" + std::to_string(pid_) + "/statm").c_str(), "re")) {
      if (std::fscanf(file, "%lu", &pages) != 1) pages = 0;
      std::fclose(file);
    }
    return pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) >= kTooLargeToStay;
  }
  // For the rest of its life. All threads of its group, which it is alone in: of a process, only the first would.
  void yieldToOthers() {
    if (!isSlowed) setpriority(PRIO_PGRP, static_cast<id_t>(pid_), kLongNice);
    isSlowed = true;
  }
  // The signal that has ended it, 0: it left by itself, or nobody can say.
  int endedBy() {
    reap(0);
    return WIFSIGNALED(status_) ? WTERMSIG(status_) : 0;
  }
  std::string end() const {  // after endedBy()
    if (isReapedElsewhere_) return "its status was taken by something else in this process";
    if (WIFSIGNALED(status_)) return strsignal(WTERMSIG(status_));
    return "status " + std::to_string(WEXITSTATUS(status_));
  }
  int pid() const { return pid_; }

  const bool forCuda;
  bool isUsed = false, isSlowed = false;

 private:
  int spawn(const std::string& path, int socket, bool isWarm) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    if (const int failed = posix_spawn_file_actions_init(&files); failed != 0) return failed;
    if (const int failed = posix_spawnattr_init(&attributes); failed != 0) {
      posix_spawn_file_actions_destroy(&files);
      return failed;
    }
    // In this order: the socket may have a standard one's number, and there may be no descriptor left before the others
    // are closed.
    posix_spawn_file_actions_adddup2(&files, socket, kCompilerSocket);
    posix_spawn_file_actions_addclosefrom_np(&files, kCompilerSocket + 1);
    for (const int standard : {0, 1, 2})
      posix_spawn_file_actions_addopen(&files, standard, "/dev/null", standard == 0 ? O_RDONLY : O_WRONLY, 0);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    // A session of its own: what a terminal sends to its group is for those who handle it.
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    std::string name = "switchyard-compiler", kind = forCuda ? "cuda" : isWarm ? "warm" : "glsl";
    char* arguments[] = {name.data(), kind.data(), nullptr};
    const int failed = posix_spawn(&pid_, path.c_str(), &files, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return failed;
  }
  // Something else in this process may have waited for all children: from then on the number may be another's, so it is
  // signalled only where it is known to be ours still.
  void reap(int options) {
    if (reaped_) return;
    pid_t ended;
    while ((ended = waitpid(pid_, &status_, options)) < 0 && errno == EINTR) {}
    reaped_ = ended != 0;
    isReapedElsewhere_ = ended < 0;
    if (isReapedElsewhere_) status_ = 0;
  }

  pid_t pid_ = -1;
  int socket_ = -1, status_ = 0;
  bool reaped_ = false, isReapedElsewhere_ = false;
};

std::atomic<bool> ending{false};

struct Idle {
  std::mutex mutex;
  std::vector<std::unique_ptr<CompileProcess>> processes;
};
Idle& idle() {
  static Idle* kept = new Idle;  // leaked on purpose: threads may outlive main; the processes see the socket's end
  return *kept;
}

std::unique_ptr<CompileProcess> takeProcess(bool forCuda) {
  for (;;) {
    std::unique_ptr<CompileProcess> taken;
    {
      std::lock_guard lock(idle().mutex);
      auto& all = idle().processes;
      for (size_t i = all.size(); i-- > 0 && !taken;) {
        if (all[i]->forCuda != forCuda) continue;
        taken = std::move(all[i]);
        all.erase(all.begin() + static_cast<ptrdiff_t>(i));
      }
    }
    if (!taken) return std::make_unique<CompileProcess>(forCuda);
    if (taken->isAlive()) return taken;
  }
}

bool mayStay(const CompileProcess& process) { return !process.isSlowed && !process.isTooLarge(); }

void keep(std::unique_ptr<CompileProcess> process) {
  std::unique_ptr<CompileProcess> oldest;  // ended after the lock is released
  std::lock_guard lock(idle().mutex);
  auto& all = idle().processes;
  all.push_back(std::move(process));
  if (all.size() <= kMostIdle) return;
  oldest = std::move(all.front());
  all.erase(all.begin());
}

// In the place of one that a source has taken along: the next source is to find what it would have found.
void replace(bool forCuda) noexcept try {
  if (forCuda || ending) return;
  {
    std::lock_guard lock(idle().mutex);
    if (idle().processes.size() >= kMostIdle) return;
  }
  keep(std::make_unique<CompileProcess>(forCuda, true));
} catch (const std::exception&) {  // the next source will meet the same, and say so
}

std::string number(double value) {
  std::string text = std::to_string(value);
  return text.substr(0, text.find('.') + 2);
}

[[noreturn]] void refuse(const AnySource& source, const std::string& why) {
  throw Error(Code::Compile, describe(source) + ": " + why);
}

// What one source may take. Until its compilation begins the process starts, and its compilers make what they keep:
// that is not the source's.
class Allowance {
 public:
  Allowance(CompileProcess& process, const AnySource& source, const std::atomic<bool>& canceled, double limit)
      : process_(process), source_(source), canceled_(canceled), limit_(limit) {}
  void begin() {
    before_ = process_.seconds();
    start_ = Clock::now();
    hasBegun_ = true;
  }
  void check() const {
    if (canceled_ || ending) throw Error(Code::Canceled, describe(source_) + ": its compilation was canceled");
    const double used = hasBegun_ ? process_.seconds() - before_ : 0;
    const bool isLate = std::chrono::duration<double>(Clock::now() - start_).count() > limit_ * kMostWall;
    if (isLate && !hasBegun_)
      throw Error(Code::Timeout, describe(source_) + ": the process to compile it did not begin within " +
                                     number(limit_ * kMostWall) + " seconds, and was ended");
    if (isLate || used > limit_)
      refuse(source_, "the compiler had not got through its source after " + number(used) +
                          " seconds of processor time, and was ended; it may take " + number(limit_));
    if (used > kLongSeconds) process_.yieldToOthers();
  }

 private:
  using Clock = std::chrono::steady_clock;
  CompileProcess& process_;
  const AnySource& source_;
  const std::atomic<bool>& canceled_;
  const double limit_;
  double before_ = 0;
  Clock::time_point start_ = Clock::now();
  bool hasBegun_ = false;
};

// The reply, or nothing: the process is gone.
std::optional<CompileReply> exchange(CompileProcess& process, const AnySource& source,
                                     const std::atomic<bool>& canceled, double limit) {
  Allowance allowance(process, source, canceled, limit);
  const std::vector<uint8_t> request = framed(encodeSource(source));
  // Where it takes no more, what it has said before may tell why.
  for (std::span<const uint8_t> left(request); !left.empty() && process.send(left, kTickMs);) allowance.check();
  for (std::vector<uint8_t> bytes;;) {
    if (bytes.size() >= 4) {
      const size_t length = bytes[0] | size_t{bytes[1]} << 8 | size_t{bytes[2]} << 16 | size_t{bytes[3]} << 24;
      if (length > kMaxCompileMessage) return std::nullopt;
      if (length > 0 && bytes.size() >= 4 + length) return decodeReply(std::span(bytes).subspan(4, length));
      if (length == 0) {
        allowance.begin();
        bytes.erase(bytes.begin(), bytes.begin() + 4);
        continue;
      }
    }
    if (!process.receive(bytes, kTickMs)) return std::nullopt;
    allowance.check();
  }
}

bool isCrash(int signal) {
  return signal == SIGSEGV || signal == SIGBUS || signal == SIGABRT || signal == SIGILL || signal == SIGFPE ||
         signal == SIGSYS || signal == SIGTRAP;
}

ProgramId idOf(const AnySource& source) {
  return std::visit([](const auto& one) { return programId(one); }, source);
}

// Gives the process a successor, unless it was kept.
class Successor {
 public:
  explicit Successor(bool forCuda) : forCuda_(forCuda) {}
  ~Successor() {
    if (isDue) replace(forCuda_);
  }
  Successor(const Successor&) = delete;
  Successor& operator=(const Successor&) = delete;
  bool isDue = true;

 private:
  const bool forCuda_;
};

}  // namespace

std::shared_ptr<ProgramModule> compileApart(const AnySource& source, const std::atomic<bool>& canceled,
                                            const CompileLimits& limits) {
  std::visit([](const auto& one) { checkSource(one); }, source);
  const bool forCuda = isCuda(source);
  std::string end;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    std::unique_ptr<CompileProcess> process = takeProcess(forCuda);
    Successor successor(forCuda);
    std::optional<CompileReply> reply =
        exchange(*process, source, canceled, forCuda ? limits.secondsOfCuda : limits.seconds);
    if (!reply) {
      const int signal = process->endedBy();
      end = process->end();
      // What a process did before may be to blame: only a new one is believed.
      if (isCrash(signal) && !process->isUsed) refuse(source, "the compiler crashed at its source (" + end + ")");
      continue;
    }
    if (const auto* none = std::get_if<NoMemory>(&*reply)) {
      if (*none == NoMemory::Limit)
        refuse(source, "the compiler took over 512 MB of memory for its source, and was ended");
      throw Error(Code::OutOfMemory, describe(source) + ": the system has no memory left to compile it");
    }
    process->isUsed = true;
    successor.isDue = !mayStay(*process);
    if (!successor.isDue) keep(std::move(process));
    if (const auto* error = std::get_if<Error>(&*reply)) throw *error;
    auto module = std::get<std::shared_ptr<ProgramModule>>(std::move(*reply));
    if (module->id != idOf(source))
      throw Error(Code::Internal, "switchyard-compiler is of another build than switchyard.node: copy both");
    return module;
  }
  throw Error(Code::OutOfMemory, describe(source) + ": the process that compiled it was ended from outside " +
                                     std::to_string(kTries) + " times (" + end +
                                     "), as happens where a system runs out of memory");
}

void endCompiling() noexcept { ending = true; }

std::vector<int> idleCompileProcesses() {
  std::lock_guard lock(idle().mutex);
  std::vector<int> pids;
  for (const auto& process : idle().processes) pids.push_back(process->pid());
  return pids;
}

}  // namespace switchyard
