#version 300 es
precision highp float;
precision highp int;

flat in int v_category;
in vec2 v_inBar;
centroid in highp float v_height;

const int kColors = 4;
uniform vec3 u_palette[kColors];
uniform uint u_selected;

out vec4 outColor;

void main() {
  vec3 base = u_palette[v_category % kColors];
  float shade = trunc(v_inBar.y * 5.0) / 5.0;
  if (uint(v_category) == u_selected) base = mix(base, vec3(1.0), 0.4);
  switch (v_category) {
    case 0: base *= 1.1; break;
    default: base *= 0.9;
  }
  outColor = vec4(base * (0.5 + 0.5 * shade) + 0.1 * fract(v_height), 1.0);
}
