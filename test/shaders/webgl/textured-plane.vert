#define USE_MAP
#define varying_out varying
precision highp float;
precision highp int;
uniform mat4 modelViewMatrix;
uniform mat4 projectionMatrix;
uniform mat3 normalMatrix;
attribute vec3 position;
attribute vec3 normal;
attribute vec2 uv;
#ifdef USE_MAP
varying_out vec2 vUv;
#endif
varying_out vec3 vNormal;
void main() {
  #ifdef USE_MAP
    vUv = uv;
  #endif
  vec3 transformed = vec3( position );
  vNormal = normalize( normalMatrix * normal );
  gl_Position = projectionMatrix * modelViewMatrix * vec4( transformed, 1.0 );
}
