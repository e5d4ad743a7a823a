// The public types, as the compiler sees them: never run, only checked. A line under @ts-expect-error must be refused.
import gpu = require('../../../lib/index');
import { createContext, tensor, devices, checkGPUCapabilities, GPUError } from '../../../lib/index';
import type { GPUContext, DeviceTensor, Tensor, RunResult, DeviceInfo, GraphWorkload } from '../../../lib/index';

export async function everything(): Promise<void> {
  const all: DeviceInfo[] = devices();
  const { cuda, problems } = await checkGPUCapabilities();
  const why: string | undefined = cuda ? undefined : problems.cuda?.remedy;
  const ctx: GPUContext = await createContext({ device: 'vulkan:0', memoryLimit: 1 << 28, threads: 2 });
  const a: Tensor<Float32Array> = tensor([
    [1, 2],
    [3, 4],
  ]);
  const half: Tensor<Uint16Array> = tensor([1, 2], undefined, 'float16');
  const held: DeviceTensor = await ctx.upload(a, { timeout: 5 });
  const moved: DeviceTensor = await ctx.upload(held);
  moved.release();
  const back: Tensor = await held.read({ into: new Float32Array(4) });

  const kernel = await ctx.compileKernel({ name: 'k', spirv: new Uint32Array(5), bindings: ['x'] });
  const y: Tensor = (
    await ctx.run(
      { type: 'kernel', kernel, inputs: { x: held }, outputs: { y: { shape: [2] } }, threads: 2 },
      { timeout: 5 },
    )
  ).outputs.y;
  void y;

  const sum = await ctx.run(
    { type: 'add', inputs: { a, b: held } },
    { signal: AbortSignal.timeout(5), timeout: 10, into: { output: new Float32Array(4) } },
  );
  const data: Tensor = sum.outputs.output;
  const top = await ctx.run({ type: 'top-k', inputs: { input: a }, params: { k: 1 } });
  const indices: Tensor = top.outputs.indices;
  const graph: GraphWorkload<'y'> = {
    type: 'graph',
    inputs: { x: a },
    outputs: ['y'],
    nodes: [{ type: 'scale', inputs: { input: 'x' }, params: { factor: 2 }, outputs: { output: 'y' } }],
  };
  const result: RunResult<'y'> = await ctx.run(graph);
  const took: number = result.timings.compute + result.timings.switch;
  try {
    await ctx.close();
  } catch (error) {
    if (error instanceof GPUError && error.code === 'ERR_TIMEOUT') await error.released;
  }

  // @ts-expect-error: no such workload
  await ctx.run({ type: 'ad', inputs: { a, b: a } });
  // @ts-expect-error: k is required
  await ctx.run({ type: 'top-k', inputs: { input: a } });
  // @ts-expect-error: an input is missing
  await ctx.run({ type: 'matmul', inputs: { a } });
  // @ts-expect-error: no such kind
  await ctx.run({ type: 'activation', inputs: { input: a }, params: { kind: 'Relu' } });
  // @ts-expect-error: there is no float64
  tensor(new Float64Array(1));
  // @ts-expect-error: no such device
  await createContext({ device: 'gpu' });
  // @ts-expect-error: contexts come from createContext()
  new gpu.GPUContext();
  // @ts-expect-error: no such code
  const wrong = new GPUError('ERR_NOTHING', '');
  void [all, why, half, back, data, indices, took, wrong];
}
