#extension GL_OES_standard_derivatives : enable
#ifdef GL_FRAGMENT_PRECISION_HIGH
precision highp float;
#else
precision mediump float;
#endif
varying vec2 v_at;
uniform vec2 u_resolution;
void main() {
  vec2 cell = abs(fract(v_at - 0.5) - 0.5) / fwidth(v_at);
  float line = 1.0 - min(min(cell.x, cell.y), 1.0);
  vec2 uv = gl_FragCoord.xy / u_resolution;
  // Which way is up: the gradient of v_at.y along y is positive, as in the window's coordinates.
  float up = step(0.0, dFdy(v_at.y)) * step(0.0, dFdx(v_at.x));
  float stripes = mod(floor(gl_FragCoord.y), 8.0) < 2.0 ? 0.15 : 0.0;
  gl_FragColor = vec4(mix(vec3(uv, 0.2 * up), vec3(1.0), line) - stripes, 1.0);
}
