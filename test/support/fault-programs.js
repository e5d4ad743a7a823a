// A user's kernel and shader for the tests of faults: what they compute is known.
'use strict';
const glsl = `#version 450
layout(local_size_x = 64) in;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Params { float factor; };
void main() {
  uint i = gl_GlobalInvocationID.x;
  if (i < x.length()) y[i] = x[i] * factor;
}`;
const vertex = `attribute vec2 a_position;
void main() { gl_Position = vec4(a_position, 0.0, 1.0); }`;
const fragment = `precision highp float;
uniform float u_red;
void main() { gl_FragColor = vec4(u_red, 0.0, 0.0, 1.0); }`;

/** A picture of 16 by 16 pixels, each of a red that tells the number. */
const drawing = (shader, number) => ({
  type: 'render',
  shader,
  width: 16,
  height: 16,
  attributes: { a_position: new Float32Array([-1, -1, 3, -1, -1, 3]) },
  uniforms: { u_red: (number % 256) / 255 },
});

module.exports = { glsl, vertex, fragment, drawing };
