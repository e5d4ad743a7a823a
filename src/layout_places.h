// The next .def file of layouts gives enumerators and constants: layout.h says what of. It undefines these itself.
#define LAYOUT(Layout, name) enum Layout##Place : size_t {
#define FIELD(Name, name, numbers) k##Name, k##Name##Last = k##Name + (numbers)-1,
#define GAP(Name, numbers) FIELD(Name, "", numbers)
// clang-format off
#define END(Layout) k##Layout##Numbers };
// clang-format on
#define VALUES(name)
#define VALUE(Name, name, value) constexpr auto k##Name = value;
