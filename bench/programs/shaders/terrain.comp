#version 450
// A landscape seen from above, as grey values: noise in octaves, warped and eroded, lit with marched shadows, ambient
// light, water, mist and tone mapping. terrain.wgsl is the same, line by line.
layout(local_size_x = 8, local_size_y = 8) in;
layout(binding = 0) readonly buffer Palette { float palette[]; };
layout(binding = 1) writeonly buffer Picture { float picture[]; };
layout(push_constant) uniform Params { uint width; uint height; float time; float water; };

const int kOctaves = 5;
const int kErosionSteps = 6;
const int kShadowSteps = 12;
const int kRays = 6;
const float kPixel = 0.0125;

uint hash(uvec2 at) {
  uint h = at.x * 0x9E3779B1u ^ at.y * 0x85EBCA77u;
  h ^= h >> 15;
  h *= 0x2C1B3C6Du;
  h ^= h >> 12;
  h *= 0x297A2D39u;
  return h ^ (h >> 15);
}

float random(ivec2 at) { return float(hash(uvec2(at)) >> 8) / 16777216.0; }

// Value noise with its slopes: height in x.
vec3 noise(vec2 at) {
  vec2 cell = floor(at);
  vec2 f = at - cell;
  ivec2 corner = ivec2(cell);
  float a = random(corner);
  float b = random(corner + ivec2(1, 0));
  float c = random(corner + ivec2(0, 1));
  float d = random(corner + ivec2(1, 1));
  vec2 u = f * f * f * (f * (f * 6.0 - 15.0) + 10.0);
  vec2 du = 30.0 * f * f * (f * (f - 2.0) + 1.0);
  float k = a - b - c + d;
  return vec3(a + (b - a) * u.x + (c - a) * u.y + k * u.x * u.y, du * (vec2(b - a, c - a) + k * u.yx));
}

// Octaves that count for less where the ground is steep already.
float ground(vec2 at) {
  float sum = 0.0;
  float weight = 0.5;
  vec2 slope = vec2(0.0);
  vec2 p = at;
  for (int i = 0; i < kOctaves; ++i) {
    vec3 n = noise(p);
    slope += n.yz;
    sum += weight * n.x / (1.0 + dot(slope, slope));
    weight *= 0.5;
    p = vec2(1.6 * p.x - 1.2 * p.y, 1.2 * p.x + 1.6 * p.y);
  }
  return sum;
}

float ridges(vec2 at) {
  float sum = 0.0;
  float weight = 0.5;
  vec2 p = at;
  for (int i = 0; i < 3; ++i) {
    float n = 1.0 - abs(2.0 * noise(p).x - 1.0);
    sum += weight * n * n;
    weight *= 0.45;
    p = p * 2.1 + vec2(3.7, 1.3);
  }
  return sum;
}

vec2 warped(vec2 at) {
  vec2 shift = vec2(noise(at + vec2(1.7, 9.2)).x, noise(at + vec2(8.3, 2.8)).x);
  return at + 0.35 * shift + vec2(0.03 * time, 0.0);
}

float land(vec2 at) {
  vec2 p = warped(at);
  float height = mix(ground(p), ridges(p * 0.7), 0.35);
  return smoothstep(0.02, 0.9, height);
}

// A drop that runs downhill takes earth with it where it is fast.
float eroded(vec2 at) {
  float carried = 0.0;
  float speed = 0.0;
  vec2 p = at;
  for (int i = 0; i < kErosionSteps; ++i) {
    float here = land(p);
    vec2 slope = vec2(land(p + vec2(kPixel, 0.0)) - here, land(p + vec2(0.0, kPixel)) - here) / kPixel;
    float steep = length(slope);
    if (steep < 1e-4) break;
    speed = 0.7 * speed + 0.3 * steep;
    carried += 0.012 * speed - 0.2 * carried;
    p -= kPixel * slope / steep;
  }
  return land(at) - carried;
}

vec3 normalAt(vec2 at, float here) {
  float right = land(at + vec2(kPixel, 0.0));
  float above = land(at + vec2(0.0, kPixel));
  return normalize(vec3(here - right, here - above, kPixel * 3.0));
}

float shadow(vec2 at, float here, vec3 sun) {
  float light = 1.0;
  float t = kPixel;
  for (int i = 0; i < kShadowSteps; ++i) {
    float over = here + sun.z * t - land(at + sun.xy * t);
    if (over < -0.2) return 0.0;
    light = min(light, 0.5 + 6.0 * over / t);
    t *= 1.35;
  }
  return clamp(light, 0.0, 1.0);
}

float ambient(vec2 at, float here) {
  float open = 0.0;
  for (int i = 0; i < kRays; ++i) {
    float angle = 6.2831853 * float(i) / float(kRays);
    vec2 way = vec2(cos(angle), sin(angle));
    float highest = 0.0;
    for (int j = 1; j <= 3; ++j) {
      float far = kPixel * 2.0 * float(j);
      highest = max(highest, (land(at + way * far) - here) / far);
    }
    open += 1.0 / (1.0 + highest);
  }
  return open / float(kRays);
}

float colour(float height, float steep) {
  float place = clamp(height, 0.0, 0.999) * 15.0;
  int i = int(place);
  float level = mix(palette[i], palette[i + 1], place - float(i));
  return mix(level, 0.35, clamp(steep * 1.4 - 0.4, 0.0, 1.0));
}

float toneMapped(float x) { return clamp((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14), 0.0, 1.0); }

void main() {
  uvec2 pixel = gl_GlobalInvocationID.xy;
  if (pixel.x >= width || pixel.y >= height) return;
  vec2 at = vec2(pixel) * kPixel;
  vec3 sun = normalize(vec3(0.6, 0.35, 0.55));
  float here = eroded(at);
  vec3 normal = normalAt(at, here);
  float direct = max(dot(normal, sun), 0.0) * shadow(at, here, sun);
  float light = 0.95 * direct + 0.35 * ambient(at, here);
  float value = colour(here, 1.0 - normal.z) * light;
  if (here < water) {
    float depth = water - here;
    float wave = 0.5 + 0.5 * sin(40.0 * at.x + 9.0 * noise(at * 6.0).x + 2.0 * time);
    value = mix(value, 0.16 + 0.05 * wave, 1.0 - exp(-9.0 * depth));
  }
  float mist = exp(-4.0 * max(here - water, 0.0)) * ridges(at * 0.4 + vec2(0.1 * time, 0.0));
  picture[pixel.y * width + pixel.x] = toneMapped(mix(value, 0.8, 0.25 * mist));
}
