// Operations: kept results, costs, advice, complexity, overload: `npm run bench:operations [-- --json] [--quick]
// [--only name]...`, after the build.
'use strict';
require('./operations/index').main(process.argv.slice(2));
