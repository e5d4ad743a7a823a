// A store over files in memory, and how tests ask it.
#pragma once
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "faulty_files.h"
#include "store/store.h"

namespace switchyard::store::test {

inline const std::string kPath = "/disk/store";

inline std::string textOf(const Value& value) {
  return {reinterpret_cast<const char*>(value.block->data + value.offset), value.bytes};
}

// The answer of a write, once it was given.
struct Answer {
  bool isGiven = false;
  Written written;
  bool isWell() const { return isGiven && !written.error; }
};

inline int64_t testTime = 1'000'000;

class Opened {
 public:
  explicit Opened(Files& files, Store::Options options = {}, const std::string& path = kPath) {
    options.files = &files;
    options.now = [] { return testTime; };
    if (!options.fileBytes) options.fileBytes = 16 << 10;
    store = Store::open(path, options);
  }
  std::shared_ptr<Answer> post(Kind kind, std::string key, std::string value, bool durable = true, int64_t expiry = 0) {
    auto answer = std::make_shared<Answer>();
    auto held = std::make_shared<std::string>(std::move(value));
    Write write{.kind = kind, .key = std::move(key), .expiry = expiry, .durable = durable};
    write.pieces = {asBytes(held->data(), held->size())};
    write.holds = {held};
    write.done = [answer](const Written& written) { *answer = {true, written}; };
    store->write(std::move(write));
    return answer;
  }
  // Until there is nothing left to do.
  void work() {
    while (store->work()) {}
  }
  Written put(const std::string& key, std::string value, bool durable = true, int64_t expiry = 0) {
    return end(post(Kind::Put, key, std::move(value), durable, expiry));
  }
  Written remove(const std::string& key) { return end(post(Kind::Delete, key, "")); }
  std::optional<std::string> get(const std::string& key) const {
    const auto value = store->get(key);
    return value ? std::optional(textOf(*value)) : std::nullopt;
  }
  Written append(uint64_t collection, std::string value, bool durable = true) {
    return end(post(Kind::Record, Store::keyOf(collection), std::move(value), durable));
  }
  std::vector<std::string> records(uint64_t collection) const {
    std::vector<std::string> all;
    for (uint64_t after = store->recover(collection).through;;) {
      const auto some = store->readRecords(collection, after);
      if (some.empty()) return all;
      for (const auto& [sequence, value] : some) all.push_back(textOf(value));
      after = some.back().first;
    }
  }
  void writeFile(uint64_t collection, const std::string& name, const std::string& content) {
    auto writer = store->beginFile(collection, name);
    writer->append(asBytes(content.data(), content.size()));
    store->endFile(collection, name, *writer);
  }
  std::string readFile(uint64_t collection, const std::string& name) const {
    const auto data = store->file(collection, name);
    data->check(0, data->bytes());
    const auto mapping = data->map();
    return {reinterpret_cast<const char*>(mapping->bytes().data()), mapping->bytes().size()};
  }
  std::shared_ptr<Store> store;

 private:
  Written end(const std::shared_ptr<Answer>& answer) {
    work();
    EXPECT_TRUE(answer->isGiven);
    return answer->written;
  }
};

inline std::unique_ptr<FaultyFiles> emptyDisk(FaultyFiles::Lies lies = {}) {
  auto files = std::make_unique<FaultyFiles>(lies);
  files->makeFolder("/disk");
  return files;
}

// The code that `fn` throws; nothing: it throws none.
template <class Fn>
std::optional<Code> codeOf(Fn fn) {
  try {
    fn();
    return std::nullopt;
  } catch (const Error& error) {
    return error.code;
  }
}
inline std::optional<Code> codeOf(const Written& written) {
  return codeOf([&] {
    if (written.error) std::rethrow_exception(written.error);
  });
}

}  // namespace switchyard::store::test
