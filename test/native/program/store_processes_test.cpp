// Programs on disk, where it takes processes of their own: full disks, and writers that die while they write.
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <thread>

#include "options.h"
#include "store_fixture.h"

namespace switchyard::test {
namespace {

pid_t forked(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  _exit(body());
}
int endOf(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
// In a child: its result is the number of the check that did not hold.
#define HOLDS(number, condition) \
  if (!(condition)) return number

// On a disk of its own, of 256 KB; 77 where there can't be one.
int onASmallDisk(const std::string& place) {
  const std::string user = "0 " + std::to_string(geteuid()) + " 1";
  if (unshare(CLONE_NEWNS) != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return 77;
    std::ofstream("/proc/self/uid_map") << user;
  }
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 77;
  if (mount("none", place.c_str(), "tmpfs", 0, "size=256k,mode=700") != 0) return 77;
  int told = 0;
  ProgramStore store(place, {}, [&](const std::string&) { ++told; });
  uint32_t stored = 0;
  while (stored < 100 && store.store(moduleOf(stored, 4000))) ++stored;
  HOLDS(1, stored > 5 && stored < 20);
  for (uint32_t i = 50; i < 60; ++i) HOLDS(2, !store.store(moduleOf(i, 4000)));
  HOLDS(3, told == 1);
  HOLDS(4, filesOf(place, ".tmp").empty());
  HOLDS(5, filesOf(place, ".swp").size() == stored);
  for (uint32_t i = 0; i < stored; ++i)
    HOLDS(6, store.load(moduleOf(i).id) && *store.load(moduleOf(i).id) == moduleOf(i, 4000));
  if (mount("none", place.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) != 0) return 77;
  int toldNow = 0;
  ProgramStore readOnly(place, {}, [&](const std::string&) { ++toldNow; });
  HOLDS(7, !readOnly.store(moduleOf(1, 4000)) && !readOnly.storeWarmUp({}));
  HOLDS(8, toldNow == 1);
  HOLDS(9, readOnly.load(moduleOf(1).id) != nullptr);
  return 0;
}
TEST_F(ProgramStoreTest, goesOnWithAFullDiskOrOneThatCanOnlyBeRead) {
  const int end = endOf(forked([&] { return onASmallDisk(folder); }));
  if (end == 77) GTEST_SKIP() << "no disk can be mounted here";
  EXPECT_EQ(end, 0);
}

TEST_F(ProgramStoreTest, leavesNothingBehindWhenAFileMayNotGrow) {
  EXPECT_EQ(endOf(forked([&] {
              signal(SIGXFSZ, SIG_IGN);
              const rlimit limit{10000, 10000};
              HOLDS(1, setrlimit(RLIMIT_FSIZE, &limit) == 0);
              int told = 0;
              ProgramStore store(folder, {}, [&](const std::string&) { ++told; });
              HOLDS(2, !store.store(moduleOf(8, 10000)) && !store.store(moduleOf(9, 10000)));
              HOLDS(3, told == 1);
              HOLDS(4, store.store(moduleOf(10)) && store.load(moduleOf(10).id));
              HOLDS(5, filesOf(folder, ".tmp").empty());
              return 0;
            })),
            0);
}

TEST_F(ProgramStoreTest, removesWhatDeadWritersLeft) {
  ProgramStore(folder).store(moduleOf(13));
  const fs::path shelf = pathOf(folder, moduleOf(13).id).parent_path();
  const fs::path dead = shelf / ".switchyard-1.tmp", alive = shelf / ".switchyard-2.tmp",
                 hung = fs::path(folder) / ".switchyard-3.tmp", theirs = fs::path(folder) / "notes.tmp";
  for (const fs::path& path : {dead, alive, hung, theirs}) write(path, Bytes{1});
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t writer = forked([&] {
    for (const fs::path& path : {alive, hung}) HOLDS(1, flock(open(path.c_str(), O_WRONLY), LOCK_EX | LOCK_NB) == 0);
    HOLDS(2, ::write(ready[1], "x", 1) == 1);
    pause();
    return 0;
  });
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  close(ready[1]);
  setAge(hung, 3700);
  ASSERT_TRUE(make().store(moduleOf(14)));
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_TRUE(fs::exists(alive));
  EXPECT_FALSE(fs::exists(hung));
  EXPECT_TRUE(fs::exists(theirs));
  kill(writer, SIGKILL);
  endOf(writer);
  ASSERT_TRUE(make().store(moduleOf(14)));
  EXPECT_FALSE(fs::exists(alive));
}

struct Tally {
  std::atomic<uint64_t> stores, loads, refused, broken;
};
// Stores and loads for ever, or as long as asked: 24 programs that all write, 400 of its own, within limits that are
// always met.
int useHard(const std::string& folder, uint32_t seed, Tally& tally, uint64_t rounds = ~0ull) {
  ProgramStore store(folder, {uint64_t{8} << 20, 60}, [&](const std::string& problem) {
    tally.broken += 1;
    fprintf(stderr, "%s\n", problem.c_str());
  });
  std::mt19937 random(seed);
  for (uint64_t round = 0; round < rounds; ++round) {
    const uint32_t number = random() % 2 ? random() % 24 : 1000 + seed % 64 * 400 + random() % 400;
    const ProgramModule module = moduleOf(number, 1000 + number % 24 * 1000);
    if (random() % 2)
      (store.store(module) ? tally.stores : tally.refused) += 1;
    else if (const auto loaded = store.load(module.id))
      (*loaded == module ? tally.loads : tally.broken) += 1;
  }
  return 0;
}

TEST_F(ProgramStoreTest, outlivesWritersThatAreKilled) {
  void* memory = mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  Tally& tally = *new (memory) Tally{};
  std::mt19937 random(20);
  uint32_t started = 0;
  auto start = [&] { return forked([&, seed = started++] { return useHard(folder, seed, tally); }); };
  std::vector<pid_t> processes(8);
  for (pid_t& process : processes) process = start();
  for (int kills = 0, most = options().full ? 100 : 30; kills < most; ++kills) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 20000));
    pid_t& process = processes[random() % processes.size()];
    kill(process, SIGKILL);
    ASSERT_EQ(endOf(process), 128 + SIGKILL);
    process = start();
  }
  for (pid_t process : processes) {
    kill(process, SIGKILL);
    endOf(process);
  }
  EXPECT_GT(tally.stores, 100u);
  EXPECT_GT(tally.loads, 100u);
  EXPECT_EQ(tally.broken, 0u);
  EXPECT_EQ(tally.refused, 0u) << "none has taken another's temporary file away";
  RecordProperty("stores", std::to_string(tally.stores));
  RecordProperty("temporariesLeft", std::to_string(filesOf(folder, ".tmp").size()));
  ProgramStore store = make({uint64_t{8} << 20, 60});
  ASSERT_TRUE(store.store(moduleOf(5000)));
  EXPECT_TRUE(filesOf(folder, ".tmp").empty());
  EXPECT_LE(filesOf(folder, ".swp").size(), 60u);
  for (uint32_t number = 0; number < 24; ++number) {
    const auto loaded = store.load(moduleOf(number).id);
    EXPECT_TRUE(!loaded || *loaded == moduleOf(number, 1000 + number * 1000));
  }
  EXPECT_TRUE(told.empty());
  munmap(memory, sizeof(Tally));
}

TEST_F(ProgramStoreTest, isSafeFromManyThreads) {
  const size_t files = openFiles();
  Tally tally{};
  ProgramStore shared = make({uint64_t{1} << 20, 10});
  std::vector<std::thread> threads;
  for (uint32_t seed = 0; seed < 4; ++seed) threads.emplace_back([&, seed] { useHard(folder, seed, tally, 300); });
  for (uint32_t seed = 0; seed < 4; ++seed)
    threads.emplace_back([&, seed] {
      for (uint32_t i = 0; i < 300; ++i) {
        const ProgramModule module = moduleOf((i * 7 + seed) % 16 + 100000);
        if (i % 2)
          (shared.store(module) ? tally.stores : tally.refused) += 1;
        else if (const auto loaded = shared.load(module.id))
          (*loaded == module ? tally.loads : tally.broken) += 1;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(tally.stores, 4 * 150u);
  EXPECT_GT(tally.loads, 0u);
  EXPECT_EQ(tally.broken, 0u);
  EXPECT_EQ(tally.refused, 0u) << "none has taken another's temporary file away";
  EXPECT_TRUE(told.empty()) << told.front();
  EXPECT_EQ(openFiles(), files);
}

}  // namespace
}  // namespace switchyard::test
