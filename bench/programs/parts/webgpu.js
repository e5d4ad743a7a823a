// The same shader in WGSL by the npm package webgpu (Dawn).
'use strict';
const { middle } = require('../sources');
const { watchingLoop } = require('../loop');
const { now, median } = require('../../stats');

async function openDevice() {
  const { create, globals } = require('../../node_modules/webgpu');
  Object.assign(globalThis, globals);
  const dawn = create([]),
    adapter = await dawn.requestAdapter();
  if (!adapter) throw new Error('no adapter');
  return { dawn, adapter, device: await adapter.requestDevice() };
}

function makeBuffers(device) {
  const { width, height, palette, time, water } = middle,
    bytes = width * height * 4;
  const buffer = (size, usage) => device.createBuffer({ size, usage });
  const buffers = {
    palette: buffer(palette.byteLength, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST),
    picture: buffer(bytes, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC),
    params: buffer(16, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST),
    staging: buffer(bytes, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST),
  };
  const params = new DataView(new ArrayBuffer(16));
  [width, height].forEach((value, i) => params.setUint32(4 * i, value, true));
  [time, water].forEach((value, i) => params.setFloat32(8 + 4 * i, value, true));
  return { ...buffers, paramBytes: params.buffer, bytes };
}

async function dispatch(device, pipeline, buffers) {
  const { width, height, palette } = middle;
  device.queue.writeBuffer(buffers.palette, 0, palette);
  device.queue.writeBuffer(buffers.params, 0, buffers.paramBytes);
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [buffers.palette, buffers.picture, buffers.params].map((buffer, binding) => ({
      binding,
      resource: { buffer },
    })),
  });
  const encoder = device.createCommandEncoder(),
    pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(Math.ceil(width / 8), Math.ceil(height / 8));
  pass.end();
  encoder.copyBufferToBuffer(buffers.picture, 0, buffers.staging, 0, buffers.bytes);
  device.queue.submit([encoder.finish()]);
  await buffers.staging.mapAsync(GPUMapMode.READ);
  const picture = new Float32Array(buffers.staging.getMappedRange().slice(0));
  buffers.staging.unmap();
  return picture;
}

let held; // the process crashes in Dawn when these are collected while the device lives

async function measure({ later }) {
  const { dawn, adapter, device } = await openDevice(),
    buffers = makeBuffers(device),
    times = { later: [] };
  held = [dawn, adapter, device];
  const timed = async (run) => {
    const from = now(),
      value = await run();
    return { value, ms: now() - from };
  };
  const { longestMs } = await watchingLoop(async () => {
    const made = await timed(() =>
      device.createComputePipelineAsync({
        layout: 'auto',
        compute: { module: device.createShaderModule({ code: middle.wgsl() }), entryPoint: 'main' },
      }),
    );
    const run = () => dispatch(device, made.value, buffers),
      first = await timed(run);
    times.compile = made.ms;
    times.first = first.ms;
    times.picture = first.value;
    times.second = (await timed(run)).ms;
    for (let i = 0; i < later; ++i) times.later.push((await timed(run)).ms);
  });
  return { ...times, later: median(times.later), longestMs, device: held[1].info.description };
}

module.exports = { measure };
