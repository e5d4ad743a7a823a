// Texts of JavaScript, copied as UTF-8: what is not well-formed in them has become U+FFFD.
#pragma once
#include <napi.h>

#include <memory>
#include <string_view>
#include <vector>

namespace switchyard::node {

class Texts {
 public:
  size_t size() const { return ends_.size(); }
  size_t bytes() const { return used_; }
  std::string_view at(size_t i) const {
    const size_t begin = i ? ends_[i - 1] : 0;
    return {bytes_.get() + begin, ends_[i] - begin};
  }
  // Room for so many more bytes, of which `used` are then added.
  char* room(size_t bytes);
  void add(size_t used) { used_ += used; }
  void endText() { ends_.push_back(used_); }

 private:
  std::unique_ptr<char[]> bytes_;
  size_t used_ = 0, capacity_ = 0;
  std::vector<size_t> ends_;
};

// JavaScript fills it piece by piece, so that the event loop has a turn in between.
class TextBatchWrap : public Napi::ObjectWrap<TextBatchWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit TextBatchWrap(const Napi::CallbackInfo& info);
  // What was added; there is nothing in it any more after that. Throws InvalidArgument for another object.
  static std::shared_ptr<Texts> take(const Napi::Value& value);

 private:
  // add(texts, from, mostUnits, mostTexts) -> the first that was not added: there were enough, or it is longer than
  // mostUnits
  Napi::Value add(const Napi::CallbackInfo& info);
  // append(text, ends): a part of a long one
  Napi::Value append(const Napi::CallbackInfo& info);
  void copy(napi_env env, napi_value text, size_t units);
  std::shared_ptr<Texts> texts_ = std::make_shared<Texts>();
};

}  // namespace switchyard::node
