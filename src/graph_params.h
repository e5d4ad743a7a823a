// What params.h says of graphs: pagerank and force-layout. Included there alone.
#ifndef SWITCHYARD_GRAPH_PARAMS_H
#define SWITCHYARD_GRAPH_PARAMS_H

// pagerank: the most edges of a row of the layout, the rows of a slice, the nodes of a group of pagerank_step.
#define kPagerankRow 256
#define kPagerankSlice 32
#define kPagerankGroup 256
// `count` items from `first` on: nodes of pagerank_step, segments of pagerank_parts, hubs of pagerank_hubs. The views
// of sources and weights begin at place firstEdge.
SY_STRUCT(PagerankParams) {
  uint n;
  float damping;
  float tolerance;
  uint maxIterations;
  uint weighted;
  uint hubs;        // nodes with more than kPagerankRow edges, the first ones
  uint firstSlice;  // of the nodes behind them
  uint partials;    // pairs of partial sums
  uint first;
  uint count;
  uint firstEdge;
};
// Device memory, not parameters: what one iteration hands the next.
SY_STRUCT(PagerankState) {
  float danglingSum;
  float residual;
  uint iterations;
  uint done;
};

// force-layout. Levels of the grid run from kLayoutTop (8 x 8 cells) to p.level, the finest; up to kLayoutCap nodes of
// a cell are met one by one, more as one; a thread does kLayoutRow edges of a row, and the rest of longer ones is cut
// up.
#define kLayoutTop 3
#define kLayoutCap 32
#define kLayoutRow 256
#define kLayoutFull 0xFFFFFFFFu
// `natural` is the side of the square that nodes without edges would need; `limit` the farthest a node may go, as a
// share of its square or of that, whichever is larger.
SY_STRUCT(LayoutParams) {
  uint n;
  uint level;
  uint extras;
  uint hasWeights;
  float weightScale;
  float repulsion;
  float gravity;
  float step;
  float limit;
  float natural;
  uint parity;
  uint from;
};
// The words of the layout's work memory: the bounds of even and odd iterations (4 each, as sortKey orders floats) and
// the cursor of packed nodes, then how far each node went (n), the lists of the cells' nodes (n), the pull of edges
// (2n, fixed point), and 5 words for each finest cell.
#define kLayoutCursor 8
#define kLayoutMoved 64

#endif
