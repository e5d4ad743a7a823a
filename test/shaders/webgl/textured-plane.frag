#define USE_MAP
#define saturate( a ) clamp( a, 0.0, 1.0 )
#define RECIPROCAL_PI 0.31830988618
#define sampleMap( m, at ) texture2D( m, \
                                      at )
#define OUTPUT gl_FragColor
precision highp float;
uniform vec3 diffuse;
uniform float opacity;
uniform mat3 normalMatrix;
#ifdef USE_MAP
varying vec2 vUv;
uniform sampler2D map;
#endif
varying vec3 vNormal;
vec4 linearToOutput( in vec4 value ) {
  return vec4( mix( pow( value.rgb, vec3( 0.41666 ) ) * 1.055 - vec3( 0.055 ), value.rgb * 12.92,
                    vec3( lessThanEqual( value.rgb, vec3( 0.0031308 ) ) ) ), value.a );
}
void main() {
  vec4 diffuseColor = vec4( diffuse, opacity );
  #ifdef USE_MAP
    vec4 texelColor = sampleMap( map, vUv );
    diffuseColor *= texelColor;
  #endif
  float lit = saturate( dot( normalize( vNormal ), normalize( vec3( 0.3, 0.5, 0.8 ) ) ) ) * RECIPROCAL_PI * 3.0;
  OUTPUT = linearToOutput( vec4( diffuseColor.rgb * lit, diffuseColor.a ) );
}
