#version 100
precision mediump float;
varying vec2 texture;
varying float input_, patch;
uniform sampler2D filter;
uniform sampler2D sampler;
struct common { float half_; vec3 buffer; };
float smooth(float centroid) { centroid *= centroid; return centroid; }
float isnan(float x) { return x != x ? 1.0 : 0.0; }
void main() {
  common active;
  active.buffer = texture2D(filter, texture).rgb;
  active.half_ = 0.5;
  float resource = smooth(texture.x), image2D = isnan(texture.y), layout = input_, uint = 0.1;
  vec4 switch_ = texture2D(sampler, texture.yx, 0.0);
  vec3 sum = active.buffer * active.half_ + switch_.rgb * 0.5 * resource + image2D + patch * uint;
  gl_FragColor = vec4(sum, 1.0) + 0.01 * layout;
}
