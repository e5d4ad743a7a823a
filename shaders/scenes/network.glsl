// A graph as a picture: src/render/document_network.cpp fills these.
layout(push_constant) uniform Push {
  vec2 size;             // of the picture, pixels
  vec2 centre, middle;   // the position that is shown there, in pixels
  uvec2 cells;           // of the light's grid
  float scale;           // pixels for a unit of positions
  float cell;            // pixels for a cell of the light
  uint nodes, edges;
  float rankScale;       // rank * rankScale is 0 to 1
  float areaLow, areaSpan;  // of a disc's radius the square: areaLow + areaSpan * rank * rankScale
  uint colours, grouped; // of the table; whether it is one of groups, and not of ranks
  float weightLow, weightScale;  // (weight - weightLow) * weightScale is 0 to 1
  float lineWidth;       // pixels
  float opacity;         // exponent of base 2: an edge lets 2^-opacity of what is behind it through
  float glow;
  float beat;            // seconds, of 12; 0: nothing moves
  float pulses;          // the share of edges along which a light runs
  float ring;            // pixels around discs, at most
  uint paper, line;      // colours
  uint stride;           // an edge is drawn in one column of so many, and as much stronger
  uint step;             // the blur's direction; whether the discs are those of a list
} p;

struct Node {
  vec2 at;  // pixels
  float radius;
  uint colour;
};

const float kInk = 256.0;     // of an edge that covers a pixel whole
const float kLight = 4096.0;  // of a disc that covers a cell whole

float chance(uint x) {  // 0 to 1, another for each x
  x = x * 747796405u + 2891336453u;
  x = ((x >> ((x >> 28u) + 4u)) ^ x) * 277803737u;
  return float(((x >> 22u) ^ x) >> 8u) / 16777216.0;
}
uint threadIndex(uvec3 group, uint local) { return (group.y * 1024u + group.x) * 64u + local; }
