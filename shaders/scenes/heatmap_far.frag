#version 450
// Cells below a pixel: the mean of all that the pixel covers, each by the share that it has of it.
#extension GL_GOOGLE_include_directive : require
#include "heatmap.glsl"
layout(location = 0) out vec4 colour;

void main() {
  const vec2 pixel = p.cells / p.extent, first = p.window + (gl_FragCoord.xy - 0.5 - p.from) * pixel;
  const vec2 from = max(first, 0.0), to = min(first + pixel, vec2(p.matrix));
  const uvec2 a = min(uvec2(from), p.matrix - 1u), b = min(uvec2(ceil(to)), p.matrix);
  float sum = 0.0, share = 0.0;
  for (uint row = a.y; row < b.y; ++row) {
    const float tall = min(to.y, float(row + 1u)) - max(from.y, float(row));
    for (uint column = a.x; column < b.x; ++column) {
      const float part = tall * (min(to.x, float(column + 1u)) - max(from.x, float(column)));
      sum += part * strength(column, row);
      share += part;
    }
  }
  colour = finished(share > 0.0 ? sum / share : 0.0, first + 0.5 * pixel, pixel);
}
