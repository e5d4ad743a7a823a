// DrawList::ShapeItem.
struct Shape {
  vec2 centre, extent, axis;  // extent: half its size along the axis and across
  float radius, border;       // border < 0: the colour runs from fill at the top to edge at the bottom
  uint fill, edge;
  float soft, grow;
};
layout(std430, set = 0, binding = 0) readonly buffer Shapes { Shape shapes[]; };
