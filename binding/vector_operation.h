// Something that an index does on a thread of libuv's, and what JavaScript gets of it.
#pragma once
#include <exception>
#include <functional>
#include <utility>
#include <vector>

#include "environment.h"
#include "text_lanes.h"

namespace switchyard::node {

class VectorOperation final : public Operation {
 public:
  // `work` on a thread of the pool, then `give` on the loop's; what the first throws is delivered instead.
  static void start(Environment& environment, uint64_t id, std::function<void()> work,
                    std::function<Napi::Value(Environment&)> give) {
    auto operation = std::make_shared<VectorOperation>(id);
    operation->give_ = std::move(give);
    std::vector<TextLanes::Piece> piece;
    piece.emplace_back([operation, work = std::move(work), shared = environment.shared()] {
      try {
        work();
      } catch (...) {
        operation->error_ = std::current_exception();
      }
      shared->operations.push(operation.get());
    });
    environment.operations.begin(operation, [&] { TextLanes::shared().post(std::move(piece)); });
  }
  using Operation::Operation;
  Napi::Value result(Environment& environment) override {
    if (error_) std::rethrow_exception(error_);
    return give_(environment);
  }

 private:
  std::function<Napi::Value(Environment&)> give_;
  std::exception_ptr error_;
};

}  // namespace switchyard::node
