#define ATTRIBUTE attribute
#define PASS(type, name) varying type name
ATTRIBUTE vec2 a_position;
PASS(vec2, v_at);
PASS(mat2, v_turn);
void main() {
  v_at = a_position;
  v_turn = mat2(0.8, 0.6, -0.6, 0.8);
  gl_Position = vec4(a_position, 0.5, 1.0);
}
