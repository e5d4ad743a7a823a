// What JavaScript gets is put together by the thread that ends last, so that the event loop only takes it over.
#include "encode_texts.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "array_buffers.h"
#include "error.h"
#include "text_lanes.h"

namespace switchyard::node {
namespace {

// Of a piece: some milliseconds of work, as long as others wait for a thread. A long text is a piece by itself.
constexpr size_t kPieceBytes = 64 << 10;
constexpr size_t kTextBytes = 32;  // what a text takes besides its own

std::shared_ptr<HostBlock> blockOf(size_t bytes) { return HostPool::shared().acquire(std::max<size_t>(bytes, 4)); }

// All pieces' lists as one.
template <class T>
std::shared_ptr<HostBlock> joined(const std::vector<text::Encoded>& pieces, std::vector<T> text::Encoded::*list) {
  size_t bytes = 0;
  for (const auto& piece : pieces) bytes += (piece.*list).size() * sizeof(T);
  auto block = blockOf(bytes);
  std::byte* to = block->data;
  for (const auto& piece : pieces) {
    const size_t part = (piece.*list).size() * sizeof(T);
    if (part) std::memcpy(to, (piece.*list).data(), part);
    to += part;
  }
  return block;
}

}  // namespace

void EncodeTexts::start(Environment& environment, uint64_t id, What what) {
  const bool isPair = what.pairs != nullptr;
  if (isPair && what.pairs->size() != what.texts->size())
    throw Error(Code::InvalidArgument, "pairs has " + std::to_string(what.pairs->size()) + " texts, but must have " +
                                           std::to_string(what.texts->size()) + ", as texts has");
  what.tokenizer->check(what.options, isPair);
  for (const Texts* texts : {what.texts.get(), what.pairs.get()})
    for (size_t i = 0; texts && i < texts->size(); ++i)
      if (texts->at(i).size() > std::numeric_limits<int32_t>::max())
        throw Error(Code::InvalidArgument, "text " + std::to_string(i) + " has more than 2 GB");
  auto operation = std::make_shared<EncodeTexts>(id, std::move(what));
  operation->cut();
  const size_t count = operation->pieces_.size() - 1;
  operation->encoded_.resize(count);
  operation->left_ = count;
  std::vector<TextLanes::Piece> pieces;
  for (size_t i = 0; i < count; ++i) {
    pieces.emplace_back([operation, i, shared = environment.shared()] {
      operation->runPiece(i);
      if (operation->left_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
      operation->join();
      shared->operations.push(operation.get());
    });
  }
  environment.operations.begin(operation, [&] { TextLanes::shared().post(std::move(pieces)); });
}

void EncodeTexts::cut() {
  const Texts& texts = *what_.texts;
  pieces_.push_back(0);
  size_t sum = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    const size_t bytes = kTextBytes + texts.at(i).size() + (what_.pairs ? what_.pairs->at(i).size() : 0);
    if (sum > 0 && sum + bytes > kPieceBytes) {
      pieces_.push_back(i);
      sum = 0;
    }
    sum += bytes;
  }
  pieces_.push_back(texts.size());
}

void EncodeTexts::runPiece(size_t number) noexcept {
  try {
    encodePiece(number);
  } catch (...) {
    fail(number);
  }
}

void EncodeTexts::fail(size_t number) noexcept {
  std::lock_guard lock(mutex_);
  if (number >= failedPiece_) return;
  failedPiece_ = number;
  error_ = std::current_exception();
}

void EncodeTexts::encodePiece(size_t number) {
  text::Tokenizer::Encoder encoder(*what_.tokenizer);
  for (size_t i = pieces_[number]; i < pieces_[number + 1]; ++i) {
    if (canceled_) throw Error(Code::Canceled, "nobody waits for these texts any more");
    std::optional<std::string_view> pair;
    if (what_.pairs) pair = what_.pairs->at(i);
    encoder.encode(what_.texts->at(i), pair, what_.options, i, encoded_[number]);
    if (!what_.countsOnly) continue;
    encoded_[number].ids.clear();
    encoded_[number].typeIds.clear();
  }
}

void EncodeTexts::join() {
  if (error_) return;
  try {
    offsets_ = blockOf((what_.texts->size() + 1) * sizeof(int32_t));
    auto* offset = reinterpret_cast<int32_t*>(offsets_->data);
    int64_t sum = 0;
    *offset++ = 0;
    for (const auto& piece : encoded_) {
      for (int32_t length : piece.lengths) *offset++ = static_cast<int32_t>(sum += length);
      if (sum > std::numeric_limits<int32_t>::max())
        throw Error(Code::InvalidArgument, "these texts have more than 2^31 tokens: encode fewer at once");
    }
    if (what_.countsOnly) return;
    ids_ = joined(encoded_, &text::Encoded::ids);
    typeIds_ = joined(encoded_, &text::Encoded::typeIds);
    truncated_ = joined(encoded_, &text::Encoded::truncated);
    if (what_.options.spans) spans_ = joined(encoded_, &text::Encoded::spans);
    encoded_.clear();
  } catch (...) {
    fail(0);
  }
}

Napi::Value EncodeTexts::result(Environment& environment) {
  if (error_) std::rethrow_exception(error_);
  const Napi::Env env(environment.env());
  Napi::Array all = Napi::Array::New(env);
  for (auto* block : {&offsets_, &ids_, &typeIds_, &truncated_, &spans_})
    if (*block) all.Set(all.Length(), Napi::Value(env, makeArrayBuffer(environment, std::move(*block))));
  return all;
}

}  // namespace switchyard::node
