precision lowp float;
varying lowp float v_similarity;
uniform vec4 u_near, u_far;

void main() {
  gl_FragColor = mix(u_far, u_near, v_similarity);
}
