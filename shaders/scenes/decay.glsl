// The curve of a decay with the area below it: src/render/evidence_timeline.cpp fills these.
layout(push_constant) uniform Push {
  vec2 size;           // of the picture, pixels
  vec2 from, to;       // where it is drawn: left and top, right and bottom
  float base;          // y of weight 0
  float halfWidth;     // of the line, pixels
  float thin;          // the line's opacity, below 1 where it would be thinner than a pixel
  uint top, bottom;    // colours of the area at `from` and at `to`
  uint line;
} p;
