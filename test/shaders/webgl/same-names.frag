precision mediump float;
varying vec3 fragColor;
uniform vec4 color;     // the vertex shader has an attribute of this name
uniform float position; // and this
uniform float angle;
void main() {
  gl_FragColor = vec4(mix(fragColor, color.rgb, position) + 0.05 * angle, color.a);
}
