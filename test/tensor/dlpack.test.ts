// DLPack: with this package on both sides, and with another addon (dlpackPeer.c), which is compiled here, on the other.
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import torch, { utils, type Tensor } from 'torch-node';
import { collectGarbage, liveTensors, withoutLeaks } from '../support/leaks.js';
import { itWhen } from '../support/skip.js';

const { toDlpack, fromDlpack } = utils.dlpack;
const MAIN = JSON.stringify(path.resolve(__dirname, '../../dist/index.js'));

const all = {
  uint8: [1, 8],
  int8: [0, 8],
  int16: [0, 16],
  int32: [0, 32],
  int64: [0, 64],
  float16: [2, 16],
  bfloat16: [4, 16],
  float32: [2, 32],
  float64: [2, 64],
  bool: [6, 8],
  complex64: [5, 64],
  complex128: [5, 128],
} as const;
const dtypes = Object.keys(all) as (keyof typeof all)[];

function same(a: Tensor, b: Tensor): void {
  expect([b.dtype, b.shape, b.device]).toEqual([a.dtype, a.shape, a.device]);
  expect(b.equal(a)).toBe(true);
}

describe('from tensor to tensor', () => {
  it.each(dtypes)('%s', (dtype) => {
    withoutLeaks(() => {
      const whole = torch.arange(12, { dtype: 'float32' }).to(dtype).reshape(3, 4);
      const views = [whole, whole.t(), whole.narrow(1, 1, 2), whole.select(0, 1).select(0, 2)];
      views.push(whole.narrow(0, 0, 0), whole.select(0, 1).unsqueeze(0).expand([3, 4]));
      for (const view of views) {
        same(view, fromDlpack(toDlpack(view)));
        same(view, fromDlpack(view.__dlpack__({ maxVersion: [1, 2] })));
        same(view, fromDlpack(view));
      }
    });
  });

  it('shares the memory, and keeps it', () => {
    withoutLeaks(() => {
      const a = torch.zeros([4]);
      const b = torch.fromDlpack(a);
      const { bytes } = torch.memory();
      b.fill_(3);
      expect(a.toArray()).toEqual([3, 3, 3, 3]);
      a.dispose();
      expect(torch.memory().bytes).toBeLessThanOrEqual(bytes);
      expect(b.mul(2).toArray()).toEqual([6, 6, 6, 6]);
    });
  });

  it('survives that the tensor grows and moves', () => {
    withoutLeaks(() => {
      const a = torch.ones([4]);
      const [b, c] = [fromDlpack(a), fromDlpack(a)];
      a.resize_([100_000]);
      b.mul_(5);
      expect(c.toArray()).toEqual([5, 5, 5, 5]);
      b.shareMemory_();
      expect([b.isShared(), c.toArray(), b.toArray()]).toEqual([true, [5, 5, 5, 5], [5, 5, 5, 5]]);
      c.resize_([10]).fill_(1); // out of memory of another's into its own
      expect([c.sum().item(), b.toArray()]).toEqual([10, [5, 5, 5, 5]]);
    });
  });

  it('takes a capsule once', () => {
    withoutLeaks(() => {
      const capsule = toDlpack(torch.ones([2]));
      expect([capsule.name, capsule.used]).toEqual(['dltensor', false]);
      same(torch.ones([2]), fromDlpack(capsule));
      expect(capsule.used).toBe(true);
      expect(() => fromDlpack(capsule)).toThrow(/the capsule was taken before/);
      expect(() => capsule.release()).toThrow(/the capsule was taken before/);
    });
  });

  it('frees what nobody takes', async () => {
    const before = liveTensors();
    (() => {
      const capsule = torch.scope(() => toDlpack(torch.ones([1000])));
      expect(torch.memory().tensors).toBe(before + 1); // no scope ends a capsule
      expect(capsule.used).toBe(false);
    })();
    await collectGarbage();
    expect(liveTensors()).toBeLessThanOrEqual(before);
  });

  it('follows the protocol', () => {
    withoutLeaks(() => {
      const t = torch.ones([2]);
      expect(t.__dlpackDevice__()).toEqual([1, 0]);
      expect(t.__dlpack__().name).toBe('dltensor');
      expect(t.__dlpack__({ maxVersion: [0, 8] }).name).toBe('dltensor');
      expect(t.__dlpack__({ maxVersion: [1, 0], stream: -1, dlDevice: [1, 0] }).name).toBe(
        'dltensor_versioned',
      );
      const copy = fromDlpack(t.__dlpack__({ copy: true }));
      copy.fill_(7);
      expect([t.toArray(), copy.toArray()]).toEqual([
        [1, 1],
        [7, 7],
      ]);
      const asked: unknown[] = [];
      const other = fromDlpack({
        __dlpack__: (options) => {
          asked.push(options);
          return t.__dlpack__(options);
        },
        __dlpackDevice__: () => [1, 0],
      });
      other.fill_(9);
      expect([t.toArray(), asked]).toEqual([[9, 9], [{ maxVersion: [1, 0] }]]);
      const apart = fromDlpack(t, { device: 'cpu', copy: true });
      apart.fill_(0);
      expect(t.toArray()).toEqual([9, 9]);
    });
  });

  it('refuses what DLPack cannot tell of, and says what to do', () => {
    withoutLeaks(() => {
      const t = torch.ones([2]);
      const bad: [() => unknown, RegExp][] = [
        [() => toDlpack(torch.ones([2], { requiresGrad: true })), /requires a gradient.*detach\(\)/],
        [() => toDlpack(torch.eye(2).toSparse()), /sparse or a meta tensor/],
        [() => toDlpack(torch.ones([2], { device: 'meta' })), /sparse or a meta tensor/],
        [() => toDlpack(torch.ones([2]).to('complex64').conj()), /does not hold its values.*clone\(\)/],
        [() => toDlpack(3 as never), /tensor: expected a Tensor, got 3/],
        [() => t.__dlpack__({ stream: 3 }), /no streams on the cpu/],
        [() => t.__dlpack__({ dlDevice: [8, 0] }), /expected the device to be .* got \[8, 0\]/],
        [() => t.__dlpack__({ dlDevice: [2, 0], copy: false }), /without a copy the memory stays on cpu/],
        [() => fromDlpack({} as never), /expected an object with __dlpack__/],
        [() => fromDlpack(undefined as never), /expected an object with __dlpack__/],
        [() => fromDlpack(toDlpack(t), { copy: true }), /device and copy are for objects with __dlpack__/],
        [() => fromDlpack(0n), /expected the address of a DLManagedTensor/],
        [() => fromDlpack(2n ** 70n), /expected the address of a DLManagedTensor/],
        [() => fromDlpack(8n), /expected the address of a DLManagedTensor as a bigint, which .* cannot be/],
        [() => fromDlpack(2n ** 62n), /expected the address of a DLManagedTensor/],
        [() => fromDlpack(2n ** 40n + 1n), /expected the address of a DLManagedTensor/],
        [() => fromDlpack(t, { device: 'cuda:77' }), /cuda:77/],
      ];
      for (const [run, message] of bad) {
        expect(run).toThrow(message);
        expect(run).toThrow(expect.objectContaining({ name: 'TorchError' }));
      }
    });
  });
});

