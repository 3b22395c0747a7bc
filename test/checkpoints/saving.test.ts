// What a save takes: the values of the moment of its call, by names from objects and Maps, and nothing else in silence.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { types } from 'node:util';
import torch, { checkpoints, nn, optim, type Tensor } from 'torch-node';
import { liveTensors } from '../support/leaks.js';

const folder = mkdtempSync(path.join(tmpdir(), 'saving-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => path.join(folder, name);

type Tensors = Record<string, Tensor>;
interface Format {
  readonly save: (file: string, tensors: Tensors | Map<string, Tensor>) => Promise<void>;
  readonly load: (file: string) => Promise<Tensors>;
}
const FORMATS: Record<string, Format> = {
  'torch.save': {
    save: (file, tensors) => torch.save(tensors, file),
    load: async (file) => (await torch.load(file)) as Tensors,
  },
  saveSafetensors: {
    save: (file, tensors) => checkpoints.saveSafetensors(file, tensors),
    load: async (file) => (await checkpoints.loadSafetensors(file)).tensors,
  },
  saveNpz: {
    save: (file, tensors) => checkpoints.saveNpz(file, tensors),
    load: async (file) => checkpoints.loadNpz(file),
  },
  'saveNpz, compressed': {
    save: (file, tensors) => checkpoints.saveNpz(file, tensors, { compress: true }),
    load: async (file) => checkpoints.loadNpz(file),
  },
  saveNpy: {
    save: (file, tensors) =>
      checkpoints.saveNpy(file, types.isMap(tensors) ? tensors.get('a')! : tensors['a']!),
    load: async (file) => ({ a: await checkpoints.loadNpy(file) }),
  },
};

describe.each(Object.entries(FORMATS))(
  '%s writes the values of the moment of its call',
  (name, { save, load }) => {
    const file = at(`${name}.file`);

    // What may be done to a tensor while it is being written.
    const changes: Record<string, (tensor: Tensor) => void> = {
      filled: (tensor) => tensor.fill_(-1),
      resized: (tensor) => tensor.resize_([3]).fill_(-1),
      released: (tensor) => tensor.dispose(),
      'given other memory': (tensor) => tensor.set_(torch.zeros([4])),
      'written to through a view': (tensor) => tensor.view([-1]).narrow(0, 1, 2).zero_(),
    };
    it.each(Object.entries(changes))('%s meanwhile', async (_, change) => {
      const a = torch.arange(300_000).to('float32');
      const pending = save(file, { a });
      for (let turn = 0; turn < 5; turn++) {
        if (!a.disposed) change(a);
        await new Promise((done) => setImmediate(done));
      }
      await pending;
      const back = (await load(file))['a']!;
      expect(back.equal(torch.arange(300_000).to('float32'))).toBe(true);
    });

    it('with what is put into its object later left out', async () => {
      const tensors: Tensors = { a: torch.ones([2]) };
      const pending = save(file, tensors);
      tensors['a'] = torch.zeros([2]);
      tensors['b'] = torch.zeros([2]);
      await pending;
      const back = await load(file);
      expect(Object.entries(back).map(([key, tensor]) => [key, tensor.toArray()])).toEqual([['a', [1, 1]]]);
    });

    it('of the last of several calls', async () => {
      const value = torch.zeros([100_000]);
      const pending: Promise<void>[] = [];
      for (let step = 0; step < 8; step++) pending.push(save(file, { a: value.fill_(step) }));
      await Promise.all(pending);
      expect((await load(file))['a']!.mean().item()).toBe(7);
      expect(readdirSync(folder).filter((one) => one.endsWith('.tmp'))).toEqual([]);
    });

    it('after one that failed', async () => {
      const bad = save(file, { a: { no: 'tensor' } as unknown as Tensor, b: (() => 1) as unknown as Tensor });
      const good = save(file, { a: torch.ones([2]) });
      await expect(bad).rejects.toThrow(/cannot|expected/);
      await good;
      expect((await load(file))['a']!.toArray()).toEqual([1, 1]);
    });

    it('and keeps no tensors', async () => {
      const a = torch.ones([10]);
      const before = liveTensors();
      await save(file, { a });
      await save(at('no/such/folder'), { a }).catch(() => undefined);
      expect(liveTensors()).toBeLessThanOrEqual(before);
    });
  },
);

it('torch.save: a network goes on training while it is written, ScriptModule.save too', async () => {
  torch.manualSeed(0);
  const net = new nn.Sequential(new nn.Linear(64, 64), new nn.BatchNorm1d(64), new nn.Linear(64, 1));
  const adam = new optim.Adam(net.parameters(), { lr: 0.1 });
  const step = (): void =>
    torch.scope(() => {
      adam.zeroGrad();
      net
        .forward(torch.ones([8, 64]))
        .square()
        .mean()
        .backward();
      adam.step();
    });
  step();
  const exact = at('exact.pt');
  await torch.save({ net: net.stateDict(), adam: adam.stateDict() }, exact);
  const pending = torch.save({ net: net.stateDict(), adam: adam.stateDict() }, at('moment.pt'));
  for (let i = 0; i < 20; i++) {
    step();
    await new Promise((done) => setImmediate(done));
  }
  await pending;
  expect(readFileSync(at('moment.pt')).equals(readFileSync(exact))).toBe(true);

  const script = torch.jit.load(path.join(__dirname, '../jit/files/net.pt'));
  const bytes = Buffer.from(script.toBytes());
  const saving = script.save(at('script.pt'));
  for (const parameter of script.parameters()) torch.noGrad(() => parameter.zero_());
  await saving;
  const again = torch.jit.load(at('script.pt')).stateDict();
  const before = torch.jit.load(bytes).stateDict();
  for (const [name, tensor] of Object.entries(before)) expect(again[name]!.equal(tensor)).toBe(true);
});

describe('tensors by name', () => {
  const { saveSafetensors, encodeSafetensors, decodeSafetensors, saveNpz, loadNpz } = checkpoints;
  const t = torch.ones([2]);

  it('come from plain objects and Maps alike, in their order', async () => {
    const map = new Map([['10', t], ['2', t.mul(2)], ['b', t.mul(3)], ['a', t.mul(4)]]); // prettier-ignore
    const bytes = encodeSafetensors(map, new Map([['by', 'us']]));
    const header = bytes.toString('utf8', 8, 8 + Number(bytes.readBigUInt64LE()));
    expect([...header.matchAll(/"(\w+)":\{"dtype/g)].map(([, name]) => name)).toEqual(['10', '2', 'b', 'a']);
    const { tensors, metadata } = decodeSafetensors(bytes);
    expect(metadata).toEqual({ by: 'us' });
    expect(Object.entries(tensors).map(([name, one]) => [name, one.at(0).item()])).toEqual(
      [['10', 1], ['2', 2], ['b', 3], ['a', 4]], // prettier-ignore
    );
    await saveNpz(at('map.npz'), map);
    expect(
      Object.entries(await loadNpz(at('map.npz'))).map(([name, one]) => [name, one.at(0).item()]),
    ).toEqual(
      [['10', 1], ['2', 2], ['b', 3], ['a', 4]], // prettier-ignore
    );
    const bare = Object.assign(Object.create(null) as Tensors, { x: t });
    expect(Object.keys(decodeSafetensors(encodeSafetensors(bare)).tensors)).toEqual(['x']);
  });

  const wrong: [string, unknown, RegExp][] = [
    ['a Set', new Set([t]), /tensors: expected an object or a Map of tensors by name, got an object \(Set\)/],
    ['one tensor', t, /tensors: expected an object or a Map of tensors by name, got float32 \[2\]/],
    ['an array', [t], /expected an object or a Map of tensors by name/],
    ['a module', new nn.Linear(1, 1), /expected an object or a Map of tensors by name, got an object \(Linear\); give its stateDict\(\)/],
    ['an object of a class', new Date(), /expected an object or a Map of tensors by name/],
    ['a Float32Array', new Float32Array(2), /expected an object or a Map of tensors by name/],
    ['null', null, /expected an object or a Map of tensors by name, got null/],
    ['nothing', undefined, /expected an object or a Map of tensors by name, got undefined/],
    ['a name that is a number', new Map([[1, t]]), /the names of tensors are strings, got 1/],
    ['a nested object', { a: { b: t } }, /a: expected a Tensor, got an object \(Object\)/],
    ['a number', { a: 1 }, /a: expected a Tensor, got 1/],
    ['half a character', { '\ud800': t }, /is no text that UTF-8 can write/],
  ]; // prettier-ignore
  it.each(wrong)('are not %s', async (_, given, message) => {
    const file = at('wrong');
    await expect(saveSafetensors(file, given as Tensors)).rejects.toThrow(message);
    await expect(saveNpz(file, given as Tensors)).rejects.toThrow(message);
    expect(() => encodeSafetensors(given as Tensors)).toThrow(message);
    expect(readdirSync(folder)).not.toContain('wrong');
  });

  const words: [string, unknown, RegExp][] = [
    ['a number', { step: 3 }, /metadata 'step': expected a string, got 3/],
    ['null', { step: null }, /metadata 'step': expected a string, got null/],
    ['an object', { step: {} }, /metadata 'step': expected a string/],
    ['a tensor', { step: t }, /metadata 'step': expected a string, got float32 \[2\]/],
    ['a text', 'abc', /metadata: expected an object or a Map of strings, got 'abc'/],
    ['an array', ['abc'], /metadata: expected an object or a Map of strings/],
    ['a Set', new Set(['abc']), /metadata: expected an object or a Map of strings/],
    ['null itself', null, /metadata: expected an object or a Map of strings, got null/],
    ['a number for a name', new Map([[1, 'a']]), /the names of metadata are strings, got 1/],
    ['half a character', { a: '\udc00' }, /is no text that UTF-8 can write/],
  ];
  it.each(words)('metadata that are no texts are refused: %s', (_, given, message) => {
    expect(() => encodeSafetensors({ t }, given as Record<string, string>)).toThrow(message);
  });

  it("the name of the metadata is none of a tensor's", async () => {
    await expect(saveSafetensors(at('wrong'), { __metadata__: t })).rejects.toThrow(
      /'__metadata__' is the format's name for metadata: give the tensor another/,
    );
  });

  it('what is no file is not replaced', async () => {
    const fifo = at('fifo');
    if (spawnSync('mkfifo', [fifo]).status === 0) {
      await expect(torch.save(1, fifo)).rejects.toThrow(/it is no file but a FIFO/);
      expect(statSync(fifo).isFIFO()).toBe(true);
    }
    await expect(torch.save(1, folder)).rejects.toThrow(/it is no file but a folder/);
  });
});
