// Compiling in a process of its own gives what compiling here gives, and what no compiler gets through ends there, in
// time, memory or both, without anything else.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

#include "compile_fixture.h"
#include "program/compile/compile_process.h"
#include "program/compile/compile_server.h"

namespace switchyard::test {
namespace {

using Clock = std::chrono::steady_clock;
const std::string kBuffer = "layout(binding = 0) buffer A { float a[]; };\n";

KernelSource kernelSource(const std::string& body, const std::string& name = "apart") {
  return {.name = name, .glsl = "#version 450\n" + kBuffer + body};
}
std::shared_ptr<ProgramModule> apart(const AnySource& source, const CompileLimits& limits = {}) {
  const std::atomic<bool> canceled{false};
  return compileApart(source, canceled, limits);
}

// Macros that double each other, 30 times: some hundred bytes, and hundreds of megabytes a second.
KernelSource memoryBomb() {
  std::string text = "#define A0 a[0] = a[1] + 1.0;\n";
  for (int i = 1; i < 30; ++i) {
    const std::string before = "A" + std::to_string(i - 1);
    text += "#define A" + std::to_string(i) + " " + before + " " + before + "\n";
  }
  return kernelSource(text + "void main() { A29 }\n", "grows");
}
// Functions of macros whose arguments are expanded anew at each level: nothing grows, and it takes for ever.
KernelSource timeBomb() {
  std::string text = "#define F0(x) 1\n";
  for (int i = 1; i < 40; ++i) {
    const std::string before = "F" + std::to_string(i - 1);
    text += "#define F" + std::to_string(i) + "(x) " + before + "(" + before + "(x))\n";
  }
  return kernelSource(text + "void main() { a[0] = F39(0); }\n", "endless");
}

void killIdle() {
  for (const int pid : idleCompileProcesses()) kill(pid, SIGKILL);
}

std::vector<pid_t> compilers() {
  std::vector<pid_t> found;
  DIR* folder = opendir("/proc");
  while (const dirent* entry = readdir(folder)) {
    const pid_t pid = static_cast<pid_t>(std::atoi(entry->d_name));
    std::ifstream status("/proc/" + std::string(entry->d_name) + "/stat");
    std::string number, name, state, parent;
    if (pid > 0 && status >> number >> name >> state >> parent && name == "(sy-compiler)" &&
        parent == std::to_string(getpid()))
      found.push_back(pid);
  }
  closedir(folder);
  return found;
}

TEST(CompileProcess, GivesWhatCompilingHereGives) {
  const KernelSource kernel =
      kernelSource("layout(push_constant) uniform P { uint n; mat2 m; };\nvoid main() { a[n] += m[0].x; }\n");
  EXPECT_EQ(*apart(kernel), *compileKernel(kernel));
  const ShaderSource shader{
      "both", "attribute vec2 a; varying vec2 v; void main() { v = a; gl_Position = vec4(a, 0, 1); }",
      "precision mediump float; varying vec2 v; void main() { gl_FragColor = vec4(v, 0.0, 1.0); }"};
  EXPECT_EQ(*apart(shader), *compileShader(shader));
  const KernelSource wrong = kernelSource("void main() {\n  a[0] = nothing;\n}");
  const Failure here = failureOf([&] { compileKernel(wrong); }), there = failureOf([&] { apart(wrong); });
  EXPECT_EQ(there.code, Code::Compile);
  EXPECT_EQ(there.text, here.text);
  EXPECT_EQ(there.log, here.log);
  EXPECT_EQ(there.line, 4u);
  EXPECT_EQ(there.column, here.column);
  EXPECT_EQ(failureOf([&] { apart(KernelSource{.name = "none"}); }).code, Code::InvalidArgument);
}

TEST(CompileProcess, IsUsedAgain) {
  apart(kernelSource("void main() { a[0] = 1.0; }"));
  const std::vector<int> before = idleCompileProcesses();
  ASSERT_FALSE(before.empty());
  apart(kernelSource("void main() { a[0] = 2.0; }"));
  EXPECT_EQ(idleCompileProcesses(), before);
  for (const int pid : before) kill(pid, SIGKILL);
  EXPECT_NE(apart(kernelSource("void main() { a[0] = 3.0; }")), nullptr);
  EXPECT_NE(idleCompileProcesses(), before);
}

TEST(CompileProcess, TwelveBombsAndAGoodSource) {
  if (kIsSanitized) GTEST_SKIP() << "SKIPPED: there is no limit under a sanitizer, which takes all addresses itself";
  const KernelSource good = kernelSource("void main() { a[0] = 5.0; }", "good");
  std::vector<std::thread> threads;
  for (int i = 0; i < 12; ++i)
    threads.emplace_back([i] {
      if (i % 4 == 1)
        expectRefused(failureOf([&] { apart(memoryBomb()); }), "over 512 MB of memory");
      else
        expectRefused(failureOf([&] { apart(timeBomb(), {.seconds = 0.5}); }), "it may take 0.5");
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_NE(apart(good), nullptr);
  EXPECT_LE(compilers().size(), 2u);
  rusage used{};
  getrusage(RUSAGE_CHILDREN, &used);
  EXPECT_LT(used.ru_maxrss, 1 << 20) << "KB, of the largest";
}

// How many of a process's threads have a niceness of `nice` or more.
size_t niceThreads(pid_t pid, int nice) {
  size_t found = 0;
  const std::string folder = "/proc/" + std::to_string(pid) + "/task";
  DIR* tasks = opendir(folder.c_str());
  while (const dirent* entry = tasks ? readdir(tasks) : nullptr) {
    const pid_t thread = static_cast<pid_t>(std::atoi(entry->d_name));
    if (thread > 0 && getpriority(PRIO_PROCESS, static_cast<id_t>(thread)) >= nice) ++found;
  }
  if (tasks) closedir(tasks);
  return found;
}

TEST(CompileProcess, IsCanceledWhereNoCompilerStops) {
  std::atomic<bool> canceled{false};
  size_t slowed = 0;
  std::thread canceler([&] {
    const auto end = Clock::now() + std::chrono::seconds(8);
    while (slowed < 3 && Clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      for (const pid_t pid : compilers()) slowed = std::max(slowed, niceThreads(pid, 10));
    }
    canceled = true;
  });
  expectRefused(failureOf([&] { compileApart(timeBomb(), canceled); }), "was canceled", Code::Canceled);
  canceler.join();
  EXPECT_EQ(slowed, 3u) << "threads that make way for others: the first, the one that watches, the compiler's";
}

TEST(CompileProcess, WhatTheSystemRefusesIsNotTheSourcesFault) {
  killIdle();
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  const Failure failure = failureOf([&] { apart(kernelSource("void main() { a[0] = 7.0; }")); });
  setrlimit(RLIMIT_NOFILE, &before);
  expectRefused(failure, "could not be started: Too many open files", Code::OutOfMemory);
  EXPECT_NE(apart(kernelSource("void main() { a[0] = 7.0; }")), nullptr);
}

// What a process takes to start, and its compilers to make their tables, is several times this. A machine that is busy
// with other things may need still more than a start may take: of several tries one is in time, and were the start
// counted none would be.
TEST(CompileProcess, ItsStartIsNotTheSourcesTime) {
  if (kIsSanitized) GTEST_SKIP() << "SKIPPED: a sanitizer's pace is not the one that the limit here is for";
  const CompileLimits limits{.seconds = 0.04};
  const auto failureOfAFresh = [](const std::function<void()>& compile) {
    std::string text;
    for (int i = 0; i < 10 && text != "nothing was thrown"; ++i) {
      killIdle();
      text = failureOf(compile).text;
    }
    return text;
  };
  const KernelSource kernel = kernelSource("void main() { a[0] = 9.0; }");
  EXPECT_EQ(failureOfAFresh([&] { apart(kernel, limits); }), "nothing was thrown");
  const ShaderSource shader{"first", "#version 450\nvoid main() { gl_Position = vec4(1.0); }",
                            "#version 450\nlayout(location = 0) out vec4 c;\nvoid main() { c = vec4(0.5); }"};
  EXPECT_EQ(failureOfAFresh([&] { apart(shader, limits); }), "nothing was thrown");
}

// A source that no socket holds at once, and a process that does not read.
TEST(CompileProcess, OneThatDoesNotReadHoldsNobodyUp) {
  apart(kernelSource("void main() { a[0] = 10.0; }"));
  const KernelSource large = kernelSource("void main() { a[0] = 11.0; }\n//" + std::string(900 << 10, 'x'));
  const auto stopped = idleCompileProcesses();
  ASSERT_FALSE(stopped.empty());
  for (const int pid : stopped) kill(pid, SIGSTOP);
  std::atomic<bool> done{false};
  std::thread ender([&] {  // of a test that would never end
    for (int i = 0; i < 200 && !done; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    for (const int pid : stopped)
      if (!done) kill(pid, SIGKILL);
  });
  const auto start = Clock::now();
  expectRefused(failureOf([&] { apart(large, {.seconds = 0.05}); }), "did not begin within 0.6 seconds", Code::Timeout);
  if (stopped.size() > 1) {
    const std::atomic<bool> canceled{true};
    expectRefused(failureOf([&] { compileApart(large, canceled); }), "was canceled", Code::Canceled);
  }
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(10));
  done = true;
  ender.join();
  for (const int pid : stopped) kill(pid, SIGCONT);
  EXPECT_NE(apart(large), nullptr);
}

// A process with this number that is no child of this one: the signal that ends it is told by the status of the one
// that is returned. 0: the system gave it another number.
pid_t forkStranger(pid_t number) {
  int ends[2];
  if (pipe(ends) != 0) return 0;
  const pid_t parent = fork();
  if (parent == 0) {
    std::ofstream("/proc/sys/kernel/ns_last_pid") << number - 1 << std::flush;
    const pid_t stranger = fork();
    if (stranger == 0) {
      for (;;) pause();
    }
    const bool isIt = stranger == number;
    if (!isIt) kill(stranger, SIGKILL);
    if (write(ends[1], &isIt, 1) != 1) kill(stranger, SIGKILL);
    int status = 0;
    waitpid(stranger, &status, 0);
    _exit(WTERMSIG(status));
  }
  bool isIt = false;
  const bool isTold = read(ends[0], &isIt, 1) == 1;
  for (const int end : ends) close(end);
  if (isTold && isIt) return parent;
  waitpid(parent, nullptr, 0);
  return 0;
}

// A library may wait for all children of its process: their numbers are others' then.
TEST(CompileProcess, ANumberThatIsAnothersIsNotKilled) {
  apart(kernelSource("void main() { a[0] = 12.0; }"));
  const auto idle = idleCompileProcesses();
  ASSERT_FALSE(idle.empty());
  const pid_t number = idle.back();
  kill(number, SIGKILL);
  ASSERT_EQ(waitpid(number, nullptr, 0), number);
  const pid_t parent = forkStranger(number);
  if (parent == 0) GTEST_SKIP() << "SKIPPED: only root may choose a process's number, and where it is free";
  EXPECT_NE(apart(kernelSource("void main() { a[0] = 13.0; }")), nullptr);
  kill(number, SIGTERM);
  int status = 0;
  waitpid(parent, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), SIGTERM);
}

// With descriptors for the socket, and none beside it.
TEST(CompileProcess, NeedsNoDescriptorsBesideItsSocket) {
  killIdle();
  std::vector<int> held;
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const int highest = open("/dev/null", O_RDONLY);
  const rlimit few{.rlim_cur = static_cast<rlim_t>(highest) + 3, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &few);
  for (int fd = 0; (fd = open("/dev/null", O_RDONLY)) >= 0;) held.push_back(fd);
  for (int i = 0; i < 2 && !held.empty(); ++i, held.pop_back()) close(held.back());
  std::shared_ptr<ProgramModule> module;
  const Failure failure = failureOf([&] { module = apart(kernelSource("void main() { a[0] = 8.0; }")); });
  setrlimit(RLIMIT_NOFILE, &before);
  for (const int fd : held) close(fd);
  close(highest);
  EXPECT_NE(module, nullptr) << failure.text;
}

// What ends from outside is not the source's fault: others are tried, and then the system has none to give.
TEST(CompileProcess, EndedFromOutside) {
  std::atomic<bool> done{false};
  std::thread killer([&] {
    while (!done) {
      for (const pid_t pid : compilers()) kill(pid, SIGKILL);
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  });
  expectRefused(failureOf([&] { apart(timeBomb()); }), "ended from outside 3 times", Code::OutOfMemory);
  done = true;
  killer.join();
  EXPECT_NE(apart(kernelSource("void main() { a[0] = 6.0; }")), nullptr);
}

}  // namespace
}  // namespace switchyard::test
