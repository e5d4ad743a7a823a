// Classes and functions of indexes of vectors, by the names that JavaScript knows.
#include "vectors.h"

#include "vector_search_wrap.h"
#include "vector_stored.h"
#include "vector_table_wrap.h"

namespace switchyard::node {

void defineVectors(Napi::Env env, Napi::Object exports) {
  exports.Set("checkQueries", Napi::Function::New<checkQueries>(env, "checkQueries"));
  exports.Set("checksumOf", Napi::Function::New<checksumOf>(env, "checksumOf"));
  exports.Set("VectorSearch", VectorSearchWrap::define(env));
  exports.Set("VectorTable", VectorTableWrap::define(env));
}

}  // namespace switchyard::node
