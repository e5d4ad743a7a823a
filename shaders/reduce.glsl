// Sums and maxima over a workgroup; every thread gets the same result. A group that is one subgroup (software drivers)
// needs no barrier: both sides of the test are constants when the pipeline is made.
shared float groupScratch[64];  // at most 256 threads in subgroups of 4

#define GROUP_REDUCE(name, subgroupOp, join, start)                                  \
  float name(float v) {                                                              \
    v = subgroupOp(v);                                                               \
    if (gl_WorkGroupSize.x <= gl_SubgroupSize) return v;                             \
    barrier();                                                                       \
    if (subgroupElect()) groupScratch[gl_SubgroupID] = v;                            \
    barrier();                                                                       \
    float all = start;                                                               \
    for (uint i = 0; i < gl_NumSubgroups; ++i) all = join(all, groupScratch[i]);     \
    return all;                                                                      \
  }
float joinSum(float a, float b) { return a + b; }
float joinMax(float a, float b) { return b > a ? b : a; }
float joinMin(float a, float b) { return b < a ? b : a; }
GROUP_REDUCE(groupSum, subgroupAdd, joinSum, 0.0)
GROUP_REDUCE(groupMax, subgroupMax, joinMax, -INFINITY)  // of values that are no NaN
GROUP_REDUCE(groupMin, subgroupMin, joinMin, INFINITY)
bool groupAny(bool v) { return groupMax(v ? 1.0 : 0.0) > 0.5; }

