// Draws the drawings of test/shaders/webgl with our own renderer, on whichever Vulkan driver this process finds, and
// writes each as raw RGBA to a folder: node webgl-pictures.js <folder>
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const gpu = require('../../..');
const { drawingNames, loadDrawing } = require('../../reference/webgl');

const kBlends = { none: 'none', alpha: 'alpha', premultiplied: 'premultiplied', add: 'additive' };

// A strip as triangles by themselves.
function unrolled({ data, components }, count) {
  const rolled = [];
  for (let i = 0; i + 2 < count; ++i)
    for (const vertex of i % 2 ? [i + 1, i, i + 2] : [i, i + 1, i + 2])
      rolled.push(...data.subarray(vertex * components, (vertex + 1) * components));
  return Float32Array.from(rolled);
}

function workloadOf(drawing, shader) {
  const isStrip = drawing.primitive === 'triangle-strip';
  const attributes = {},
    uniforms = {};
  for (const [name, attribute] of Object.entries(drawing.attributes))
    attributes[name] = isStrip ? unrolled(attribute, drawing.count) : attribute.data;
  for (const [name, value] of Object.entries(drawing.uniforms))
    uniforms[name] = value.data
      ? { data: value.data, shape: [value.height, value.width, 4], dtype: 'uint8', filter: value.filter }
      : value.length === 1
        ? value[0]
        : value;
  return {
    type: 'render',
    shader,
    width: drawing.width,
    height: drawing.height,
    primitive: isStrip ? 'triangles' : drawing.primitive,
    count: isStrip ? (drawing.count - 2) * 3 : drawing.count,
    attributes,
    uniforms,
    blend: kBlends[drawing.blend],
    background: drawing.background,
    antialias: false,
  };
}

async function main(folder) {
  const context = await gpu.createContext({ device: 'vulkan' });
  for (const name of drawingNames()) {
    const drawing = loadDrawing(name);
    const shader = await context.compileShader(name, drawing.vertex, drawing.fragment);
    const { outputs } = await context.run(workloadOf(drawing, shader));
    fs.writeFileSync(path.join(folder, `${name}.rgba`), outputs.image.data);
  }
  console.log(context.device.name);
  await context.close();
}

main(process.argv[2]).catch((error) => {
  console.error(error.log ? `${error.message}\n${error.log}` : error);
  process.exitCode = 1;
});
