#include "../conformance.h"
namespace switchyard::test {
void addForceLayoutCases(CaseList&) {}
}  // namespace switchyard::test
