// Traces of jobs, by OpenTelemetry: nothing of it is loaded where nobody has asked for spans.
'use strict';
const { tracingOf, within, flushTraces } = require('./tracing');

module.exports = { tracingOf, within, flushTraces };
