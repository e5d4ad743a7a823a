// The rows of an index as JavaScript holds them.
#pragma once
#include <napi.h>

#include <memory>

#include "vectors/table.h"

namespace switchyard::node {

class VectorTableWrap : public Napi::ObjectWrap<VectorTableWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  // (dimensions, metric: 0 cosine, 1 dot, 2 l2, and of vectors::Limits segmentBytes and scanned)
  explicit VectorTableWrap(const Napi::CallbackInfo& info);
  // The table of such an object; throws InvalidArgument for anything else.
  static std::shared_ptr<vectors::Table> tableOf(const Napi::Value& value);

 private:
  // append(id, ids, vectors, metadata, replaces): the number of the first insertion. id 0: now; else off the loop, and
  // it is delivered
  Napi::Value append(const Napi::CallbackInfo& info);
  Napi::Value remove(const Napi::CallbackInfo& info);  // (id, ids): how many were there; as append()
  // get(id, ids, withVectors, withMetadata): { found: Uint8Array, vectors?: ArrayBuffer,
  // metadata?: (string|undefined)[] }; as append()
  Napi::Value get(const Napi::CallbackInfo& info);
  Napi::Value size(const Napi::CallbackInfo& info);
  // [{ name, rows, live, isSealed, bytes, leastLength, mostLength }]
  Napi::Value segments(const Napi::CallbackInfo& info);
  // rowsOf(name): [ArrayBuffer, whether it is the memory itself]; undefined where there is no such segment any more
  Napi::Value rowsOf(const Napi::CallbackInfo& info);
  // merge(id, upTo): fills the next merge; delivers { name, rows, leastLength, mostLength } of the segment that is
  // made, or undefined. `upTo`: the newest segment of a compaction, or undefined
  Napi::Value merge(const Napi::CallbackInfo& info);
  Napi::Value endMerge(const Napi::CallbackInfo& info);  // (commits)
  Napi::Value seal(const Napi::CallbackInfo& info);      // (id)
  Napi::Value seals(const Napi::CallbackInfo& info);     // how many segments were sealed so far
  Napi::Value mapBytes(const Napi::CallbackInfo& info);

  // snapshot(): { handle, segments } of one moment
  Napi::Value snapshot(const Napi::CallbackInfo& info);
  // aliveOf(handle of a snapshot, place in it): an ArrayBuffer, a bit a row
  Napi::Value aliveOf(const Napi::CallbackInfo& info);
  // packSegment(id, handle of a snapshot, place in it): delivers { bytes: ArrayBuffer, checksum, rowsChecksum }
  Napi::Value packSegment(const Napi::CallbackInfo& info);
  // packMapped(id, handle of a snapshot, place in it): delivers an ArrayBuffer, to lie behind the rows
  Napi::Value packMapped(const Napi::CallbackInfo& info);
  // packWrite(id, ids, vectors, metadata, replaces): an ArrayBuffer, which the rows are to follow; checked as append()
  // does, and delivered as there
  Napi::Value packWrite(const Napi::CallbackInfo& info);
  Napi::Value packRemoval(const Napi::CallbackInfo& info);  // (ids)
  // replay(id, records): delivers a list, of each the number of its last insertion, nothing of a removal
  Napi::Value replay(const Napi::CallbackInfo& info);
  // adopt(id, rows, bytes, alive): a stored segment, behind the others; delivers its name. `alive`: what aliveOf() gave
  // later, or undefined
  Napi::Value adopt(const Napi::CallbackInfo& info);
  // adoptMapped(id, bytes of a file, rows, where what packMapped() gave begins, its source or undefined, alive): as
  // adopt(); rows and metadata are checked when they are read, where there is a source
  Napi::Value adoptMapped(const Napi::CallbackInfo& info);
  // checkRows(id, name, from, to): rejects with ERR_DAMAGED; nothing where there is no such segment any more
  Napi::Value checkRows(const Napi::CallbackInfo& info);
  // exchange(id, name, bytes of a file, rows, where what packMapped() gave begins, its source or undefined): the same
  // segment over that memory; delivers its name, undefined: it is too late
  Napi::Value exchange(const Napi::CallbackInfo& info);

  vectors::Batch readBatch(const Napi::CallbackInfo& info, size_t first, std::shared_ptr<void>& hold) const;

  std::shared_ptr<vectors::Table> table_;
  std::shared_ptr<vectors::Merge> merge_;
};

}  // namespace switchyard::node
