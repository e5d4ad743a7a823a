#version 300 es
// Six vertices a bar, made from gl_VertexID; the categories are flat.
layout(location = 2) in float a_height;
in float a_category;
layout(location = 0) in vec2 a_place;

uniform Frame {
  mat4 transform;
  vec2 barSize;
};
uniform float u_grow;

flat out int v_category;
out vec2 v_inBar;
centroid out highp float v_height;

void main() {
  int corner = gl_VertexID % 6;
  vec2 unit = vec2(corner == 1 || corner == 2 || corner == 4 ? 1.0 : 0.0, corner >= 2 && corner != 3 ? 1.0 : 0.0);
  float height = a_height * u_grow;
  v_category = int(round(a_category));
  v_inBar = unit;
  v_height = height;
  gl_Position = transform * vec4(a_place + unit * vec2(barSize.x, barSize.y * height), 0.0, 1.0);
}
