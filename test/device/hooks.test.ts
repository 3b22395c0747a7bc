// JavaScript in the backward pass of a device: libtorch calls it from a thread of the device's, and it runs on this one. Each
// case gives what it gives on the CPU.
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import torch, { autograd, nn, utils, type Tensor } from 'torch-node';

const DEVICES = ['cuda', 'cuda:1'];

const numbers = (tensors: readonly (Tensor | null)[]): number[][] =>
  tensors.map((tensor) => [...tensor!.detach().cpu().flatten().dataSync()].map(Number));

class Square extends autograd.Function {
  static forward(ctx: autograd.FunctionContext, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    return x.mul(x);
  }
  static backward(ctx: autograd.FunctionContext, gradient: Tensor): Tensor {
    return gradient.mul(ctx.savedTensors[0]!).mul(2);
  }
}

/** What is computed on a device: numbers, and what was seen on the way. */
type Case = (device: string, seen: string[]) => number[][];

const net = (device: string): nn.Sequential => {
  torch.manualSeed(1);
  const made = new nn.Sequential(
    new nn.Linear(6, 5),
    new nn.Tanh(),
    new nn.Dropout(0.5),
    new nn.Linear(5, 2),
  );
  return made.to(device);
};
const input = (device: string): Tensor => {
  torch.manualSeed(2);
  return torch.randn([4, 6]).to(device).requiresGrad_(true);
};
/** The same random numbers on every device. */
const seeded = <T>(device: string, run: () => T): T => {
  torch.manualSeed(7);
  if (device !== 'cpu') torch.cuda.setRngState(torch.getRngState(), device);
  return run();
};

const CASES: Record<string, Case> = {
  'hooks see and replace gradients, in order': (device, seen) => {
    const x = input(device);
    const y = x.mul(2);
    const z = y.exp();
    z.registerHook((g) => void seen.push(`z ${g.device === z.device} ${g.shape.join()}`));
    y.registerHook((g) => (seen.push('y'), g.mul(3)));
    y.registerHook((g) => (seen.push('y again'), g.add(1)));
    x.registerHook(() => void seen.push('x'));
    z.sum().backward();
    return numbers([x.grad]);
  },
  'a hook that is removed is not called': (device, seen) => {
    const x = input(device);
    const handle = x.registerHook(() => void seen.push('x'));
    handle.remove();
    x.sum().backward();
    return numbers([x.grad]);
  },
  'what a hook throws is thrown by backward, and the next pass runs': (device, seen) => {
    const x = input(device);
    const y = x.mul(2);
    y.registerHook(() => {
      throw new RangeError('mine');
    });
    try {
      y.sum().backward();
    } catch (error) {
      seen.push(String(error));
    }
    x.mul(3).sum().backward();
    return numbers([x.grad]);
  },
  'modes inside a hook are those of the pass': (device, seen) => {
    const x = input(device);
    x.registerHook(() => void seen.push(`grad mode ${torch.isGradEnabled()}`));
    x.sum().backward();
    const [first] = torch.grad(x.pow(3).sum(), [x], { createGraph: true });
    first!.sum().backward();
    return numbers([x.grad]);
  },
  'a function of its own': (device) => {
    const x = input(device);
    Square.apply(x).sum().backward();
    return numbers([x.grad]);
  },
  'a function of its own, differentiated twice': (device) => {
    const x = input(device);
    const [first] = torch.grad(Square.apply(Square.apply(x)).sum(), [x], { createGraph: true });
    first!.sum().backward();
    return numbers([first!, x.grad]);
  },
  'torch.grad through hooks': (device, seen) => {
    const x = input(device);
    const y = x.mul(x);
    y.registerHook((g) => (seen.push('y'), g.mul(2)));
    return numbers(torch.grad(y.sum(), [x]));
  },
  'a backward pass inside a hook': (device, seen) => {
    const x = input(device);
    const other = input(device);
    x.registerHook((g) => {
      torch.enableGrad(() => other.pow(2).sum()).backward();
      seen.push('inside');
      return g.add(other.grad!);
    });
    x.sum().backward();
    return numbers([x.grad, other.grad]);
  },
  'three passes inside one another': (device, seen) => {
    const leaves = [0, 1, 2].map(() => input(device));
    leaves.forEach((leaf, i) =>
      leaf.registerHook((g) => {
        seen.push(`${i}`);
        const next = leaves[i + 1];
        if (next === undefined) return g;
        torch.enableGrad(() => next.mul(i + 2).sum()).backward();
        return g.add(next.grad!);
      }),
    );
    leaves[0]!.sum().backward();
    return numbers(leaves.map((leaf) => leaf.grad));
  },
  'a checkpoint, with dropout inside': (device) => {
    const model = net(device);
    const x = input(device);
    seeded(device, () =>
      utils
        .checkpoint((v: Tensor) => model.forward(v), x)
        .pow(2)
        .sum(),
    ).backward();
    return numbers([x.grad, ...model.parameters().map((p) => p.grad)]);
  },
  'checkpoints inside a checkpoint': (device) => {
    const model = net(device);
    const x = input(device);
    seeded(device, () =>
      utils
        .checkpoint((v: Tensor) => utils.checkpoint((u: Tensor) => model.forward(u).exp(), v).mul(2), x)
        .sum(),
    ).backward();
    return numbers([x.grad, ...model.parameters().map((p) => p.grad)]);
  },
  'a checkpoint refuses torch.grad': (device, seen) => {
    const model = net(device);
    const x = input(device);
    try {
      torch.grad(utils.checkpoint((v: Tensor) => model.forward(v), x).sum(), [x]);
    } catch (error) {
      seen.push((error as Error).message.split('\n')[0]!);
    }
    return [];
  },
  gradcheck: (device) => {
    torch.manualSeed(3);
    const x = torch.randn([3, 2], { dtype: 'float64' }).to(device).requiresGrad_(true);
    return [
      [Number(autograd.gradcheck((v: Tensor) => Square.apply(v).tanh(), [x]))],
      [Number(autograd.gradgradcheck((v: Tensor) => v.sin().mul(v), [x]))],
    ];
  },
  'hooks of modules': (device, seen) => {
    const model = net(device).eval();
    model.registerFullBackwardHook((_module, inputs, outputs) => {
      seen.push(`${inputs.length} ${outputs.length}`);
    });
    const x = input(device);
    model.forward(x).sum().backward();
    return numbers([x.grad]);
  },
  'a pass that goes over the CPU and back': (device, seen) => {
    const x = input(device);
    const middle = x.mul(2).cpu();
    middle.registerHook((g) => void seen.push(g.device));
    const end = middle.to(device).mul(3);
    end.registerHook((g) => void seen.push(`end ${g.device === end.device}`));
    end.sum().backward();
    return numbers([x.grad]);
  },
};

