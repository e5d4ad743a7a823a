// Runs a suite of children/cluster/ in a child process and reports its cases as tests.
'use strict';
const { runChild } = require('./run-child');
const { childProgram } = require('./paths');

/**
 * The tests of one suite: a cluster in a child process whose primary it is, its cases one after the other.
 * @param {string} name of a file of children/cluster/
 * @param {Record<string, string>} [env]
 * @param {{ limits?: string, timeout?: number }} [options] of runChild()
 */
function suite(name, env = {}, options = {}) {
  const { cases } = require(childProgram(`cluster/${name}`));
  describe(name, () => {
    let ended, results;
    beforeAll(async () => {
      ended = await runChild('cluster.js', [], { ...options, env: { ...env, SWITCHYARD_SUITE: name } });
      try {
        results = JSON.parse(ended.stdout);
      } catch {
        results = {};
      }
    });
    test.each([...Object.keys(cases), 'the end'])('%s', (title) => {
      if (!results[title])
        throw new Error(
          `it was not reached: ${JSON.stringify({ ...ended, begun: results['the beginning'] }, null, 1)}`,
        );
      if (results[title].error) throw new Error(results[title].error.replaceAll('\\n', '\n'));
    });
    test('ends by itself, quietly', () => {
      expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    });
  });
}

module.exports = { suite };
