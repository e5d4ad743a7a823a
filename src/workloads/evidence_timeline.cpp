// evidence-timeline: the weight of each piece of evidence at a moment, decaying with its distance in time.
#include "workloads/common.h"

namespace switchyard {
namespace {

class EvidenceTimeline final : public Workload {
 public:
  EvidenceTimeline()
      : Workload({"evidence-timeline",
                  WorkKind::Vector,
                  JoinRule{Join::Rows},
                  {{"evidence"}},
                  {{.name = "currentTime", .fallback = 1}, {.name = "decay", .fallback = 2}, dtypeParam()},
                  {"timeline"}}) {}

  Cost check(Call& call) const override {
    requireRank(*this, call, 0, 2);
    if (call.shape(0)[1] != 4)
      refuse(*this,
             "the shape of 'evidence' is " + call.shape(0).text() +
                 ", but must be [n, 4]: timestamp, importance, category, relevance",
             "inputs.evidence");
    call.outputCount = 1;
    call.outputs[0].spec = {outputDType(*this, call), call.shape(0)};
    return {30.0 * static_cast<double>(call.shape(0)[0]), bytesMoved(call)};
  }

  Task record(Recorder& r, const Call& call) const override {
    BufferView in = r.floats(call.inputs[0]), out = r.floatTarget(call.outputs[0]);
    r.forRowPieces(call.shape(0)[0], {16}, [&](uint64_t first, uint32_t rows) {
      r.launch(Kernel::evidence_timeline, rows,
               {in.slice(first * 16, uint64_t{rows} * 16), out.slice(first * 16, uint64_t{rows} * 16)},
               TimelineParams{rows, call.number(0), call.number(1)});
    });
    r.finishTarget(call.outputs[0], out);
    co_return;
  }
};

}  // namespace

const Workload& evidenceTimelineWorkload() {
  static const EvidenceTimeline w;
  return w;
}

}  // namespace switchyard
