// A matrix as coloured cells: src/render/attention_heatmap.cpp fills these.
layout(push_constant) uniform Push {
  vec2 size;            // of the picture, pixels
  vec2 from, extent;    // the panel: its top left, its size
  vec2 window, cells;   // the first column and row in it, and how many, in parts of cells
  uvec2 matrix;         // columns and rows of the matrix as it is bound
  float low, scale;     // (weight - low) * scale is 0 to 1
  float gap;            // pixels between cells
  uint gapColour;
  float phase, shine;   // of the light that runs over the strongest; shine 0: none
  float pulse;          // points: by how much they swell
  uint glow;            // points: 1: the light around them, 0: themselves
  uvec2 block;          // points: one for so many cells along and down
} p;
layout(std430, set = 0, binding = 0) readonly buffer Weights { float weights[]; };
layout(std430, set = 0, binding = 1) readonly buffer Table { uint table[]; };

float strength(uint column, uint row) {
  return clamp((weights[row * p.matrix.x + column] - p.low) * p.scale, 0.0, 1.0);
}
vec4 mapped(float value) { return unpackUnorm4x8(table[uint(value * 255.0 + 0.5)]); }

// `cell`: the middle of the pixel, in cells; `pixel`: a pixel's size in cells.
vec4 finished(float value, vec2 cell, vec2 pixel) {
  vec4 colour = mapped(value);
  if (p.shine > 0.0) {
    const vec2 place = (floor(cell) + 0.5 - p.window) / p.cells;
    const float light = max(0.0, 1.0 - 7.0 * abs(fract(p.phase - 0.5 * (place.x + place.y)) - 0.5));
    colour.rgb = mix(colour.rgb, vec3(1.0), p.shine * light * light * smoothstep(0.35, 0.9, value));
  }
  if (p.gap > 0.0) {
    const vec2 away = (0.5 - abs(fract(cell) - 0.5)) / pixel;
    colour.rgb = mix(colour.rgb, unpackUnorm4x8(p.gapColour).rgb,
                     clamp(0.5 * p.gap + 0.5 - min(away.x, away.y), 0.0, 1.0));
  }
  return colour;
}
