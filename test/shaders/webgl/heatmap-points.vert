// One point for each weight of an attention matrix; the larger, the bigger and the hotter.
attribute vec2 a_position;
attribute float a_weight;

uniform float u_time;
uniform float u_pointSize;
uniform vec2 u_scale;

varying float v_weight;
varying float v_pulse;

void main() {
  v_weight = a_weight;
  v_pulse = 0.75 + 0.25 * sin(u_time * 3.0 + a_weight * 12.0);
  gl_Position = vec4(a_position * u_scale, 0.0, 1.0);
  gl_PointSize = u_pointSize * mix(0.4, 1.0, a_weight) * v_pulse;
}
