precision mediump float;

varying float v_weight;
varying float v_pulse;

uniform float u_threshold;

vec3 heat(float t) {
  vec3 cold = vec3(0.06, 0.10, 0.45);
  vec3 warm = vec3(0.90, 0.25, 0.15);
  vec3 hot = vec3(1.00, 0.95, 0.60);
  return t < 0.5 ? mix(cold, warm, t * 2.0) : mix(warm, hot, t * 2.0 - 1.0);
}

void main() {
  if (v_weight < u_threshold) discard;
  vec2 p = gl_PointCoord - vec2(0.5);
  float r = length(p) * 2.0;
  if (r > 1.0) discard;
  // Edges from the far to the near: 1 in the middle, 0 at the rim.
  float alpha = smoothstep(1.0, 0.3, r) * v_pulse;
  gl_FragColor = vec4(heat(v_weight) * (1.1 - 0.3 * gl_PointCoord.y), alpha);
}
