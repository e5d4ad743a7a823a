#ifdef GL_ES
precision mediump float;
#endif

varying vec3 vColor;
varying float vRank;

uniform float glow;
uniform bool outlined;

void main(void) {
  float d = distance(gl_PointCoord, vec2(0.5));
  float core = 1.0 - smoothstep(0.18, 0.22, d);
  float halo = exp(-d * d * 18.0) * glow * (0.3 + vRank);
  halo *= smoothstep(0.5, 0.35, d);
  vec3 tint = vColor;
  if (outlined && d > 0.15 && d < 0.2) tint = vec3(1.0);
  float alpha = clamp(core + halo, 0.0, 1.0);
  if (alpha < 0.004) discard;
  gl_FragColor = vec4(tint * alpha, alpha);
}