it('an address goes to another thread', async () => {
  const before = liveTensors();
  const t = torch.arange(3);
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
     parentPort.once('message', async (address) => {
       const { default: torch } = await import(${MAIN});
       const t = torch.fromDlpack(address, { versioned: true });
       t.mul_(2);
       parentPort.postMessage(torch.utils.dlpack.toDlpack(t.narrow(0, 1, 2)).release());
     });`,
    { eval: true },
  );
  worker.postMessage(t.__dlpack__({ maxVersion: [1, 0] }).release());
  const [address] = (await once(worker, 'message')) as [bigint];
  await worker.terminate();
  const back = fromDlpack(address);
  expect([back.toArray(), t.toArray()]).toEqual([
    [2, 4],
    [0, 2, 4],
  ]);
  back.fill_(9);
  expect(t.toArray()).toEqual([0, 9, 9]);
  for (const each of [t, back]) each.dispose();
  expect(liveTensors()).toBeLessThanOrEqual(before);
});

// ---- another addon ----

interface Peer {
  make(
    bytes: Uint8Array,
    code: number,
    bits: number,
    lanes: number,
    shape: number[],
    strides: number[] | null,
    byteOffset: number,
    versioned: boolean,
    device: number,
    major: number,
  ): bigint;
  look(address: bigint, versioned: boolean): Record<string, number | number[]>;
  poke(address: bigint, versioned: boolean, byte: number): void;
  giveBack(address: bigint, versioned: boolean): void;
  deleted(): number;
}

const root = path.resolve(__dirname, '../..');
const hasCompiler = process.platform === 'linux' && spawnSync('cc', ['--version']).status === 0;
let built: { folder: string; peer: Peer } | undefined;

function peer(): Peer {
  if (built === undefined) {
    const base = path.join(root, 'build');
    mkdirSync(base, { recursive: true });
    const folder = mkdtempSync(path.join(base, 'dlpack-peer-'));
    const file = path.join(folder, 'peer.node');
    const headers = path.join(root, 'node_modules/node-api-headers/include');
    const source = path.join(__dirname, 'dlpackPeer.c');
    execFileSync('cc', [
      '-shared',
      '-fPIC',
      '-Wall',
      '-Werror',
      '-pthread',
      '-I',
      headers,
      source,
      '-o',
      file,
    ]);
    built = { folder, peer: createRequire(__filename)(file) as Peer };
  }
  return built.peer;
}
afterAll(() => {
  if (built !== undefined) rmSync(built.folder, { recursive: true });
});

const itWithPeer: ReturnType<typeof itWhen> = itWhen(hasCompiler, 'no C compiler (cc), or not Linux');

const bytesOf = (t: Tensor): Uint8Array => {
  const { buffer, byteOffset, byteLength } = t.dataView();
  return new Uint8Array(buffer, byteOffset, byteLength).slice();
};

describe('another addon', () => {
  itWithPeer('reads what is exported', () => {
    withoutLeaks(() => {
      for (const dtype of dtypes) {
        const t = torch.arange(6, { dtype: 'float32' }).add(1).to(dtype).reshape(2, 3);
        const [code, bits] = all[dtype];
        const [first] = bytesOf(t);
        const common = { device: 1, code, bits, lanes: 1, first };
        const old = toDlpack(t).release();
        expect(peer().look(old, false)).toEqual({ ...common, shape: [2, 3], strides: [3, 1] });
        peer().giveBack(old, false);
        const turned = t
          .t()
          .narrow(1, 1, 1)
          .__dlpack__({ maxVersion: [1, 0] })
          .release();
        expect(peer().look(turned, true)).toMatchObject({ code, bits, shape: [3, 1], major: 1 });
        peer().giveBack(turned, true);
      }
    });
  });

  itWithPeer('writes to a tensor, which outlives its disposal there', () => {
    const before = liveTensors();
    const t = torch.zeros([3], { dtype: 'uint8' });
    const view = t.narrow(0, 0, 2);
    const address = toDlpack(t).release();
    t.dispose();
    peer().poke(address, false, 200);
    expect(view.toArray()).toEqual([200, 0]);
    view.dispose();
    expect(peer().look(address, false)).toMatchObject({ first: 200 });
    peer().giveBack(address, false);
    expect(liveTensors()).toBeLessThanOrEqual(before);
  });

  itWithPeer("gives a buffer of JavaScript's back from its own thread", async () => {
    const { address, gone } = (() => {
      const source = Uint8Array.of(1, 2, 3);
      const t = torch.fromBuffer(source);
      const made = { address: toDlpack(t).release(), gone: new WeakRef(source.buffer) };
      t.dispose();
      return made;
    })();
    await collectGarbage();
    expect(gone.deref()?.byteLength).toBe(3);
    expect(peer().look(address, false)).toMatchObject({ first: 1, shape: [3] });
    peer().giveBack(address, false);
    torch.ones([1]).dispose(); // what other threads gave back is let go of by the next tensor
    await collectGarbage();
    expect(gone.deref()).toBeUndefined();
  });

  itWithPeer('makes tensors, each of which is given back once', async () => {
    const start = peer().deleted();
    const make = (bytes: Uint8Array, type: readonly [number, number], rest: Partial<{ shape: number[]; strides: number[]; byteOffset: number; versioned: boolean }> = {}): bigint =>
      peer().make(bytes, type[0], type[1], 1, rest.shape ?? [2, 3], rest.strides ?? null, rest.byteOffset ?? 0, rest.versioned ?? false, 1, 1); // prettier-ignore
    withoutLeaks(() => {
      for (const dtype of dtypes) {
        for (const versioned of [false, true]) {
          const expected = torch.arange(6, { dtype: 'float32' }).to(dtype).reshape(2, 3);
          const bytes = bytesOf(expected);
          const t = fromDlpack(make(bytes, all[dtype], { versioned }), { versioned });
          same(expected, t);
          const turned = { shape: [3, 2], strides: [1, 3], versioned };
          same(expected.t(), fromDlpack(make(bytes, all[dtype], turned), { versioned }));
          const later = { shape: [2], byteOffset: (4 * all[dtype][1]) / 8, versioned };
          same(expected.flatten().narrow(0, 4, 2), fromDlpack(make(bytes, all[dtype], later), { versioned }));
          const one = { shape: [], versioned };
          same(expected.select(0, 0).select(0, 0), fromDlpack(make(bytes, all[dtype], one), { versioned }));
          const none = { shape: [0, 3], versioned };
          same(expected.narrow(0, 0, 0), fromDlpack(make(bytes, all[dtype], none), { versioned }));
        }
      }
    });
    await collectGarbage();
    expect(peer().deleted() - start).toBe(dtypes.length * 2 * 5);

    // A view, and a graph, need the memory as much as the tensor itself.
    const t = fromDlpack(make(bytesOf(torch.ones([6])), all.float32));
    const leaf = torch.full([2, 3], 2, { requiresGrad: true });
    const loss = leaf.mul(t).sum();
    t.dispose();
    expect(peer().deleted() - start).toBe(dtypes.length * 2 * 5);
    loss.backward();
    expect(leaf.grad!.toArray()).toEqual([
      [1, 1, 1],
      [1, 1, 1],
    ]);
    for (const each of [loss, leaf]) each.dispose();
    await collectGarbage();
    expect(peer().deleted() - start).toBe(dtypes.length * 2 * 5 + 1);
  });

  itWithPeer('may be another object, with the protocol', () => {
    const start = peer().deleted();
    withoutLeaks(() => {
      const source = {
        __dlpackDevice__: () => [1, 0] as const,
        __dlpack__: () => ({
          name: 'dltensor_versioned' as const,
          release: () => peer().make(Uint8Array.of(5, 6), 1, 8, 1, [2], [1], 0, true, 1, 1),
        }),
      };
      expect(fromDlpack(source).toArray()).toEqual([5, 6]);
    });
    expect(peer().deleted() - start).toBe(1);
  });

  itWithPeer('gets back what cannot be taken', () => {
    const start = peer().deleted();
    const made = (code: number, bits: number, lanes: number, device = 1): bigint =>
      peer().make(new Uint8Array(64), code, bits, lanes, [2], [1], 0, false, device, 1);
    expect(() => fromDlpack(made(2, 32, 4))).toThrow(/lanes/);
    expect(() => fromDlpack(made(9, 32, 1))).toThrow(/32|code|[Uu]nsupported/);
    expect(() => fromDlpack(made(2, 32, 1, 99))).toThrow(/device/i);
    expect(() =>
      fromDlpack(peer().make(new Uint8Array(8), 2, 32, 1, [2], [1], 0, true, 1, 9), { versioned: true }),
    ).toThrow(/version/i);
    expect(peer().deleted() - start).toBe(4);
  });
});
