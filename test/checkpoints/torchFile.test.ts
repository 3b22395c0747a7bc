// torch.save and torch.load: files of Python's, files for Python, and files that are neither.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import torch, { nn, type DType, type Tensor } from 'torch-node';
import { Call, Global, pickle } from '../../lib/checkpoints/pickle/writer.js';
import { zip } from '../../lib/files/zipWriter.js';
import { noPython, python } from '../parity/support.js';
import { liveTensors } from '../support/leaks.js';
import { itWhen } from '../support/skip.js';

const folder = mkdtempSync(path.join(tmpdir(), 'torchFile-'));
const fromPython = path.join(__dirname, 'files', 'python.pt');
const file = path.join(folder, 'ours.pt');

describe('a file of Python', () => {
  it('gives its values', async () => {
    const value = (await torch.load(fromPython)) as Record<string, unknown>;
    expect(value).toMatchObject({
      tuple: [1, 2.5, null, true, 'häuser'],
      list: [1, [2]],
      set: new Set([1, 2]),
      bytes: new Uint8Array([0, 255]),
      size: [1, 2],
      dtype: 'float32',
      device: 'cuda:1',
      integers: [0, 255, 256, 65536, -1, -129, 2 ** 31, -(2 ** 31), 9007199254740992n, 2n ** 70n, -(2n ** 70n)],
      floats: [0.5, -0, 1e300, Infinity],
      numbered: new Map([[0, 'a'], [1, 'b']]),
    }); // prettier-ignore
    expect(Object.isFrozen(value['tuple'])).toBe(true);
    expect(Object.isFrozen(value['list'])).toBe(false);
    expect(Object.keys(value)).toContain('__proto__');
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it('gives its tensors, which share what they shared', async () => {
    const value = (await torch.load(fromPython)) as Record<string, Tensor> & { dtypes: Tensor[] };
    const dtypes: DType[] = [
      'bool', 'uint8', 'int8', 'int16', 'int32', 'int64', 'float16', 'bfloat16', 'float32', 'float64', 'complex64', 'complex128',
    ]; // prettier-ignore
    expect(value.dtypes.map(({ dtype, shape }) => [dtype, shape])).toEqual(dtypes.map((dtype) => [dtype, [2, 2]])); // prettier-ignore
    for (const each of value.dtypes) expect(each.to('int64').toArray()).toEqual([[0, 1], [1, 0]]); // prettier-ignore
    const { base, view, leaf, parameter, scalar, none, expanded } = value;
    expect([base!.shape, view!.shape, view!.strides]).toEqual([[3, 4], [3, 3], [1, 4]]); // prettier-ignore
    base!.mul_(10);
    expect(view!.toArray()).toEqual([[10, 50, 90], [20, 60, 100], [30, 70, 110]]); // prettier-ignore
    expect([leaf!.requiresGrad, leaf!.isLeaf, base!.requiresGrad]).toEqual([true, true, false]);
    expect(parameter!.constructor.name).toBe('Parameter');
    expect([scalar!.item(), none!.shape, expanded!.strides]).toEqual([2.5, [0, 3], [0]]);
    const model = new nn.Sequential(new nn.Linear(2, 3));
    const { model: state } = value as unknown as { model: Record<string, Tensor> };
    model.loadStateDict({ '0.weight': state['0.weight']!, '0.bias': state['0.bias']! });
    expect(model.parameters()[0]!.equal(parameter!)).toBe(true);
  });

  it('leaves no tensors behind when it cannot be read', async () => {
    const before = liveTensors();
    const bytes = readFileSync(fromPython);
    writeFileSync(file, bytes.subarray(0, bytes.length - 30));
    await expect(torch.load(file)).rejects.toThrow(/ours\.pt cannot be read: /);
    const damaged = Buffer.from(bytes);
    damaged[damaged.indexOf(Buffer.from(new Float32Array([0, 1, 2, 3]).buffer))]! ^= 1;
    writeFileSync(file, damaged);
    await expect(torch.load(file)).rejects.toThrow(/damaged \(its checksum is wrong\)/);
    expect(liveTensors()).toBeLessThanOrEqual(before);
  });
});

describe('a file of ours', () => {
  it('comes back as it was', async () => {
    const base = torch.arange(12).reshape(3, 4);
    const shared = [1, 2];
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const value = {
      a: base,
      b: base.t().at(torch.slice(1)),
      parameter: new nn.Parameter(torch.ones([2])),
      half: torch.ones([2]).to('bfloat16'),
      conjugate: (torch.ops.call('aten::_conj', [torch.tensor(new Float32Array([1])).to('complex64')]) as Tensor).mul(2),
      shared: [shared, shared],
      cycle,
      map: new Map<unknown, unknown>([[1, 'one'], ['1', 'text'], [true, null]]),
      numbers: [0, -0, 1.5, NaN, 2 ** 40, -(2 ** 40), 2n ** 100n, -(2n ** 63n)],
      ['__proto__']: 1,
      long: 'x'.repeat(300),
      many: Array.from({ length: 300 }, (_, i) => `name ${i}`),
    }; // prettier-ignore
    await torch.save(value, file);
    const back = (await torch.load(file)) as typeof value;
    expect(back.numbers).toEqual(value.numbers);
    expect(back.map).toEqual(value.map);
    expect([back.many, back.long]).toEqual([value.many, value.long]);
    expect(back.shared[0]).toBe(back.shared[1]);
    expect(back.cycle[0]).toBe(back.cycle);
    expect([back.parameter.requiresGrad, back.half.dtype]).toEqual([true, 'bfloat16']);
    back.a.zero_();
    expect(back.b.sum().item()).toBe(0);
  });

  it('has the state of optimizers under numbers, and other keys as the texts that they are', async () => {
    const optimizer = { state: { 0: { step: 1 }, 1: {} }, param_groups: [{ params: [0, 1] }] };
    await torch.save({ optimizer, list: { 0: 'first' } }, file);
    expect(await torch.load(file)).toEqual({
      optimizer: { ...optimizer, state: new Map<number, unknown>([[0, { step: 1 }], [1, {}]]) },
      list: { 0: 'first' },
    }); // prettier-ignore
  });

  it('keeps the permissions of the file that it takes the place of', async () => {
    writeFileSync(file, '');
    chmodSync(file, 0o640);
    await torch.save({ a: 1 }, file);
    expect(statSync(file).mode & 0o777).toBe(0o640);
  });

  it('takes the place of the old one at once, or not at all', async () => {
    await torch.save({ a: 1 }, file);
    await expect(torch.save({ a: 1, b: [{ c: () => 1 }] }, file)).rejects.toThrow(
      /ours\.pt cannot be written: b\[0\]\.c is a function, which a checkpoint cannot hold/,
    );
    await expect(torch.save({ when: new Date() }, file)).rejects.toThrow(/when is an object of class Date/);
    await expect(torch.save({ a: 2 }, path.join(folder, 'no', 'folder.pt'))).rejects.toThrow(/ENOENT/);
    expect(await torch.load(file)).toEqual({ a: 1 });
    const link = path.join(folder, 'link.pt');
    symlinkSync(file, link);
    await torch.save({ a: 3 }, link);
    expect(await torch.load(file)).toEqual({ a: 3 });
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  itWhen(python !== undefined, noPython)('opens in Python with weights_only', async () => {
    const net = new nn.Sequential(new nn.Linear(2, 3), new nn.ReLU(), new nn.Linear(3, 1));
    await torch.save({ net: net.stateDict(), epoch: 3, lr: 0.1, t: Object.freeze([1, 'x']), map: new Map([[0, 'a']]) }, file); // prettier-ignore
    const program =
      'import torch, sys; v = torch.load(sys.argv[1], weights_only=True); m = torch.nn.Sequential(torch.nn.Linear(2, 3), ' +
      'torch.nn.ReLU(), torch.nn.Linear(3, 1)); m.load_state_dict(v.pop("net")); print(v); print(float(m(torch.ones(1, 2)).double()))';
    const lines = execFileSync(python!, ['-c', program, file], { encoding: 'utf8' }).trim().split('\n');
    expect(lines[0]).toBe(`{'epoch': 3, 'lr': 0.1, 't': (1, 'x'), 'map': {0: 'a'}}`);
    expect(Number(lines[1])).toBeCloseTo(net.forward(torch.ones([1, 2])).item(), 6);
  });
});

describe('a pickle that asks for more than values', () => {
  const archive = async (data: Buffer): Promise<string> => {
    writeFileSync(
      file,
      await zip([
        { name: 'a/data.pkl', data },
        { name: 'a/version', data: Buffer.from('3\n') },
      ]),
    );
    return file;
  };

  it.each([
    ['posix', 'system'],
    ['builtins', 'eval'],
    ['torch.nn.modules.linear', 'Linear'],
    ['torch._utils', '_rebuild_wrapper_subclass'],
    ['torch._utils', '_rebuild_device_tensor_from_numpy'],
    ['constructor', 'prototype'],
  ])('is refused: %s.%s', async (module, name) => {
    const call = new Call(new Global(module, name), ['touch /tmp/owned']);
    const data = pickle([{}], { encode: (value) => (Array.isArray(value) ? null : call) });
    await expect(torch.load(await archive(data))).rejects.toThrow(
      new RegExp(`it asks for ${module.replaceAll('.', '\\.')}\\.${name}, which is not on the list`),
    );
  });

  it.each([
    ['nothing', '', /ends at 0/],
    ['no stop', '\x80\x02N', /ends at 3/],
    ['an unknown operation', '\x80\x02\xff.', /operation 0xff at 2/],
    ['INST', '\x80\x02(iposix\nsystem\n.', /operation 0x69/],
    ['NEWOBJ', '\x80\x02N)\x81.', /calls something that is no function/],
    ['a protocol to come', '\x80\x09N.', /protocol 9/],
    ['no value', '\x80\x02.', /lacks its values/],
    ['a mark for a value', '\x80\x02(.', /lacks its values/],
    ['a text beyond the end', '\x80\x02X\xff\xff\xff\x7fab.', /ends at/],
    ['a call of a text', '\x80\x02X\x01\x00\x00\x00a)R.', /calls something that is no function/],
    ['what was never named', '\x80\x02h\x05.', /refers to a value 5/],
    ['items of a list', '\x80\x02]NNs.', /items of what is no dictionary/],
    ['a tuple that grows', '\x80\x02)Na.', /appends to what is no list/],
    ['a tensor without a storage', '\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(NK\x00)) \x89Nt', /0x20/],
    ['values left over', '\x80\x02NN.', /left over/],
    ['no UTF-8', '\x80\x02X\x01\x00\x00\x00\xff.', /not UTF-8/],
  ])('is refused: %s', async (_, codes, message) => {
    await expect(torch.load(await archive(Buffer.from(codes, 'latin1')))).rejects.toThrow(message);
  });

  it('is read when it is nested deeper than JavaScript can follow', async () => {
    const codes = `\x80\x02${']'.repeat(200_000)}${'a'.repeat(199_999)}.`;
    let depth = 0;
    for (let one = await torch.load(await archive(Buffer.from(codes, 'latin1'))); one !== undefined; depth++)
      one = (one as unknown[])[0];
    expect(depth).toBe(200_000);
  });
});

describe('a file that is none', () => {
  it('is refused with the reason', async () => {
    const cases: [Buffer, RegExp][] = [
      [Buffer.from('no zip at all'), /none of the formats that torch\.save writes/],
      [Buffer.alloc(0), /it is empty/],
      [Buffer.from('\x80\x02N.', 'latin1'), /does not begin with the number/],
      [await zip([{ name: 'a/b', data: Buffer.from('c') }]), /it has no data\.pkl in its folder/],
      [await zip([{ name: 'a/data.pkl', data: Buffer.from('') }, { name: 'a/constants.pkl', data: Buffer.from('') }, { name: 'a/version', data: Buffer.from('3') }]), /TorchScript archive/],
      [await zip([{ name: 'a/data.pkl', data: Buffer.alloc(100_000) }], { compress: true }), /compressed/],
    ]; // prettier-ignore
    for (const [bytes, message] of cases) {
      writeFileSync(file, bytes);
      await expect(torch.load(file)).rejects.toThrow(message);
    }
    await expect(torch.load(path.join(folder, 'none.pt'))).rejects.toThrow(/ENOENT/);
  });
});
