// The direction of JavaScript's imports: rooms of lib/ from the top down, each with the rooms that it may require. What
// a room requires of another is its face, index.js. Modules that are required lazily count like the others.
'use strict';

const kBase = ['core'];
const kCall = [...kBase, 'addon', 'config'];
const kProgram = [...kCall, 'call'];
const kMiddle = [...kProgram, 'program', 'pressure'];
const kCluster = [...kMiddle, 'metrics', 'context', 'operations', 'result-cache', 'tracing'];
const kText = [...kCluster, 'cluster'];
const kMemory = [...kText, 'text'];
const kExchange = [...kCall, 'call'];
const kRpc = [...kMemory, 'memory', 'exchange'];
const kService = [...kRpc, 'rpc', 'client']; // which the page that it serves runs
const kMayRequire = {
  cli: [...kService, 'service'],
  service: kService,
  rpc: kRpc,
  exchange: kExchange,
  memory: kMemory,
  text: kText,
  cluster: kCluster,
  metrics: kMiddle,
  context: kMiddle,
  program: kProgram,
  pressure: kBase,
  tracing: kBase,
  operations: kBase,
  'result-cache': kBase,
  call: kCall,
  addon: kBase,
  config: kBase,
  core: [],
  client: [], // of the service: it runs in browsers, too
  types: [], // declarations alone
};
// The rooms within the cluster.
const kClusterMayRequire = {
  process: ['primary', 'worker', 'wire'],
  primary: ['wire', 'journal'],
  worker: ['wire', 'journal'],
  wire: [],
  journal: [],
};

/** A rule that forbids. */
function forbid(name, comment, from, to) {
  return { name, comment, severity: 'error', from, to };
}

const rooms = Object.entries(kMayRequire).map(([room, below]) =>
  forbid(
    `direction-of-${room}`,
    `${room} may require ${below.join(', ') || 'no other room'}`,
    { path: `^lib/${room}/` },
    { path: '^lib/[^/]+/', pathNot: `^lib/(${[room, ...below].join('|')})/` },
  ),
);
const clusterRooms = Object.entries(kClusterMayRequire).map(([room, below]) =>
  forbid(
    `direction-of-cluster-${room}`,
    `cluster/${room} may require ${below.join(', ') || 'no other room of the cluster'}`,
    { path: `^lib/cluster/${room}/` },
    { path: '^lib/cluster/', pathNot: `^lib/cluster/(${[room, ...below].join('|')})/` },
  ),
);

module.exports = {
  forbidden: [
    forbid('no-cycles', 'modules that require each other', {}, { circular: true }),
    forbid(
      'resolved',
      'a module that is not there (one that its package exports by condition is not found here)',
      {},
      { couldNotResolve: true, pathNot: '^@modelcontextprotocol/server/stdio$' },
    ),
    forbid(
      'a-known-room',
      'every room of lib/ stands in kMayRequire of .dependency-cruiser.js',
      { path: '^lib/[^/]+/', pathNot: `^lib/(${Object.keys(kMayRequire).join('|')})/` },
      {},
    ),
    forbid(
      'faces-only',
      'a room is required by its face, index.js',
      { path: '^lib/([^/]+)/' },
      { path: '^lib/[^/]+/', pathNot: '^lib/$1/|^lib/[^/]+/index\\.m?js$' },
    ),
    forbid(
      'faces-only-in-cluster',
      'a room of the cluster is required by its face, index.js',
      { path: '^lib/cluster/([^/]+)/' },
      { path: '^lib/cluster/[^/]+/', pathNot: '^lib/cluster/$1/|^lib/cluster/[^/]+/index\\.js$' },
    ),
    forbid(
      'faces-only-of-cluster',
      'a room of the cluster is required by its face, index.js',
      { path: '^lib/cluster/[^/]+\\.js$' },
      { path: '^lib/cluster/[^/]+/', pathNot: '^lib/cluster/[^/]+/index\\.js$' },
    ),
    forbid(
      'faces-only-of-index',
      'lib/index.js requires faces',
      { path: '^lib/index\\.js$' },
      { path: '^lib/[^/]+/', pathNot: '^lib/[^/]+/index\\.js$' },
    ),
    forbid(
      'index-below-service',
      'the public face lies below service and cli',
      { path: '^lib/index\\.js$' },
      { path: '^lib/(service|cli)/' },
    ),
    forbid(
      'public-face',
      'the public face is for those above it: service and cli',
      { path: '^lib/', pathNot: '^lib/(service|cli)/' },
      { path: '^lib/index\\.js$' },
    ),
    forbid('no-tests', 'lib/ needs nothing but itself', { path: '^lib/' }, { path: '^(test|tools|bench|examples)/' }),
    ...rooms,
    ...clusterRooms,
  ],
  options: { doNotFollow: { path: 'node_modules' }, exclude: { path: '\\.(node|json|d\\.ts)$' } },
};
