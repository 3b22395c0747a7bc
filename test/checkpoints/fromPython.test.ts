// Files of every kind of value that Python's torch.save writes, of old ones and of some by hand: each gives what
// torch.load(file, weights_only=True) gives there, or is refused as there.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { types } from 'node:util';
import torch, { type Tensor } from 'torch-node';
import { rawBytes } from '../../lib/checkpoints/rawBytes.js';
import { native } from '../../lib/native/binding.js';
import { handleOf } from '../../lib/core/handles.js';
import { noPython, python } from '../parity/support.js';
import { settledTensors } from '../support/leaks.js';
import { itWhen } from '../support/skip.js';

interface Case {
  name: string;
  file: string;
  value?: unknown;
  error?: string;
}
const recorder = path.join(__dirname, '../parity/recordCheckpoints.py');
const recorded = JSON.parse(
  readFileSync(path.join(__dirname, '../parity/recorded/checkpoints.json'), 'utf8'),
) as Case[];
// Python's reader fails at what its own writer wrote.
const AT_FAULT = new Set(['AttributeError']);
// It reads the tables of sizes before their bytes are there: now and then it fails.
const NESTED = 'nested, as before 1.6';

const folder = mkdtempSync(path.join(tmpdir(), 'fromPython-'));
afterAll(() => rmSync(folder, { recursive: true }));
const call = (name: string, ...args: unknown[]): unknown => torch.ops.call(name, args);

/** Values as recordCheckpoints.py writes them down. */
class Describer {
  readonly #storages = new Map<number, number>();

