// The parameter structs of the kernels: plain 32-bit scalars, at most 128 bytes, read by C++, CUDA and GLSL alike.
// GLSL sees this file through glslc's preprocessor with SWITCHYARD_GLSL defined: keep to uint, int, float and #define.
#ifndef SWITCHYARD_PARAMS_H
#define SWITCHYARD_PARAMS_H

#ifdef SWITCHYARD_GLSL
#define SY_STRUCT(name) struct name
#else
#include <cstdint>
#define SY_STRUCT(name) struct name
namespace switchyard {
typedef uint32_t uint;
#endif

#define kAttentionRows 64
#define kAttentionPart 16
#define kTopKChunk 1024
#define kTopKSegment 16384
#define kTopKByParts 512
#define kTopKBins 2048
#define kTopKDigits 6
#define kSearchTile 64
#define kSearchBlock 64
#define kScanQueries 8
#define kMeanColumns 64

// How the elements of a kernel's floating buffers lie in memory: `formats` in its params has two bits for each buffer,
// in the order of kernels.def, the first lowest.
#define kFormatFloat32 0
#define kFormatFloat16 1
#define kFormatBfloat16 2
// The other elements of ConvertParams, by their numbers in dtypes.def; floating ones are their formats.
#define kElementInt32 3
#define kElementUint32 4
#define kElementInt8 5
#define kElementUint8 6
// BinaryParams.op and .broadcast
#define kBinaryAdd 0
#define kBinarySubtract 1
#define kBinaryMultiply 2
#define kBinaryDivide 3
#define kBroadcastNone 0
#define kBroadcastRow 1
#define kBroadcastScalar 2
// ActivationParams.kind
#define kActivationRelu 0
#define kActivationGelu 1
#define kActivationSilu 2
#define kActivationTanh 3
#define kActivationSigmoid 4
#define kActivationExp 5
#define kActivationGeluTanh 6
#define kActivationNone 255
// ReduceParams.kind
#define kReduceSum 0
#define kReduceMean 1
#define kReduceMin 2
#define kReduceMax 3
#define kReduceNorm 4
// PoolParams.kind
#define kPoolMean 0
#define kPoolMax 1
#define kPoolFirst 2
#define kPoolLast 3
#define kPoolColumns 64
// metric
#define kMetricCosine 0
#define kMetricDot 1
#define kMetricL2 2
// SearchParams.how
#define kSearchBlocks 1  // the best of each block's scores is written, not all
#define kSearchMasked 2  // rows are hidden, and what is written tells them from NaN
#define kSearchRows 4    // search_listed: the lists are of rows, not of blocks
#define kNoEntry 0xFFFFFFFFu

SY_STRUCT(BinaryParams) {
  uint count;
  uint op;
  uint broadcast;
  uint d;
  uint formats;
};
SY_STRUCT(ScaleParams) {
  uint count;
  float factor;
  float offset;
  uint formats;
};
SY_STRUCT(ActivationParams) {
  uint count;
  uint kind;
  uint formats;
};
SY_STRUCT(CastParams) {
  uint n;  // elements
  uint formats;
};
SY_STRUCT(ReduceParams) {
  uint rows;
  uint d;
  uint kind;
  uint formats;
};
// A long row in parts of `part` elements, the last one shorter, or 0: what d pairs of theirs make.
SY_STRUCT(ReducePartsParams) {
  uint rows;
  uint d;
  uint kind;
  uint formats;
  uint part;
  float over;
};
SY_STRUCT(NormalizeParams) {
  uint rows;
  uint d;
  float epsilon;
  uint formats;
};
SY_STRUCT(SoftmaxParams) {
  uint rows;
  uint d;
  float inverseTemperature;
  uint formats;
};
SY_STRUCT(SoftmaxPartsParams) {
  uint rows;
  uint d;
  float inverseTemperature;
  uint formats;
  uint part;
};
// Rows whose norm is known: times `by`, 2^-64, first where the norm is near the end of float32.
SY_STRUCT(NormalizePartsParams) {
  uint rows;
  uint d;
  float epsilon;
  uint formats;
  uint part;
  float by;
};
SY_STRUCT(LayerNormParams) {
  uint rows;
  uint d;
  float epsilon;
  uint hasGamma;
  uint hasBeta;
  uint hasResidual;
  uint formats;
};
SY_STRUCT(RmsNormParams) {
  uint rows;
  uint d;
  float epsilon;
  uint hasGamma;
  uint hasResidual;
  uint formats;
};
// Tokens of h heads of d elements; an item is `together` neighbouring pairs of elements.
SY_STRUCT(RopeParams) {
  uint tokens;
  uint d;
  uint h;
  uint interleaved;
  uint together;
  uint formats;
};
SY_STRUCT(GatherParams) {
  uint count;  // elements of out
  uint d;
  uint n;      // rows of the table
  uint coded;  // it holds int8
  uint formats;
};
SY_STRUCT(PoolParams) {
  uint n;  // sequences
  uint d;
  uint kind;
  uint formats;
};
// Units of 1, 2, 4 or 16 bytes. Axis 0 is the innermost of out; unit (i0, i1, ..) comes from base + i0 * stride0 + ..
SY_STRUCT(RearrangeParams) {
  uint count;  // units of out
  uint unit;
  uint rank;
  uint base;  // kFormat*, or kElementInt8: codes, with a scale for each row
  uint size0;
  uint size1;
  uint size2;
  uint size3;
  uint size4;
  uint size5;
  uint size6;
  uint size7;
  uint stride0;
  uint stride1;
  uint stride2;
  uint stride3;
  uint stride4;
  uint stride5;
  uint stride6;
  uint stride7;
};
SY_STRUCT(ConcatParams) {
  uint count;  // units of out
  uint unit;   // bytes: 1, 2, 4 or 16
  uint a;      // units of a row of a
  uint b;
};
// `from` and `to` are numbers of dtypes.def, one of them an integer's.
SY_STRUCT(ConvertParams) {
  uint n;
  uint from;
  uint to;
};
SY_STRUCT(QuantizeParams) {
  uint rows;
  uint d;
  uint bits;
  uint rowBytes;
};
SY_STRUCT(TimelineParams) {
  uint rows;
  float currentTime;
  float decay;
};
SY_STRUCT(MaskedSoftmaxParams) {
  uint rows;
  uint t;
  uint s;
  uint firstRow;
  uint causal;
  uint hasMask;
};
SY_STRUCT(AttentionParams) {
  uint h;
  uint s;
  uint t;
  uint d;
  uint e;
  float scale;
  uint causal;
  uint hasMask;
};
// FusedAttentionParams.hides
#define kHidesLater 1
#define kHidesOutside 2
SY_STRUCT(FusedAttentionParams) {
  uint parts;  // of kAttentionPart rows of one head
  uint heads;
  uint keyHeads;
  uint d;
  uint e;
  uint formats;
  uint hasBias;
  uint hides;
  uint window;
  uint biasRow;   // elements from a row of the bias to the next
  uint biasHead;  // ... and from a head's to the next
  float scale;
  float steps;  // products of the whole launch: what it costs
};
// Up to kAttentionRows queries of one sequence, and all of its keys: rows of the views. Query `position` is what the
// first of them is among the keys; bias from `biasRow` on.
SY_STRUCT(AttentionTile) {
  uint query;
  uint rows;
  uint key;
  uint keys;
  int position;
  uint biasRow;
  uint unused0;
  uint unused1;
};
SY_STRUCT(TopKParams) {
  uint rows;
  uint d;
  uint k;
  uint largest;
  uint formats;
};
SY_STRUCT(TopKSelectParams) {
  uint rows;
  uint d;
  uint k;
  uint segments;
  uint segment;
  uint fromValues;
  uint largest;
  uint formats;
};
SY_STRUCT(TopKDigitParams) {
  uint rows;
  uint d;
  uint k;
  uint segments;
  uint segment;
  uint digit;
  uint largest;
  uint formats;
  uint padded;
};
// The candidates of a row that are among its best: those with a key below this one, and of this one up to the index.
SY_STRUCT(TopKState) {
  uint key;
  uint index;
  uint left;
  uint done;
  uint taken;
};
SY_STRUCT(SortChunkParams) {
  uint rows;
  uint padded;
  uint size;
  uint last;
};
SY_STRUCT(SortParams) {
  uint rows;
  uint d;
  uint padded;
  uint largest;
  uint size;
  uint stride;
  uint formats;
};
SY_STRUCT(TopKGatherParams) {
  uint rows;
  uint d;
  uint k;
  uint inStride;
  uint together;
  uint formats;
};
SY_STRUCT(SearchParams) {
  uint q;
  uint n;  // rows in the view of the base
  uint d;
  uint metric;
  uint base;  // kFormat*, or kElementInt8: codes, with a scale for each row
  uint how;
  uint ldScores;
  uint firstColumn;  // of what is written
  uint firstRow;     // of the view, among all rows; by blocks a multiple of kSearchBlock
  uint listed;       // search_listed: entries of a query's list
};
SY_STRUCT(SearchFoundParams) {
  uint q;
  uint k;
  uint listed;
  uint unit;  // rows of an entry of the list; 0: there is no list
  uint masked;
  uint largest;
};
// `element` is what the base holds: a format, or kElementInt8. has: bits of kSearchHas.
#define kSearchHasMask 1
#define kSearchHasRescore 2
#define kSearchHasBound 4
SY_STRUCT(SimilaritySearchParams) {
  uint q;
  uint n;
  uint d;
  uint k;
  uint metric;
  uint element;
  uint rescore;  // the format of its rows
  uint has;
};
SY_STRUCT(MeanParams) {
  uint rows;
  uint d;
};
// Sums of `slice` rows at a time, over `over`.
SY_STRUCT(ColumnMeanParams) {
  uint rows;
  uint d;
  uint slice;
  float over;
};
#include "graph_params.h"

#ifndef SWITCHYARD_GLSL
}  // namespace switchyard
#endif
#endif
