attribute vec2 a_corner;
varying vec2 v_at;
void main() { v_at = a_corner * vec2(4.0, 3.0); gl_Position = vec4(a_corner * 0.95, 0.0, 1.0); }