  described(value: unknown): unknown {
    let [deep, inside] = [0, value];
    for (let items; (items = only(inside)) !== undefined; deep++) inside = items[0];
    if (deep > 100) return { deep, inside: this.described(inside) };
    if (value === null || typeof value === 'boolean') return value;
    if (typeof value === 'bigint') return { n: String(value) };
    if (typeof value === 'number') {
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) return { n: String(value) };
      const bits = Buffer.alloc(8);
      bits.writeDoubleBE(value);
      return { n: bits.toString('hex') };
    }
    if (typeof value === 'string') return { s: value };
    if (types.isUint8Array(value)) return { b: Buffer.from(value).toString('hex') };
    if (torch.isTensor(value)) return { tensor: this.tensor(value) };
    if (Array.isArray(value))
      return { [Object.isFrozen(value) ? 't' : 'l']: value.map((item) => this.described(item)) };
    if (types.isSet(value)) {
      const items = [...value].map((item) => this.described(item));
      return { set: items.sort((a, b) => (json(a) < json(b) ? -1 : 1)) };
    }
    if (!types.isMap(value) && Object.keys(value as object).join() === 're,im') {
      const { re, im } = value as { re: number; im: number };
      return { c: [this.described(re), this.described(im)] };
    }
    const entries = types.isMap(value) ? [...value] : Object.entries(value as object);
    return { d: entries.map(([key, item]) => [this.described(key), this.described(item)]) };
  }

  tensor(value: Tensor): unknown {
    const handle = value[handleOf];
    const about: Record<string, unknown> = {
      dtype: value.dtype,
      requiresGrad: value.requiresGrad,
      parameter: value.constructor.name === 'Parameter',
    };
    // Without what keeps a tensor from being cloned.
    const attributes = Object.entries(value as object)
      .filter(([, item]) => typeof item !== 'symbol')
      .sort(([a], [b]) => (a < b ? -1 : 1)) as [string, unknown][];
    if (attributes.length > 0)
      about['attributes'] = Object.fromEntries(attributes.map(([key, item]) => [key, this.described(item)]));
    const layout = layoutOf(value);
    if (layout === 'nested')
      return {
        ...about,
        nested: (call('aten::unbind.int', value, 0) as Tensor[]).map((one) => this.tensor(one)),
      };
    about['shape'] = [...value.shape];
    if (layout === 'sparse')
      return {
        ...about,
        coalesced: value.isCoalesced(),
        indices: this.tensor(call('aten::_indices', value) as Tensor),
        values: this.tensor(call('aten::_values', value) as Tensor),
      };
    if (layout.startsWith('sparse_')) {
      const rows = /sparse_(csr|bsr)/.test(layout);
      const [compressed, plain] = rows ? ['crow', 'col'] : ['ccol', 'row'];
      return {
        ...about,
        layout,
        compressed: this.tensor(call(`aten::${compressed}_indices`, value) as Tensor),
        plain: this.tensor(call(`aten::${plain}_indices`, value) as Tensor),
        values: this.tensor(call('aten::values', value) as Tensor),
      };
    }
    about['strides'] = [...value.strides];
    if (value.device === 'meta') return { ...about, meta: true };
    if (/^qu?int/.test(value.dtype)) {
      const data = (name: string): string => rawBytes(call(`aten::${name}`, value) as Tensor).toString('hex');
      const whole = fails(() => call('aten::q_scale', value)) === undefined;
      const how = whole
        ? [this.described(call('aten::q_scale', value)), this.described(call('aten::q_zero_point', value))]
        : [data('q_per_channel_scales'), data('q_per_channel_zero_points'), this.described(call('aten::q_per_channel_axis', value))]; // prettier-ignore
      const packed = /x/.test(value.dtype);
      return { ...about, how, data: packed ? storageBytes(value) : data('int_repr') };
    }
    const { address, offset } = native.storage(handle);
    if (!this.#storages.has(address)) this.#storages.set(address, this.#storages.size);
    const [conj, neg] = [value.isConj(), value.isNeg()];
    if (conj || neg) Object.assign(about, { conj, neg });
    const data = value.numel > 0 ? rawBytes(value).toString('hex') : '';
    return { ...about, storage: this.#storages.get(address), offset, data };
  }
}

function storageBytes(value: Tensor): string {
  const [memory, offset] = native.viewMemory(value[handleOf])!;
  return Buffer.from(memory, offset, native.storage(value[handleOf]).bytes).toString('hex');
}

// A tensor does not tell its layout: by what it answers.
function layoutOf(value: Tensor): string {
  const answers = (name: string): boolean => fails(() => call(name, value)) === undefined;
  if (fails(() => value.shape) !== undefined) return 'nested';
  if (fails(() => native.storage(value[handleOf])) === undefined) return 'strided';
  if (answers('aten::_indices')) return 'sparse';
  const rows = answers('aten::crow_indices');
  const blocks = (call('aten::values', value) as Tensor).ndim > 1;
  return `sparse_${blocks ? 'b' : 'c'}s${rows ? 'r' : 'c'}`;
}

function fails(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}

function only(value: unknown): unknown[] | undefined {
  if (typeof value !== 'object' || value === null || torch.isTensor(value) || ArrayBuffer.isView(value))
    return undefined;
  const items = Array.isArray(value) ? value : types.isMap(value) ? [...value.values()] : types.isSet(value) ? [] : Object.values(value); // prettier-ignore
  return items.length === 1 ? items : undefined;
}

const json = (value: unknown): string => JSON.stringify(value);

it('has enough files', () => expect(recorded.length).toBeGreaterThan(190));

it.each(recorded.map((one): [string, Case] => [one.name, one]))(
  '%s',
  async (_, { name, file, value, error }) => {
    const bytes = Buffer.from(file, 'base64');
    const at = path.join(folder, 'case.pt');
    writeFileSync(at, bytes);
    for (const source of [at, pathToFileURL(at), bytes, new Uint8Array(bytes).buffer]) {
      const read = torch.load(source);
      if (error !== undefined && !AT_FAULT.has(error) && name !== NESTED) {
        await expect(read).rejects.toMatchObject({ name: 'TorchError', operator: 'load' });
        continue;
      }
      const expected = error === undefined ? value : recorded.find((one) => `${one.name}, as before 1.6` === name)!.value; // prettier-ignore
      await torch.scope(async () => expect(new Describer().described(await read)).toEqual(expected));
    }
  },
);

it('what was read belongs to the scope', async () => {
  const before = await settledTensors();
  for (const { file } of recorded)
    await torch.scope(async () => {
      await torch.load(Buffer.from(file, 'base64')).catch(() => undefined);
    });
  expect(await settledTensors()).toBeLessThanOrEqual(before);
});

itWhen(python !== undefined, noPython)('Python gives what was recorded', () => {
  const { stdout } = spawnSync(python!, [recorder, '--print'], { encoding: 'utf8', maxBuffer: 2 ** 26 });
  const steady = ({ name }: { name: string }): boolean => name !== NESTED;
  const now = JSON.parse(stdout) as Case[];
  expect(now.filter(steady)).toEqual(recorded.filter(steady).map(({ file: __, ...one }) => one));
});
