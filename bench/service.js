// The service over WebSockets, beside the same calls in process: `npm run bench:service [-- --json] [--quick] [--only
// name]... [--rows 100000] [--messages 100000]`, after the build. Clients are processes of their own.
'use strict';
require('./service/index').main(process.argv.slice(2));
