// A workload's plan as a coroutine: it records device commands and may co_await the device before it goes on.
#pragma once
#include <coroutine>
#include <exception>
#include <utility>

namespace switchyard {

// Starts suspended; awaiting it runs it (symmetric transfer), resuming the awaiter when it ends. The outermost one is
// driven by resume()/done() and its error taken by rethrow().
class [[nodiscard]] Task {
 public:
  struct promise_type {
    std::coroutine_handle<> parent = nullptr;
    std::exception_ptr error;
    Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct Final {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        return self.promise().parent ? self.promise().parent : std::noop_coroutine();
      }
      void await_resume() noexcept {}
    };
    Final final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { error = std::current_exception(); }
  };

  Task() = default;
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) noexcept {
    handle_.promise().parent = parent;
    return handle_;
  }
  void await_resume() { rethrow(); }

  explicit operator bool() const { return handle_ != nullptr; }
  bool done() const { return handle_.done(); }
  std::coroutine_handle<> handle() const { return handle_; }
  void rethrow() const {
    if (handle_.promise().error) std::rethrow_exception(handle_.promise().error);
  }

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_ = nullptr;
};

}  // namespace switchyard
