// ESLint's rules: what neither the type checker nor Prettier sees.
'use strict';
const js = require('@eslint/js');
const globals = require('globals');
const jsdoc = require('eslint-plugin-jsdoc');

// What a test replaces while the library is at work, fake timers for example, must not stop it: such functions are
// taken as a file is loaded.
const kTimers = ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate'].map(
  (name) => ({ name, message: 'Take it from node:timers, as the file is loaded.' }),
);
const kReplaced = [
  ...kTimers,
  { name: 'queueMicrotask', message: 'soon() of lib/core does the same.' },
  { name: 'performance', message: 'nowMs() of lib/core tells the time.' },
  { name: 'structuredClone', message: 'A test may replace it.' },
];
const kReplacedProperties = [
  { object: 'process', property: 'nextTick', message: 'soon() of lib/core does the same.' },
  { object: 'process', property: 'hrtime', message: 'nowMs() of lib/core tells the time.' },
  { object: 'Date', property: 'now', message: 'nowMs() and epochMs() of lib/core tell the time.' },
];

module.exports = [
  { ignores: ['build/', 'coverage/', '**/node_modules/', 'docs/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2023, sourceType: 'commonjs', globals: globals.node },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-control-regex': 'off', // names, ids and paths are refused for their control characters
      'no-shadow': 'error',
      'no-unused-vars': [
        'error',
        { args: 'after-used', varsIgnorePattern: '^_$', caughtErrors: 'none', ignoreRestSiblings: true },
      ],
      'no-var': 'error',
      'prefer-const': ['error', { destructuring: 'all' }],
      strict: ['error', 'global'],
    },
  },
  { files: ['**/*.mjs'], languageOptions: { sourceType: 'module' }, rules: { strict: 'off' } },
  { files: ['test/js/**', 'test/recipes/**', 'test/support/**'], languageOptions: { globals: globals.jest } },
  // The WebGPU globals that its package adds.
  { files: ['bench/**'], languageOptions: { globals: { GPUBufferUsage: 'readonly', GPUMapMode: 'readonly' } } },
  {
    files: ['lib/**/*.js'],
    plugins: { jsdoc },
    settings: { jsdoc: { mode: 'typescript' } },
    rules: {
      'no-restricted-globals': ['error', ...kReplaced],
      'no-restricted-properties': ['error', ...kReplacedProperties],
      // Whatever a file exports has its shapes, units and errors beside it; private functions may.
      'jsdoc/require-jsdoc': [
        'error',
        {
          publicOnly: { cjs: true, esm: false, window: false },
          require: { FunctionDeclaration: true, ClassDeclaration: false, ArrowFunctionExpression: true },
        },
      ],
      'jsdoc/require-param': 'error',
      'jsdoc/require-param-type': 'error',
      'jsdoc/check-param-names': 'error',
      'jsdoc/check-property-names': 'error',
      'jsdoc/check-tag-names': 'error',
      'jsdoc/check-types': 'error',
      'jsdoc/require-property-type': 'error',
      'jsdoc/require-throws-type': 'error',
      'jsdoc/valid-types': 'error',
    },
  },
  // What runs in a browser: the service's page, and what its tests have that do.
  {
    files: ['lib/service/page/**', 'test/js/page/**', 'bench/page.js'],
    languageOptions: { globals: globals.browser },
  },
  // It runs in browsers, too, which have no modules of Node's.
  { files: ['lib/client/**'], rules: { 'no-restricted-globals': 'off' } },
];
