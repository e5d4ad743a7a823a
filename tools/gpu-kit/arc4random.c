/* arc4random() for C libraries before 2.36: Debian 12's libstdc++ takes its random_device from there, and asks for no
 * more of so new a library. Loaded ahead of it (bench/kit/run.sh). */
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

__attribute__((visibility("default"))) uint32_t arc4random(void) {
  uint32_t value;
  if (getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value) abort(); /* as the library's own */
  return value;
}
