// Written by `npm run generate` from what the addon exports: do not edit. The numbers stand in .def files, which
// src/layout.h tells about.
export interface Layouts {
  limits: Readonly<Record<'rank' | 'tensors' | 'params' | 'outputs' | 'directInputs' | 'copiedApart', number>>;
  slot: Readonly<Record<'kind' | 'dtype' | 'rank' | 'extents' | 'numbers', number>>;
  slotKind: Readonly<Record<'absent' | 'host' | 'onDevice' | 'flat', number>>;
  call: Readonly<
    Record<
      | 'callId'
      | 'callWorkload'
      | 'callInline'
      | 'callTimeout'
      | 'callParams'
      | 'callInputs'
      | 'callInto'
      | 'resultId'
      | 'resultQueued'
      | 'resultUpload'
      | 'resultCompute'
      | 'resultReadback'
      | 'resultTotal'
      | 'resultCount'
      | 'resultOutputs'
      | 'startedFlops'
      | 'startedBytes'
      | 'copiedInTurn'
      | 'callAsk'
      | 'usedMemory'
      | 'reservedMemory'
      | 'peakMemory'
      | 'memoryLimit'
      | 'largestFree'
      | 'programs'
      | 'programBytes'
      | 'programHits'
      | 'programMisses'
      | 'compileMs'
      | 'progressDone'
      | 'progressTotal'
      | 'numbers',
      number
    >
  >;
  callKind: Readonly<Record<'program', number>>;
  graph: Readonly<
    Record<
      'id' | 'inputs' | 'values' | 'nodes' | 'outputs' | 'packedOffsets' | 'packedMost' | 'packedRows' | 'numbers',
      number
    >
  >;
  graphValue: Readonly<Record<'none', number>>;
  packing: Readonly<Record<'inputs', number>>;
  graphNode: Readonly<Record<'workload' | 'inputs' | 'outputs' | 'params' | 'label' | 'numbers', number>>;
  blockKind: Readonly<Record<'kernel' | 'shader', number>>;
  kernelBlock: Readonly<Record<'kind' | 'threads' | 'inputs' | 'numbers', number>>;
  kernelOutput: Readonly<Record<'binding' | 'dtype' | 'rank' | 'extents' | 'numbers', number>>;
  shaderBlock: Readonly<
    Record<
      | 'kind'
      | 'width'
      | 'height'
      | 'primitive'
      | 'vertices'
      | 'instances'
      | 'blend'
      | 'samples'
      | 'background'
      | 'inputs'
      | 'numbers',
      number
    >
  >;
  shaderInput: Readonly<Record<'kind' | 'index' | 'numbers', number>>;
  shaderInputKind: Readonly<Record<'attribute' | 'buffer' | 'image' | 'nearestImage', number>>;
  primitive: Readonly<Record<'points' | 'lines' | 'triangles', number>>;
  blend: Readonly<Record<'none' | 'alpha' | 'additive' | 'premultiplied', number>>;
  type: Readonly<
    Record<
      | 'hello'
      | 'region'
      | 'drop'
      | 'ask'
      | 'result'
      | 'assign'
      | 'done'
      | 'cancel'
      | 'text'
      | 'bye'
      | 'copied'
      | 'lack'
      | 'withheld',
      number
    >
  >;
  head: Readonly<Record<'length' | 'type' | 'numbers', number>>;
  hello: Readonly<Record<'key' | 'slot' | 'role' | 'protocol' | 'numbers', number>>;
  numbered: Readonly<Record<'number' | 'numbers', number>>;
  text: Readonly<Record<'textBytes' | 'text' | 'numbers', number>>;
  ask: Readonly<
    Record<
      | 'number'
      | 'priority'
      | 'deadline'
      | 'asked'
      | 'kind'
      | 'contextType'
      | 'affinity'
      | 'home'
      | 'retries'
      | 'flags'
      | 'workload'
      | 'flops'
      | 'bytes'
      | 'joinKey'
      | 'digest'
      | 'resident'
      | 'outputs'
      | 'memory'
      | 'own'
      | 'rows'
      | 'mostRows'
      | 'body'
      | 'numbers',
      number
    >
  >;
  askFlags: Readonly<Record<'cache' | 'lent', number>>;
  longest: Readonly<Record<'message', number>>;
  output: Readonly<Record<'region' | 'offset' | 'bytes' | 'numbers', number>>;
  assign: Readonly<Record<'context' | 'decided' | 'count' | 'jobs' | 'numbers', number>>;
  assigned: Readonly<Record<'number' | 'length' | 'body' | 'numbers', number>>;
  done: Readonly<
    Record<
      | 'number'
      | 'code'
      | 'batch'
      | 'switch'
      | 'upload'
      | 'compute'
      | 'readback'
      | 'context'
      | 'textBytes'
      | 'text'
      | 'numbers',
      number
    >
  >;
  result: Readonly<
    Record<
      | 'number'
      | 'code'
      | 'batch'
      | 'switch'
      | 'upload'
      | 'compute'
      | 'readback'
      | 'member'
      | 'context'
      | 'started'
      | 'attempts'
      | 'cached'
      | 'part'
      | 'shared'
      | 'textBytes'
      | 'text'
      | 'numbers',
      number
    >
  >;
  statusLimits: Readonly<Record<'contexts' | 'started', number>>;
  statusContext: Readonly<
    Record<
      | 'state'
      | 'localPending'
      | 'localRun'
      | 'lastUsedLocal'
      | 'selfTest'
      | 'usedBytes'
      | 'reservedBytes'
      | 'gpuUtilization'
      | 'gpuUsedBytes'
      | 'gpuTotalBytes'
      | 'gpuTemperature'
      | 'programs'
      | 'programBytes'
      | 'programHits'
      | 'programMisses'
      | 'compileMs'
      | 'localMs'
      | 'localNumber'
      | 'localCounted'
      | 'localPriority'
      | 'localDeadline'
      | 'remotePending'
      | 'remoteRun'
      | 'progress'
      | 'lost'
      | 'started'
      | 'residentBytes'
      | 'steps'
      | 'numbers',
      number
    >
  >;
  statusPage: Readonly<
    Record<
      | 'contexts'
      | 'loopBeat'
      | 'loopLag'
      | 'draining'
      | 'exited'
      | 'names'
      | 'storeBytes'
      | 'storeLimit'
      | 'executorBeat'
      | 'metrics'
      | 'numbers',
      number
    >
  >;
}
