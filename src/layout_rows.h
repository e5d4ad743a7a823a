// The next .def file of layouts gives the rows of a table of LayoutRow: layout.h says what of. It undefines these
// itself.
#define LAYOUT(Layout, name) {name, nullptr, 0},
#define FIELD(Name, name, numbers) {nullptr, name, static_cast<double>(k##Name)},
#define GAP(Name, numbers)
#define END(Layout) {nullptr, "numbers", static_cast<double>(k##Layout##Numbers)},
#define VALUES(name) {name, nullptr, 0},
#define VALUE(Name, name, value) {nullptr, name, static_cast<double>(k##Name)},
