attribute vec2 a_end;
attribute float a_similarity;
uniform mat3 u_view;
varying lowp float v_similarity;

void main() {
  vec3 p = u_view * vec3(a_end, 1.0);
  gl_Position = vec4(p.xy, 0.0, 1.0);
  v_similarity = a_similarity;
}
