// A call that has texts encoded: cut in pieces, each on a thread of libuv's.
#pragma once
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "environment.h"
#include "memory/host_pool.h"
#include "text/tokenizer.h"
#include "text_batch.h"

namespace switchyard::node {

class EncodeTexts final : public Operation {
 public:
  struct What {
    std::shared_ptr<const text::Tokenizer> tokenizer;
    std::shared_ptr<Texts> texts, pairs;  // pairs: null, or as many
    text::EncodeOptions options;
    bool countsOnly = false;
  };
  // Throws InvalidArgument for what can't be; else its end is delivered.
  static void start(Environment& environment, uint64_t id, What what);
  EncodeTexts(uint64_t id, What what) : Operation(id), what_(std::move(what)) {}
  Napi::Value result(Environment& environment) override;
  void cancel() override { canceled_ = true; }

 private:
  void cut();
  void runPiece(size_t number) noexcept;
  void encodePiece(size_t number);
  void fail(size_t number) noexcept;
  void join();

  const What what_;
  std::vector<size_t> pieces_;  // the first text of each, and the end
  std::vector<text::Encoded> encoded_;
  std::atomic<size_t> left_{0};
  std::atomic<bool> canceled_{false};
  std::mutex mutex_;
  size_t failedPiece_ = SIZE_MAX;
  std::exception_ptr error_;  // of the first piece that failed
  std::shared_ptr<HostBlock> offsets_, ids_, typeIds_, truncated_, spans_;
};

}  // namespace switchyard::node
