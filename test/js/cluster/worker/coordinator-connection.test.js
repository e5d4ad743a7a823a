// What a process asks of its coordinator before there is a connection.
'use strict';
const { CoordinatorConnection } = require('../../../../lib/cluster/worker/coordinator-connection');

test('a question waits for the connection, and fails with what there is none for', async () => {
  const connection = new CoordinatorConnection({});
  const settled = jest.fn();
  const asked = connection.query({ what: 'health' });
  asked.then(settled, settled);
  await new Promise(setImmediate);
  expect(settled).not.toHaveBeenCalled();
  await connection.close();
  await expect(asked).rejects.toMatchObject({ code: 'ERR_CLOSED', message: 'the manager is closed' });
  await expect(connection.query({ what: 'health' })).rejects.toMatchObject({ code: 'ERR_CLOSED' });
});
