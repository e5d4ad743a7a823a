// What others cost is for those who may see everything.
'use strict';
const { figuresFor } = require('../../../lib/rpc/handlers/plain');
const { getMetrics } = require('../../../lib/rpc/handlers/service');

const kSum = { jobs: 1, seconds: 1, cost: 1 };
const kFigures = {
  totalContexts: 2,
  costs: {
    currency: 'EUR',
    day: kSum,
    byCaller: { alice: kSum },
    byToken: { a: kSum },
    byModel: { m: kSum },
    budgets: [{}],
  },
};
const caller = (...scopes) => ({ client: 'bob', allows: (scope) => scopes.includes(scope) });

test('a token that may read sees what all cost together, and nobody by name', async () => {
  const seen = await getMetrics({ manager: { getMetrics: async () => kFigures } }, {}, { caller: caller('read') });
  expect(JSON.stringify(seen)).not.toMatch(/alice|"a"/);
  expect(seen).toMatchObject({
    totalContexts: 2,
    costs: { day: kSum, byModel: { m: kSum }, byCaller: {}, budgets: [] },
  });
  expect(kFigures.costs.byCaller).toEqual({ alice: kSum }); // what all share is as it was
});

test('an admin sees it, and who has no costs sees none', () => {
  expect(figuresFor(kFigures, caller('read', 'admin'))).toBe(kFigures);
  expect(figuresFor({ totalContexts: 1 }, caller('read'))).toEqual({ totalContexts: 1 });
});
