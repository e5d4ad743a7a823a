// When a member is ready whose contexts can't all be opened.
'use strict';
const { native } = require('../../../../lib/addon');
const { ClusterContexts } = require('../../../../lib/cluster/primary/cluster-contexts');

function setUp() {
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const said = [];
  const member = {
    workerId: 1,
    pid: 1,
    inProcess: true,
    state: 'starting',
    joinedAt: 0,
    isOpened: false,
    plan: [{ index: 0, device: 'cuda:0' }],
    devices: [{ id: 'cuda:0', backend: 'cuda', features: { graphics: false } }],
    contexts: [],
    hopeless: new Set(),
    say: (message) => said.push(message),
  };
  const onReady = jest.fn(),
    onGone = jest.fn();
  const membership = { workers: [member], tellAll() {} };
  const contexts = new ClusterContexts({ log, membership, describe: () => [], onRoom() {}, onReady, onGone });
  return { contexts, member, said, onReady, onGone };
}

const fails = (code) => ({
  type: 'context-failed',
  index: 0,
  id: '1-cuda-0',
  device: 'cuda:0',
  error: { code, message: 'no' },
});

test.each([
  ['ERR_UNSUPPORTED', false],
  ['ERR_DEVICE_LOST', true],
])('the last context that was waited for fails with %s after all were tried: the member is ready', (code, forGood) => {
  const { contexts, member, said, onReady } = setUp();
  contexts.onFailed(member, fails('ERR_OUT_OF_MEMORY'));
  expect(said).toEqual([{ type: 'reopen', index: 0 }]);
  contexts.onOpened(member);
  expect(member.state).toBe('starting');
  let goneWhenReady;
  onReady.mockImplementation(() => {
    goneWhenReady = contexts.goneFor({ contextType: '', kind: 'compute' });
  });
  const lost = jest.spyOn(native, 'lostForGood').mockReturnValue(forGood ? 'no' : undefined);
  contexts.onFailed(member, fails(code));
  lost.mockRestore();
  expect(member.state).toBe('ready');
  expect(onReady).toHaveBeenCalledTimes(1);
  expect(goneWhenReady).toBe(forGood ? 'no' : undefined);
});

test('one that fails before all were tried is not the end of it', () => {
  const { contexts, member, onReady } = setUp();
  contexts.onFailed(member, fails('ERR_UNSUPPORTED'));
  expect(onReady).not.toHaveBeenCalled();
  contexts.onOpened(member);
  expect(member.state).toBe('ready');
});
