// What the shaders of the drawing list share: src/render/draw_list.cpp fills these.
layout(push_constant) uniform Push {
  vec2 size;    // of the picture, pixels
  uint first;   // of the batch's items
  uint unused;
  vec4 clip;    // left, top, right, bottom: nothing is drawn outside
} p;

// Corner 0 to 5 of two triangles that make a square from 0,0 to 1,1.
vec2 corner(int vertex) { return vec2(50 >> vertex & 1, 44 >> vertex & 1); }

// Pixels from the top left to Vulkan's clip space, in which y points down, too.
vec4 placed(vec2 pixel, vec2 size) { return vec4(pixel * 2.0 / size - 1.0, 0.0, 1.0); }

float clipped(vec2 pixel, vec4 clip) {
  return all(greaterThan(pixel, clip.xy)) && all(lessThan(pixel, clip.zw)) ? 1.0 : 0.0;
}
