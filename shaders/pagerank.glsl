// Rows of pagerank's layout (kernels.def): slices of kPagerankSlice, of each row four neighbours after the other.
layout(constant_id = 12) const uint kWeighted = 0;
layout(std430, set = 0, binding = 0) readonly buffer StartsBuffer { uint starts[]; };
layout(std430, set = 0, binding = 1) readonly buffer SourcesBuffer { uvec4 sources[]; };
layout(std430, set = 0, binding = 2) readonly buffer WeightsBuffer { vec4 weights[]; };
layout(std430, set = 0, binding = 3) readonly buffer SharesBuffer { float shares[]; };
layout(push_constant) uniform Push { PagerankParams p; };

// What comes in by the edges of a row: sums of fours, so that it keeps its digits. A row has at most kPagerankRow.
float sumOfRow(uint row) {
  const uint slice = row / kPagerankSlice, end = (starts[slice + 1u] - p.firstEdge) / 4u;
  float total = 0.0;
  for (uint quad = (starts[slice] - p.firstEdge) / 4u + row % kPagerankSlice; quad < end; quad += kPagerankSlice) {
    const uvec4 s = sources[quad];
    vec4 x = vec4(shares[s.x], shares[s.y], shares[s.z], shares[s.w]);
    if (kWeighted != 0u) x *= weights[quad];
    total += (x.x + x.y) + (x.z + x.w);
  }
  return total;
}
