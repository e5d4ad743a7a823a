// Compiling in a process of its own gives what compiling here gives, and what no compiler gets through ends there, in
// time, memory or both, without anything else.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

#include "compile_fixture.h"
#include "program/compile/compile_process.h"

namespace switchyard::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif

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
  for (const int pid : idleCompileProcesses()) kill(pid, SIGKILL);
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  const Failure failure = failureOf([&] { apart(kernelSource("void main() { a[0] = 7.0; }")); });
  setrlimit(RLIMIT_NOFILE, &before);
  expectRefused(failure, "could not be started: Too many open files", Code::OutOfMemory);
  EXPECT_NE(apart(kernelSource("void main() { a[0] = 7.0; }")), nullptr);
}

// With descriptors for the socket, and none beside it.
TEST(CompileProcess, NeedsNoDescriptorsBesideItsSocket) {
  for (const int pid : idleCompileProcesses()) kill(pid, SIGKILL);
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
