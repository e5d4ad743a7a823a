// Folders that are no model, or of a kind that is not built: each its own error, which names what is wrong.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const gpu = require('../../..');
const { makeModel, tokenizerOf, writeModel, temporaryFolder } = require('../../support/text/models');

let context, root;
let folders = 0;
const spec = makeModel('bert');
const folderOf = (model = spec, options = {}) => writeModel(path.join(root, `${folders++}`), model, options);

/** In float32, which is compared with. */
const load = (folder, options) =>
  context.loadModel(folder, options === null ? options : { precision: 'float32', ...options });

beforeAll(async () => {
  root = temporaryFolder();
  context = await gpu.createContext({ device: 'cpu' });
});
afterAll(async () => {
  await context.close();
  fs.rmSync(root, { recursive: true });
});

function expectRefused(folder, code, message) {
  return expect(load(folder)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
}

/** A folder whose config.json has other keys. */
function withConfig(change, model = spec) {
  return folderOf({ ...model, config: { ...model.config, ...change } });
}

/** The same with a key renamed. */
function renamed(from, to, model = spec) {
  const { [from]: value, ...config } = model.config;
  return folderOf({ ...model, config: { ...config, [to]: value } });
}

describe('config.json', () => {
  it('with one key renamed is refused by that key, and as it was is loaded', async () => {
    const model = await load(folderOf());
    await model.close();
    for (const key of ['num_attention_heads', 'layer_norm_eps', 'hidden_act', 'intermediate_size', 'vocab_size'])
      await expectRefused(
        renamed(key, `${key}_x`),
        'ERR_UNSUPPORTED',
        new RegExp(`'${key}_x' is no key that is known`),
      );
  });

  it.each([
    [{ position_embedding_type: 'relative_key' }, /'position_embedding_type' is 'relative_key'/],
    [{ hidden_act: 'quick_gelu' }, /'hidden_act' is 'quick_gelu', but models are known here with one of gelu/],
    [{ is_decoder: true }, /'is_decoder' is true/],
    [{ pruned_heads: { 1: [0] } }, /'pruned_heads' is an object/],
    [{ chunk_size_feed_forward: 8 }, /'chunk_size_feed_forward' is 8/],
    [{ quantization_config: { bits: 4 } }, /'quantization_config'/],
    [{ auto_map: { AutoModel: 'modeling_x.X' } }, /'auto_map'/],
    [{ rotary_base: 10000 }, /'rotary_base' is no key that is known of a BERT model/],
    [{ architectures: ['LlamaModel'] }, /'architectures' is \['LlamaModel'\], but known are BertModel/],
    [{ architectures: undefined }, /'architectures' is undefined/],
    [
      { num_attention_heads: 5 },
      /'num_attention_heads' is 5, but models are known here with a divisor of the width, 32/,
    ],
    [{ layer_norm_eps: 0 }, /'layer_norm_eps' is 0/],
    [{ hidden_size: 'wide' }, /'hidden_size' is 'wide'/],
    [{ num_hidden_layers: 1e8 }, /'num_hidden_layers' is 100000000, .* a whole number from 1 to 1000/],
    [{ vocab_size: 2 ** 40 }, /'vocab_size' is 1099511627776, .* from 1 to 2147483647/],
  ])('with %p', async (change, message) => {
    await expectRefused(withConfig(change), 'ERR_UNSUPPORTED', message);
  });

  it('with keys that change nothing is taken', async () => {
    const harmless = {
      output_past: true,
      pruned_heads: {},
      is_decoder: false,
      pooler_fc_size: 768,
      _name_or_path: 'x',
    };
    const model = await load(withConfig({ ...harmless, chunk_size_feed_forward: 0, use_cache: true }));
    await model.close();
  });

  it.each([
    ['distilbert', 'n_layers'],
    ['mpnet', 'num_hidden_layers'],
    ['roberta', 'num_hidden_layers'],
  ])('of %s with more layers than there is memory for', async (family, key) => {
    const many = withConfig({ [key]: 1e8 }, makeModel(family));
    await expectRefused(many, 'ERR_UNSUPPORTED', new RegExp(`'${key}' is 100000000`));
  });

  it('of MPNet with other buckets or padding', async () => {
    const mpnet = makeModel('mpnet');
    await expectRefused(withConfig({ relative_attention_num_buckets: 64 }, mpnet), 'ERR_UNSUPPORTED', /num_buckets/);
    await expectRefused(withConfig({ pad_token_id: 0 }, mpnet), 'ERR_UNSUPPORTED', /'pad_token_id' is 0/);
  });

  it('of a cross-encoder with several labels, or an activation that is not known', async () => {
    const head = makeModel('bert', { head: true });
    const three = { id2label: { 0: 'a', 1: 'b', 2: 'c' } };
    await expectRefused(withConfig(three, head), 'ERR_UNSUPPORTED', /'id2label' has 3 labels/);
    const activation = { sentence_transformers: { activation_fn: 'my.own.Activation' } };
    await expectRefused(withConfig(activation, head), 'ERR_UNSUPPORTED', /'my.own.Activation', which is none of torch/);
  });

  it('of a cross-encoder whose logits are the scores', async () => {
    const head = makeModel('bert', { head: true });
    const identity = { sentence_transformers: { activation_fn: 'torch.nn.modules.linear.Identity' } };
    const [raw, squashed] = await Promise.all(
      [withConfig(identity, head), folderOf(head)].map((folder) => load(folder)),
    );
    const [[{ score }], [{ score: within }]] = await Promise.all(
      [raw, squashed].map((model) => model.rerank('the copy', ['a work'])),
    );
    expect(within).toBeCloseTo(1 / (1 + Math.exp(-score)), 6);
    await Promise.all([raw.close(), squashed.close()]);
  });
});

describe('the folder', () => {
  it('is not there, no folder, or no model', async () => {
    await expectRefused(path.join(root, 'nowhere'), 'ERR_NOT_FOUND', /there is no folder '.*nowhere'/);
    const file = path.join(root, 'file');
    fs.writeFileSync(file, '');
    await expectRefused(file, 'ERR_INVALID_ARGUMENT', /is no folder/);
    const empty = path.join(root, 'empty');
    fs.mkdirSync(empty);
    await expectRefused(empty, 'ERR_INVALID_ARGUMENT', /is no model's folder: it has no config.json/);
    await expectRefused('', 'ERR_INVALID_ARGUMENT', /the model is ''/);
    await expectRefused(5, 'ERR_INVALID_ARGUMENT', /the model is 5/);
    await expectRefused('https://huggingface.co/x', 'ERR_INVALID_ARGUMENT', /nothing is downloaded/);
  });

  it('has JSON that is none', async () => {
    const folder = folderOf();
    fs.writeFileSync(path.join(folder, 'config.json'), '{"hidden_size": ');
    await expectRefused(folder, 'ERR_INVALID_ARGUMENT', /config.json' is no JSON/);
    fs.writeFileSync(path.join(folder, 'config.json'), '[]');
    await expectRefused(folder, 'ERR_INVALID_ARGUMENT', /config.json' has \[\], but must have an object/);
  });

  it('has its weights in another format, or none', async () => {
    const folder = folderOf();
    fs.renameSync(path.join(folder, 'model.safetensors'), path.join(folder, 'pytorch_model.bin'));
    await expectRefused(folder, 'ERR_UNSUPPORTED', /has its weights as pytorch_model.bin, but only model.safetensors/);
    fs.rmSync(path.join(folder, 'pytorch_model.bin'));
    await expectRefused(folder, 'ERR_INVALID_ARGUMENT', /has no weights/);
  });

  it.each([
    [[{ type: 'sentence_transformers.models.CLIPModel', path: '' }], /the first module is 'CLIPModel'/],
    [[{ type: 'custom_st.Transformer', path: '' }], /module 0 is 'custom_st.Transformer', a class of its own/],
    [[{ type: 'sentence_transformers.models.Transformer', path: '' }], /a Pooling is missing/],
  ])('has modules.json with %p', async (modules, message) => {
    const folder = folderOf();
    fs.writeFileSync(path.join(folder, 'modules.json'), JSON.stringify(modules));
    await expectRefused(folder, 'ERR_UNSUPPORTED', message);
  });

  it('has modules that lead out of it', async () => {
    const folder = folderOf();
    const modules = [{ type: 'sentence_transformers.models.Transformer', path: '../..' }];
    fs.writeFileSync(path.join(folder, 'modules.json'), JSON.stringify(modules));
    await expectRefused(folder, 'ERR_INVALID_ARGUMENT', /leads out of the model's folder/);
  });

  it.each([
    [{ pooling_mode_weightedmean_tokens: true }, /'pooling_mode_weightedmean_tokens' is not built here/],
    [{ pooling_mode_mean_sqrt_len_tokens: true }, /'pooling_mode_mean_sqrt_len_tokens' is not built here/],
    [{ pooling_mode: 'attention' }, /the pooling 'attention' is not built here/],
    [{ include_prompt: false }, /'include_prompt' is false/],
    [{ pooling_mode_attention: true }, /'pooling_mode_attention' is no key that is known/],
    [{ pooling_mode: ['mean', 'cls'] }, /pooling_mode is \['mean', 'cls'\], but .* in the order cls, mean/],
  ])('has a pooling with %p', async (pooling, message) => {
    await expectRefused(folderOf(spec, { pooling }), 'ERR_UNSUPPORTED', message);
  });

  it.each([
    [{ pooling_mode_cls_token: 'true' }, /pooling_mode_cls_token is 'true', but must be true or false/],
    [{ pooling_mode_mean_tokens: 1 }, /pooling_mode_mean_tokens is 1, but must be true or false/],
    [{ pooling_mode_mean_tokens: false }, /all of its poolings are false/],
    [{ pooling_mode: ['cls', 'cls'] }, /pooling_mode has 'cls' twice/],
    [{ pooling_mode: [] }, /pooling_mode is \[\], but must be a name or several/],
    [{ pooling_mode: [1] }, /pooling_mode is \[1\], but must be a name or several/],
  ])('has a pooling that is none with %p', async (pooling, message) => {
    await expectRefused(folderOf(spec, { pooling }), 'ERR_INVALID_ARGUMENT', message);
  });

  it('has more modules than any model', async () => {
    const folder = folderOf(spec, { pooling: { pooling_mode: 'cls' } });
    const file = path.join(folder, 'modules.json');
    const modules = JSON.parse(fs.readFileSync(file, 'utf8'));
    const normalize = { type: 'sentence_transformers.models.Normalize', path: '' };
    fs.writeFileSync(file, JSON.stringify([...modules, ...new Array(15).fill(normalize)]));
    await expectRefused(folder, 'ERR_UNSUPPORTED', /modules.json' has 17 modules, but .* 16 at most/);
  });

  it('has a pooling for other widths', async () => {
    const pooling = { word_embedding_dimension: 64 };
    await expectRefused(folderOf(spec, { pooling }), 'ERR_INVALID_ARGUMENT', /it pools tokens of 64 numbers/);
  });

  it('has texts made lower case, or a task that is another', async () => {
    const { normalizer: _, ...cased } = tokenizerOf(spec);
    const sensitive = { ...spec, tokenizer: { ...cased, normalizer: null } };
    const model = await load(folderOf(sensitive, { sentence: { max_seq_length: 16, do_lower_case: true } }));
    expect(model.maxLength).toBe(16);
    const [{ embeddings: upper }, { embeddings: lower }] = [await model.embed('A COPY'), await model.embed('a copy')];
    expect(upper.data).toEqual(lower.data);
    expect(await model.count('THE COPY')).toEqual([4]);
    // The first letter is two units in lower case.
    const { spans } = await model.tokenize('İ COPY , A', { offsets: true });
    expect([...spans.subarray(2)]).toEqual([0, 1, 2, 6, 7, 8, 9, 10, 0, 0]);
    await model.close();
    const sentence = { transformer_task: 'fill-mask' };
    await expectRefused(folderOf(spec, { sentence }), 'ERR_UNSUPPORTED', /'transformer_task' is 'fill-mask'/);
    const prompts = { query_length: 32 };
    await expectRefused(folderOf(spec, { sentence: prompts }), 'ERR_UNSUPPORTED', /'query_length' is no key/);
  });
});

describe('a folder that is changed while it is loaded', () => {
  it.each(['model.safetensors', 'tokenizer.json', 'config.json'])('is refused by its file %s', async (name) => {
    const folder = folderOf();
    const file = path.join(folder, name);
    const replace = () => {
      fs.copyFileSync(file, `${file}.new`);
      fs.renameSync(`${file}.new`, file);
    };
    const loading = load(folder, { onProgress: ({ step }) => step === 'digest' && replace() });
    await expect(loading).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringMatching(new RegExp(`${name}' was changed while the model was loaded`)),
    });
    const again = await load(folder);
    await again.close();
  });

  it('keeps nothing of it', async () => {
    const folder = folderOf();
    const file = path.join(folder, 'model.safetensors');
    const before = process.env.SHADER_CACHE_DIR;
    const cache = (process.env.SHADER_CACHE_DIR = path.join(root, 'cache'));
    try {
      // Between the digest and the packing.
      const run = jest.spyOn(context, 'run').mockImplementationOnce((...args) => {
        fs.utimesSync(file, 1, 1);
        return context.run(...args);
      });
      const loading = load(folder, { precision: 'int8' });
      await expect(loading).rejects.toMatchObject({ message: expect.stringMatching(/was changed while/) });
      run.mockRestore();
      const kept = fs.existsSync(cache) ? fs.readdirSync(cache, { recursive: true }) : [];
      expect(kept.filter((name) => fs.statSync(path.join(cache, name)).isFile())).toEqual([]);
    } finally {
      if (before === undefined) delete process.env.SHADER_CACHE_DIR;
      else process.env.SHADER_CACHE_DIR = before;
    }
  });
});

describe('options of loadModel()', () => {
  it.each([
    [{ precision: 'float64' }, /precision is 'float64'/],
    [{ maxLength: 0 }, /maxLength is 0/],
    [{ maxLength: 1000 }, /maxLength is 1000, but the model has positions for 24 tokens/],
    [{ contextType: 'cpu' }, /contextType is an option of a manager/],
    [{ onProgress: 1 }, /onProgress is 1/],
    [{ max_length: 8 }, /unknown option of loadModel\(\) 'max_length' \(did you mean 'maxLength'/],
    [null, /loadModel\(\)'s options are null/],
  ])('%p', async (options, message) => {
    await expect(load(folderOf(), options)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
  });

  it('tells how far it is, and ends by its signal', async () => {
    const folder = folderOf();
    const steps = [];
    const model = await load(folder, { onProgress: (event) => steps.push(event), maxLength: 5 });
    expect(model.maxLength).toBe(5);
    for (const step of ['digest', 'weights']) {
      const own = steps.filter((event) => event.step === step);
      expect(own.at(-1).loaded).toBe(own.at(-1).total);
    }
    await model.close();
    const signal = AbortSignal.abort();
    await expect(load(folder, { signal })).rejects.toMatchObject({ code: 'ERR_CANCELED' });
    const controller = new AbortController();
    const loading = load(folder, { signal: controller.signal, onProgress: () => controller.abort() });
    await expect(loading).rejects.toMatchObject({ code: 'ERR_CANCELED' });
    const again = await load(folder);
    expect((await again.embed('a')).tokens).toEqual([3]);
    await again.close();
  });
});

describe('close()', () => {
  it('of one holder leaves the others theirs', async () => {
    const folder = folderOf();
    const [a, b] = await Promise.all([load(folder), load(folder, { maxLength: 4 })]);
    expect(a.digest).toBe(b.digest);
    expect([a.maxLength, b.maxLength]).toEqual([24, 4]);
    const { weights } = a.memory;
    const all = Object.values(spec.tensors).reduce((sum, { data }) => sum + 4 * data.length, 0);
    expect([weights, b.memory.weights]).toEqual([all, all]);
    await a.close();
    await a.close();
    expect([a.closed, a.memory.weights]).toEqual([true, 0]);
    await expect(a.embed('a')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(() => a.decode([1])).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    expect((await b.embed('a')).tokens).toEqual([3]);
    await b.close();
  });

  it('waits for what runs', async () => {
    const model = await load(folderOf());
    const running = Array.from({ length: 20 }, () => model.embed(new Array(50).fill('the copy of a work')));
    const closed = model.close();
    const results = await Promise.all(running);
    for (const { embeddings } of results) expect(embeddings.shape).toEqual([50, 32]);
    await closed;
  });

  it('of the context ends what its models are given', async () => {
    const own = await gpu.createContext({ device: 'cpu' });
    const model = await own.loadModel(folderOf());
    await own.close();
    await expect(model.embed('a')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await model.close();
    await expect(own.loadModel(folderOf())).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  it('of a model on a context of its own closes that', async () => {
    const model = await gpu.loadModel(folderOf());
    expect((await model.embed('a')).tokens).toEqual([3]);
    await model.close();
    await expect(gpu.loadModel(path.join(root, 'nowhere'))).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
  });
});
