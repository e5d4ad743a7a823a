precision mediump float;
attribute vec2 position, offset;
attribute vec3 color;
varying vec3 fragColor;
uniform float angle;
void main() {
  float c = cos(angle), s = sin(angle);
  fragColor = color;
  gl_Position = vec4(mat2(c, s, -s, c) * position * 0.7 + offset, -0.6, 1);
}
