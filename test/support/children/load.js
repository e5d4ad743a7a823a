// Loads the package and prints the error, if any.
'use strict';
try {
  require('../../..');
} catch (error) {
  console.log(`${error.code} ${error.message}`);
  process.exitCode = 3;
}
