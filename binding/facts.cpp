// Turns the tables of src/*.def into plain frozen objects.
#include "facts.h"

#include <iterator>
#include <span>

#include "call_layout.h"
#include "cluster/message.h"
#include "cluster/status.h"
#include "program/run/run.h"
#include "workload.h"

namespace switchyard::node {
namespace {

// An object that is frozen when it is done.
class Entry {
 public:
  explicit Entry(Napi::Env env) : env_(env), object_(Napi::Object::New(env)) {}
  Entry& set(const char* key, const char* text) { return put(key, Napi::String::New(env_, text)); }
  Entry& set(const char* key, bool flag) { return put(key, Napi::Boolean::New(env_, flag)); }
  Entry& set(const char* key, double number) { return put(key, Napi::Number::New(env_, number)); }
  Entry& put(const char* key, Napi::Value value) {
    object_.Set(key, value);
    return *this;
  }
  Napi::Object done() {
    object_.Freeze();
    return object_;
  }

 private:
  Napi::Env env_;
  Napi::Object object_;
};

template <class Table, class Describe>
Napi::Array list(Napi::Env env, const Table& table, Describe describe) {
  Napi::Array all = Napi::Array::New(env, std::size(table));
  uint32_t at = 0;
  for (const auto& row : table) all.Set(at++, describe(row));
  all.Freeze();
  return all;
}

Napi::Array describeCodes(Napi::Env env) {
  return list(env, kCodes, [&](const CodeInfo& code) {
    return Entry(env)
        .set("name", code.name)
        .set("text", code.text)
        .set("httpStatus", static_cast<double>(code.httpStatus))
        .set("retry", code.retry)
        .set("rpcCode", static_cast<double>(code.rpcCode))
        .done();
  });
}

Napi::Array describeDTypes(Napi::Env env) {
  static constexpr const char* kKinds[] = {"floating", "signed", "unsigned"};
  return list(env, kDTypes, [&](const DTypeInfo& dtype) {
    return Entry(env)
        .set("name", dtype.name)
        .set("bytes", static_cast<double>(dtype.bytes))
        .set("kind", kKinds[static_cast<int>(dtype.kind)])
        .set("array", dtype.array)
        .set("alias", dtype.alias)
        .done();
  });
}

Napi::Array describeBackends(Napi::Env env) {
  return list(env, kBackends, [&](const BackendInfo& backend) {
    return Entry(env)
        .set("name", backend.name)
        .set("label", backend.label)
        .set("rank", static_cast<double>(backend.rank))
        .set("softwareRank", static_cast<double>(backend.softwareRank))
        .set("drawRank", static_cast<double>(backend.drawRank))
        .done();
  });
}

Napi::Array describeKinds(Napi::Env env) {
  return list(env, kWorkKinds, [&](const char* name) { return Napi::String::New(env, name); });
}

// Appends the layouts of one file's table.
void describeRows(Napi::Env env, std::span<const LayoutRow> rows, Napi::Object all) {
  Napi::Object layout;
  for (const LayoutRow& row : rows) {
    if (row.group)
      all.Set(row.group, layout = Napi::Object::New(env));
    else
      layout.Set(row.name, Napi::Number::New(env, row.value));
  }
}

}  // namespace

Napi::Object describeFacts(Napi::Env env) {
  return Entry(env)
      .put("codes", describeCodes(env))
      .put("dtypes", describeDTypes(env))
      .put("backends", describeBackends(env))
      .put("kinds", describeKinds(env))
      .done();
}

Napi::Object describeLayouts(Napi::Env env) {
  Napi::Object all = Napi::Object::New(env);
  describeRows(env, kCallRows, all);
  describeRows(env, kProgramCallRows, all);
  describeRows(env, cluster::kMessageRows, all);
  describeRows(env, cluster::kStatusRows, all);
  return all;
}

}  // namespace switchyard::node
