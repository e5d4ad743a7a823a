// Filters over metadata: read from JSON, checked against the fields that there are, evaluated to sets of rows.
#pragma once
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "vectors/columns.h"

namespace switchyard::vectors {

class Filter {
 public:
  // JSON that JavaScript has checked: { op, of: [filter] } for 'and', 'or' (one at least) and 'not' (one);
  // { op, field, value } for 'eq', 'ne', 'gt', 'gte', 'lt', 'lte' and 'exists'; { op, field, values } for 'in', 'nin'.
  explicit Filter(std::string_view json);
  ~Filter();
  Filter(Filter&&) noexcept;

  const std::set<std::string>& fields() const { return fields_; }  // that it asks for
  // Refuses (InvalidArgument) fields that none of these have, and values of kinds that a field has nowhere.
  void check(const std::vector<HeldColumns>& all) const;
  // The rows for which it holds. Of a field that a row lacks only 'ne', 'nin' and { exists: false } hold. An array is
  // equal to what one of its elements is, and in a list, greater and less likewise.
  Bits evaluate(const HeldColumns& columns, size_t rows) const;

  struct Node;

 private:
  std::unique_ptr<Node> root_;
  std::set<std::string> fields_;
};

}  // namespace switchyard::vectors
