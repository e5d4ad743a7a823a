precision highp float;

attribute vec3 position;
attribute float rank;
attribute vec3 color;

uniform mat4 view;
uniform float pixelRatio;

varying vec3 vColor;
varying float vRank;

void main(void) {
  vColor = color;
  vRank = rank;
  vec4 at = view * vec4(position, 1.0);
  gl_Position = at;
  gl_PointSize = (8.0 + 28.0 * sqrt(rank)) * pixelRatio / at.w;
}