describe.each(DEVICES)('on %s as on the CPU', (device) => {
  it.each(Object.entries(CASES))('%s', (_, run) => {
    const [there, here]: [string[], string[]] = [[], []];
    const expected = torch.scope(() => run('cpu', there));
    const actual = torch.scope(() => run(device, here));
    torch.cuda.synchronize(device);
    expect(actual).toEqual(expected);
    expect(here).toEqual(there);
  });
});

it('a pass over two devices calls hooks of both', () => {
  const x = input('cuda:0');
  const seen: string[] = [];
  const a = x.mul(2);
  const b = a.to('cuda:1').exp();
  a.registerHook((g) => void seen.push(g.device));
  b.registerHook((g) => void seen.push(g.device));
  b.sum().backward();
  expect(seen).toEqual(['cuda:1', 'cuda:0']);
  const y = input('cpu');
  y.mul(2).exp().sum().backward();
  expect(numbers([x.grad])).toEqual(numbers([y.grad]));
});

it('work in a hook goes to the stream that the forward pass was on', () => {
  const stream = new torch.cuda.Stream();
  const x = input('cuda');
  torch.cuda.synchronize();
  let inside: boolean | undefined;
  const y = torch.cuda.stream(stream, () => {
    const made = x.mul(2);
    made.registerHook(() => {
      inside = torch.cuda.currentStream().equals(stream);
    });
    return made.sum();
  });
  torch.cuda.currentStream().waitStream(stream);
  y.backward();
  expect(inside).toBe(true);
  expect(torch.cuda.currentStream().equals(stream)).toBe(false);
});

it('anomaly mode names the function that failed, and where it was called', () => {
  for (const device of ['cpu', ...DEVICES]) {
    const warnings: string[] = [];
    const emitted = jest.spyOn(process, 'emitWarning').mockImplementation((text) => {
      warnings.push(String(text));
    });
    try {
      expect(() =>
        autograd.detectAnomaly(() => {
          const x = torch.tensor([-1], { dtype: 'float32', device, requiresGrad: true });
          x.registerHook(() => {});
          x.sqrt().sum().backward();
        }),
      ).toThrow(/Function 'SqrtBackward0' returned nan values in its 0th output/);
    } finally {
      emitted.mockRestore();
    }
    expect(warnings.join('\n')).toMatch(/SqrtBackward0[^]*hooks\.test\.ts/);
  }
});

const MAIN = pathToFileURL(require.resolve('../../dist/index.js')).href;

/** What a worker says whose tensor x has the hook. */
async function inWorker(hook: string, rest = ''): Promise<unknown> {
  const code = `
    import { parentPort } from 'node:worker_threads';
    const { default: torch } = await import(${JSON.stringify(MAIN)});
    const x = torch.ones([3], { device: 'cuda', requiresGrad: true });
    x.registerHook(${hook});
    x.sum().backward();
    ${rest}
  `;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
  return new Promise((resolve, reject) => {
    worker.once('message', (message) => {
      if (message === 'inside') void worker.terminate();
      else resolve(message);
    });
    worker.once('exit', (exitCode) => resolve(`ended with ${exitCode}`));
    worker.once('error', reject);
  });
}

it('a hook may end its worker, and its worker may be ended', async () => {
  expect(await inWorker('() => process.exit(3)')).toBe('ended with 3');
  expect(await inWorker(`() => { parentPort.postMessage('inside'); for (;;); }`)).toBe('ended with 1');
  const many = [1, 2, 3, 4].map(() =>
    inWorker('(g) => g.mul(2)', 'parentPort.postMessage(x.grad.sum().item());'),
  );
  expect(await Promise.all(many)).toEqual([6, 6, 6, 6]);
});

it('in a worker too', async () => {
  const code = `
    import { parentPort } from 'node:worker_threads';
    const { default: torch } = await import(${JSON.stringify(MAIN)});
    const x = torch.ones([3], { device: 'cuda', requiresGrad: true });
    let seen = 0;
    x.mul(2).pow(2).registerHook((g) => { seen++; return g.mul(3); });
    const y = x.mul(2);
    y.registerHook((g) => { seen++; return g.mul(3); });
    y.sum().backward();
    parentPort.postMessage([seen, x.grad.sum().item()]);
  `;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
  const answers = await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  expect(answers).toEqual([1, 18]);
  await worker.terminate();
});
