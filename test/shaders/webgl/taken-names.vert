#version 100
attribute vec2 sample;
attribute float buffer;
varying vec2 texture;
varying float input_, patch;
uniform mat4 inverse;
uniform float shared, sy_scale;
mat3 transpose(mat3 m) { return mat3(m[0][0], m[1][0], m[2][0], m[0][1], m[1][1], m[2][1], m[0][2], m[1][2], m[2][2]); }
float round(float x) { return floor(x + 0.5); }
vec2 round(vec2 x) { return floor(x + 0.5); }
void main() {
  texture = sample * 0.5 + 0.5;
  patch = buffer;
  input_ = round(shared);
  vec3 turned = transpose(mat3(1.0, 0.1, 0.0, -0.1, 1.0, 0.0, 0.0, 0.0, 1.0)) * vec3(sample, 0.0);
  gl_Position = inverse * vec4(turned.xy * sy_scale + 0.01 * round(sample), 0.0, 1.0);
}
