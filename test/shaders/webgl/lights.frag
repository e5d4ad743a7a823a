precision highp float;
#define NUM_LIGHTS 3
#if NUM_LIGHTS > 2 && defined(GL_ES)
#define PASS(type, name) varying type name
#else
#error three lights at least
#endif

struct Falloff { float radius; lowp float power; };
struct Light {
  vec2 position;
  vec3 color;
  Falloff falloff;
  bool enabled;
};
uniform Light u_lights[NUM_LIGHTS];
uniform struct Ambient { vec3 color; float strength; } u_ambient;
const int kRings = 2;
uniform float u_rings[kRings * 2 - 1];
PASS(vec2, v_at);
PASS(mat2, v_turn);

vec3 shine(Light light, vec2 at) {
  float d = distance(light.position, at);
  return light.color * pow(max(0.0, 1.0 - d / light.falloff.radius), light.falloff.power);
}

void main() {
  vec2 at = v_turn * v_at;
  vec3 sum = u_ambient.color * u_ambient.strength;
  for (int i = 0; i < NUM_LIGHTS; i++) {
    if (u_lights[i].enabled) sum += shine(u_lights[i], at);
  }
  for (int i = 0; i < 3; i++) sum += 0.2 * (1.0 - smoothstep(0.0, 0.03, abs(length(v_at) - u_rings[i])));
  gl_FragData[0] = vec4(sum, 1.0);
}
