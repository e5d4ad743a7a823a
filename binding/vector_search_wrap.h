// A search that JavaScript leads: it has each segment asked on a context, and hands the answers back.
#pragma once
#include <napi.h>

#include <memory>

#include "vectors/search.h"

namespace switchyard::node {

class VectorSearchWrap : public Napi::ObjectWrap<VectorSearchWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  // (VectorTable, queries, count, k, isRange, threshold or undefined, isApproximate, isCoded, filter or undefined, ids
  // or undefined, withMetadata): takes the snapshot
  explicit VectorSearchWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value plan(const Napi::CallbackInfo& info);   // (id): as VectorTable's append()
  Napi::Value parts(const Napi::CallbackInfo& info);  // [{ name, rows, allowed, rounds, candidates, isScanned }]
  Napi::Value needs(const Napi::CallbackInfo& info);  // [{ part, k, byRows, queries: Uint32Array }]
  // mask(part): a Uint8Array for similarity-search, or undefined
  Napi::Value mask(const Napi::CallbackInfo& info);
  Napi::Value work(const Napi::CallbackInfo& info);
  // advance(id, answers: [scores, indices, bounds or undefined][]): as append()
  Napi::Value advance(const Napi::CallbackInfo& info);
  // result(withVectors, withMetadata): { ids, scores: ArrayBuffer[], vectors?: ArrayBuffer[], metadata?: string[][] }
  Napi::Value result(const Napi::CallbackInfo& info);

  std::shared_ptr<vectors::Search> search_;
};

// checkQueries(queries, dimensions): throws InvalidArgument for rows that are not finite
Napi::Value checkQueries(const Napi::CallbackInfo& info);

}  // namespace switchyard::node
