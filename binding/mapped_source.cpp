#include "mapped_source.h"

#include <utility>

#include "convert.h"
#include "error.h"

namespace switchyard::node {
namespace {

const int kTagAnchor = 0;  // the address makes it this very copy of the library
napi_type_tag typeTag() { return {0x535759444d415053ull, reinterpret_cast<uint64_t>(&kTagAnchor)}; }
using External = Napi::External<std::shared_ptr<vectors::Source>>;

class FileSource final : public vectors::Source {
 public:
  FileSource(std::shared_ptr<store::DataFile> file, std::shared_ptr<const store::Mapping> mapping)
      : file_(std::move(file)), mapping_(std::move(mapping)) {}
  void check(uint64_t offset, uint64_t bytes) override { file_->check(offset, bytes, mapping_.get()); }
  bool isChecked(uint64_t offset, uint64_t bytes) const override { return file_->isChecked(offset, bytes); }

 private:
  const std::shared_ptr<store::DataFile> file_;
  const std::shared_ptr<const store::Mapping> mapping_;
};

}  // namespace

Napi::Value wrapSource(Napi::Env env, std::shared_ptr<store::DataFile> file,
                       std::shared_ptr<const store::Mapping> mapping) {
  auto* const held =
      new std::shared_ptr<vectors::Source>(std::make_shared<FileSource>(std::move(file), std::move(mapping)));
  auto external = External::New(env, held, [](Napi::Env, std::shared_ptr<vectors::Source>* gone) { delete gone; });
  const napi_type_tag tag = typeTag();
  checkStatus(env, napi_type_tag_object(env, external, &tag));
  return external;
}

std::shared_ptr<vectors::Source> unwrapSource(const Napi::Value& value) {
  if (value.IsUndefined()) return nullptr;
  const napi_type_tag tag = typeTag();
  bool ours = false;
  if (value.IsExternal()) checkStatus(value.Env(), napi_check_object_type_tag(value.Env(), value, &tag, &ours));
  if (!ours) throw Error(Code::InvalidArgument, "that is no file of this copy of the addon");
  return *value.As<External>().Data();
}

}  // namespace switchyard::node
