#version 450
// One point for each cell, or for the strongest of a block of cells where they are many.
#extension GL_GOOGLE_include_directive : require
#include "heatmap.glsl"
layout(location = 0) flat out vec2 middle;
layout(location = 1) flat out vec4 ink;
layout(location = 2) flat out vec3 form;  // radius, radius of the glow, its strength

void main() {
  const uvec2 begin = uvec2(p.window) / p.block, end = (uvec2(ceil(p.window + p.cells)) + p.block - 1u) / p.block;
  const uint across = max(end.x - begin.x, 1u), index = uint(gl_InstanceIndex);
  const uvec2 block = begin + uvec2(index % across, index / across), from = block * p.block,
              to = min(from + p.block, p.matrix);
  float value = 0.0;
  for (uint row = from.y; row < to.y; ++row)
    for (uint column = from.x; column < to.x; ++column) value = max(value, strength(column, row));

  const vec2 pixels = p.extent / p.cells, pitch = pixels * vec2(p.block);
  const float room = 0.5 * min(pitch.x, pitch.y);
  const float beat = sin(6.2831853 * (p.phase + 0.137 * float(block.x) + 0.229 * float(block.y)));
  const float radius = room * (0.1 + 0.72 * sqrt(value)) * (1.0 + p.pulse * value * beat);
  form = vec3(max(radius, 0.5), radius + room * (0.3 + 1.4 * value),
              (0.12 + 0.5 * value) * value * (1.0 + 2.0 * p.pulse * beat));
  ink = mapped(value);
  const vec2 corner = vec2(50 >> gl_VertexIndex & 1, 44 >> gl_VertexIndex & 1) * 2.0 - 1.0;
  const vec2 local = corner * ((p.glow != 0 ? form.y : form.x) + 1.0);
  middle = p.from + ((vec2(from) + vec2(to)) * 0.5 - p.window) * pixels;
  gl_Position = vec4((middle + local) * 2.0 / p.size - 1.0, 0.0, 1.0);
}
