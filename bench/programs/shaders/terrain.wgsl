// terrain.comp in WGSL, line by line.
struct Params { width: u32, height: u32, time: f32, water: f32 }
@group(0) @binding(0) var<storage, read> palette: array<f32>;
@group(0) @binding(1) var<storage, read_write> picture: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

const kOctaves = 5;
const kErosionSteps = 6;
const kShadowSteps = 12;
const kRays = 6;
const kPixel = 0.0125;

fn hash(at: vec2<u32>) -> u32 {
  var h = (at.x * 0x9E3779B1u) ^ (at.y * 0x85EBCA77u);
  h ^= h >> 15u;
  h *= 0x2C1B3C6Du;
  h ^= h >> 12u;
  h *= 0x297A2D39u;
  return h ^ (h >> 15u);
}

fn random(at: vec2<i32>) -> f32 { return f32(hash(bitcast<vec2<u32>>(at)) >> 8u) / 16777216.0; }

fn noise(at: vec2<f32>) -> vec3<f32> {
  let cell = floor(at);
  let f = at - cell;
  let corner = vec2<i32>(cell);
  let a = random(corner);
  let b = random(corner + vec2<i32>(1, 0));
  let c = random(corner + vec2<i32>(0, 1));
  let d = random(corner + vec2<i32>(1, 1));
  let u = f * f * f * (f * (f * 6.0 - 15.0) + 10.0);
  let du = 30.0 * f * f * (f * (f - 2.0) + 1.0);
  let k = a - b - c + d;
  return vec3<f32>(a + (b - a) * u.x + (c - a) * u.y + k * u.x * u.y, du * (vec2<f32>(b - a, c - a) + k * u.yx));
}

fn ground(at: vec2<f32>) -> f32 {
  var sum = 0.0;
  var weight = 0.5;
  var slope = vec2<f32>(0.0);
  var p = at;
  for (var i = 0; i < kOctaves; i++) {
    let n = noise(p);
    slope += n.yz;
    sum += weight * n.x / (1.0 + dot(slope, slope));
    weight *= 0.5;
    p = vec2<f32>(1.6 * p.x - 1.2 * p.y, 1.2 * p.x + 1.6 * p.y);
  }
  return sum;
}

fn ridges(at: vec2<f32>) -> f32 {
  var sum = 0.0;
  var weight = 0.5;
  var p = at;
  for (var i = 0; i < 3; i++) {
    let n = 1.0 - abs(2.0 * noise(p).x - 1.0);
    sum += weight * n * n;
    weight *= 0.45;
    p = p * 2.1 + vec2<f32>(3.7, 1.3);
  }
  return sum;
}

fn warped(at: vec2<f32>) -> vec2<f32> {
  let shift = vec2<f32>(noise(at + vec2<f32>(1.7, 9.2)).x, noise(at + vec2<f32>(8.3, 2.8)).x);
  return at + 0.35 * shift + vec2<f32>(0.03 * params.time, 0.0);
}

fn land(at: vec2<f32>) -> f32 {
  let p = warped(at);
  let height = mix(ground(p), ridges(p * 0.7), 0.35);
  return smoothstep(0.02, 0.9, height);
}

fn eroded(at: vec2<f32>) -> f32 {
  var carried = 0.0;
  var speed = 0.0;
  var p = at;
  for (var i = 0; i < kErosionSteps; i++) {
    let here = land(p);
    let slope = vec2<f32>(land(p + vec2<f32>(kPixel, 0.0)) - here, land(p + vec2<f32>(0.0, kPixel)) - here) / kPixel;
    let steep = length(slope);
    if (steep < 1e-4) { break; }
    speed = 0.7 * speed + 0.3 * steep;
    carried += 0.012 * speed - 0.2 * carried;
    p -= kPixel * slope / steep;
  }
  return land(at) - carried;
}

fn normalAt(at: vec2<f32>, here: f32) -> vec3<f32> {
  let right = land(at + vec2<f32>(kPixel, 0.0));
  let above = land(at + vec2<f32>(0.0, kPixel));
  return normalize(vec3<f32>(here - right, here - above, kPixel * 3.0));
}

fn shadow(at: vec2<f32>, here: f32, sun: vec3<f32>) -> f32 {
  var light = 1.0;
  var t = f32(kPixel);
  for (var i = 0; i < kShadowSteps; i++) {
    let over = here + sun.z * t - land(at + sun.xy * t);
    if (over < -0.2) { return 0.0; }
    light = min(light, 0.5 + 6.0 * over / t);
    t *= 1.35;
  }
  return clamp(light, 0.0, 1.0);
}

fn ambient(at: vec2<f32>, here: f32) -> f32 {
  var open = 0.0;
  for (var i = 0; i < kRays; i++) {
    let angle = 6.2831853 * f32(i) / f32(kRays);
    let way = vec2<f32>(cos(angle), sin(angle));
    var highest = 0.0;
    for (var j = 1; j <= 3; j++) {
      let far = kPixel * 2.0 * f32(j);
      highest = max(highest, (land(at + way * far) - here) / far);
    }
    open += 1.0 / (1.0 + highest);
  }
  return open / f32(kRays);
}

fn colour(height: f32, steep: f32) -> f32 {
  let place = clamp(height, 0.0, 0.999) * 15.0;
  let i = i32(place);
  let level = mix(palette[i], palette[i + 1], place - f32(i));
  return mix(level, 0.35, clamp(steep * 1.4 - 0.4, 0.0, 1.0));
}

fn toneMapped(x: f32) -> f32 { return clamp((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14), 0.0, 1.0); }

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let pixel = id.xy;
  if (pixel.x >= params.width || pixel.y >= params.height) { return; }
  let at = vec2<f32>(pixel) * kPixel;
  let sun = normalize(vec3<f32>(0.6, 0.35, 0.55));
  let here = eroded(at);
  let normal = normalAt(at, here);
  let direct = max(dot(normal, sun), 0.0) * shadow(at, here, sun);
  let light = 0.95 * direct + 0.35 * ambient(at, here);
  var value = colour(here, 1.0 - normal.z) * light;
  if (here < params.water) {
    let depth = params.water - here;
    let wave = 0.5 + 0.5 * sin(40.0 * at.x + 9.0 * noise(at * 6.0).x + 2.0 * params.time);
    value = mix(value, 0.16 + 0.05 * wave, 1.0 - exp(-9.0 * depth));
  }
  let mist = exp(-4.0 * max(here - params.water, 0.0)) * ridges(at * 0.4 + vec2<f32>(0.1 * params.time, 0.0));
  picture[pixel.y * params.width + pixel.x] = toneMapped(mix(value, 0.8, 0.25 * mist));
}
