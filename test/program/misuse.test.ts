// What cannot be recorded or run: each is refused with the line that it comes from and with what to do, and changes nothing.
import torch, { nn, optim, type Tensor } from 'torch-node';
import { withoutLeaksAfterwards } from '../support/leaks.js';
import { bits, stateOf } from './support.js';

torch.setNumThreads(1);

const x = torch.randn([4, 3]);
const y = torch.randint(0, 2, [4], { dtype: 'int64' });
const thrownBy = (run: () => unknown): Error => {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
};
const here = /misuse\.test\.ts:\d+/;

class Net extends nn.Module {
  readonly layers = new nn.Sequential(
    new nn.Linear(3, 4),
    new nn.BatchNorm1d(4),
    new nn.Dropout(0.5),
    new nn.Linear(4, 2),
  );
  override forward(input: Tensor): Tensor {
    return this.layers.forward(input);
  }
}

function training(optimizer: (net: Net) => optim.Optimizer = (net) => new optim.Adam(net.parameters())): {
  net: Net;
  descent: optim.Optimizer;
  step: (input: Tensor, target: Tensor) => Tensor;
} {
  const net = new Net();
  const descent = optimizer(net);
  const step = (input: Tensor, target: Tensor): Tensor => {
    descent.zeroGrad();
    const loss = nn.functional.crossEntropy(net.forward(input), target);
    loss.backward();
    descent.step();
    return loss;
  };
  return { net, descent, step };
}

describe('a step that cannot be recorded', () => {
  const refused: [string, (t: Tensor) => unknown, RegExp][] = [
    ['item()', (t) => t.sum().item(), /reading .* on the host cannot be recorded.*read it afterwards/s],
    ['dataSync()', (t) => t.dataSync(), /reading values on the host cannot be recorded/],
    ['toArray()', (t) => t.toArray(), /reading values on the host cannot be recorded/],
    ['String()', (t) => String(t), /reading values on the host cannot be recorded/],
    ['data()', (t) => void t.data(), /reading values on the host cannot be recorded/],
    ['a mask', (t) => t.maskedSelect(t.gt(0)), /whose result's shape depends on values, cannot be recorded/],
    [
      'an index by a mask',
      (t) => t.at(t.gt(0)),
      /whose result's shape depends on values, cannot be recorded/,
    ],
    ['nonzero', (t) => t.nonzero(), /aten::nonzero, whose result's shape depends on values, cannot be/],
    ['equal', (t) => t.equal(t.add(1)), /reading .* on the host cannot be recorded/],
    [
      'a shared memory',
      (t) => torch.send(t.clone()),
      /sending a tensor to another thread cannot be recorded/,
    ],
    [
      'a constant that is changed in place',
      () => void torch.tensor([1, 2]).add_(1),
      /makes of JavaScript's values is changed in place.*torch\.zeros/s,
    ],
    ['to()', () => void new nn.Linear(3, 3).to('float64'), /other memory cannot be recorded/],
    [
      'a step within a step',
      (t) => torch.compileStep((inner: Tensor) => inner.add(1), [t]),
      /recorded already: compile one after the other/,
    ],
  ];
  it.each(refused)('for %s', (_, read, message) => {
    return withoutLeaksAfterwards(() => {
      const error = thrownBy(() => torch.compileStep((t: Tensor) => void read(t), [x]));
      expect(error.message).toMatch(message);
      expect(error.message).toMatch(here);
      expect(error.name).toBe('TorchError');
    });
  });

  it('for what it gives, when that is no tensor', () => {
    const compile = (give: unknown): string =>
      thrownBy(() => torch.compileStep((() => give) as () => Tensor, [])).message;
    expect(compile({ loss: 0.5 })).toMatch(/what the step gives\.loss: expected a tensor.*got 0\.5/);
    expect(compile([1n])).toMatch(/what the step gives\[0\]/);
    expect(compile(new Map([['loss', 0.5]]))).toMatch(
      /what the step gives.*loss.*: expected a tensor.*got 0\.5/,
    );
    expect(compile(new Date(0))).toMatch(/what the step gives: expected a tensor/);
    expect(compile(Promise.resolve())).toMatch(/synchronous function/);
    expect(compile(Promise.reject(new Error('never seen')))).toMatch(/synchronous function/);
    expect(() => torch.compileStep(7 as never, [])).toThrow(/expected a function, got 7/);
    expect(() => torch.compileStep(() => undefined, 7 as never)).toThrow(/array of example inputs, got 7/);
  });

  it('for L-BFGS', () => {
    const { net } = training();
    const lbfgs = new optim.LBFGS(net.parameters());
    const error = thrownBy(() =>
      torch.compileStep(() => {
        lbfgs.step(() => net.forward(x).sum());
      }, []),
    );
    expect(error.message).toMatch(/LBFGS\.step: cannot be recorded.*without compileStep/);
  });

  it('for a schedule that goes on in it', () => {
    const { descent, step } = training();
    const { StepLR, ReduceLROnPlateau, SequentialLR } = optim.lrScheduler;
    const [single, plateau] = [new StepLR(descent, 1), new ReduceLROnPlateau(descent)];
    const sequence = new SequentialLR(descent, [new StepLR(descent, 1), new StepLR(descent, 2)], [3]);
    const steps = [() => single.step(), () => plateau.step(0.5), () => sequence.step()];
    const { lr } = descent.paramGroups[0]!;
    for (const goOn of steps) {
      const compile = (): unknown =>
        torch.compileStep(
          (input: Tensor, target: Tensor) => {
            step(input, target);
            goOn();
          },
          [x, y],
        );
      expect(compile).toThrow(/step: cannot be recorded.*beforeStep \(at .*misuse\.test\.ts:\d+/);
    }
    expect(descent.paramGroups[0]!.lr).toBe(lr);
  });

  it('and all is put back', () => {
    const { net, descent, step } = training();
    const before = stateOf(net, descent);
    const random = bits(torch.getRngState());
    for (const fail of [
      () => {
        throw new RangeError('in the middle');
      },
      () => x.sum().item(),
    ]) {
      const error = thrownBy(() =>
        torch.compileStep(
          (input: Tensor, target: Tensor) => {
            step(input, target);
            fail();
          },
          [x, y],
        ),
      );
      expect(error.message).toMatch(/in the middle|on the host/);
      expect(stateOf(net, descent)).toEqual(before);
      expect(bits(torch.getRngState())).toBe(random);
    }
    // With gradients and state that were there before.
    step(x, y);
    const after = stateOf(net, descent);
    expect(() =>
      torch.compileStep(
        (input: Tensor, target: Tensor) => {
          step(input, target);
          throw new RangeError('in the middle');
        },
        [x, y],
      ),
    ).toThrow(/in the middle/);
    expect(stateOf(net, descent)).toEqual(after);
    torch.compileStep(step, [x, y]).dispose();
    expect(stateOf(net, descent)).toEqual(after);
  });

  it('with a scaler that decides on the host', () => {
    const net = new nn.Linear(3, 2);
    const stepOf =
      (descent: optim.Optimizer, scaler: torch.amp.GradScaler) => (input: Tensor, target: Tensor) => {
        descent.zeroGrad();
        const loss = nn.functional.crossEntropy(net.forward(input), target);
        scaler.scale(loss).backward();
        scaler.step(descent);
        scaler.update();
        return loss;
      };
    const scaler = new torch.amp.GradScaler('cpu', { initScale: 8, growthInterval: 2 });
    expect(() => torch.compileStep(stepOf(new optim.Adam(net.parameters()), scaler), [x, y])).toThrow(
      /GradScaler\.step: cannot be recorded.*fused: true/,
    );
    expect(scaler.getScale()).toBe(8);
    const fused = new optim.Adam(net.parameters(), { fused: true });
    const program = torch.compileStep(stepOf(fused, scaler), [x, y]);
    for (let i = 0; i < 4; i++) program.run(x, y);
    expect(scaler.getScale()).toBe(32);
    scaler.setGrowthFactor(4);
    expect(() => program.run(x, y)).toThrow(/its factors or its interval were changed/);
    program.dispose();
  });
});

describe('a program that cannot run', () => {
  it('for inputs that look otherwise', () => {
    const program = torch.compileStep((t: Tensor) => t.add(1), [x]);
    expect(thrownBy(() => program.run(torch.zeros([5, 3]))).message).toMatch(
      /input 0 is float32 \[5, 3\].*recorded with float32 \[4, 3\].*compile another step.*misuse\.test\.ts:\d+/s,
    );
    expect(() => program.run(x.to('float64'))).toThrow(/input 0 is float64/);
    expect(() => (program.run as (...inputs: Tensor[]) => unknown)()).toThrow(/takes 1 inputs, got 0/);
    expect(() => program.run(7 as never)).toThrow(/input 0: expected a Tensor, got 7/);
    program.dispose();
    expect(() => program.run(x)).toThrow(/program/);
  });

  it.each<[string, (net: Net) => void]>([['to(float64)', (net) => void net.to('float64')]])(
    'for parameters in other memory: %s',
    (_, move) => {
      const { net, step } = training();
      const program = torch.compileStep(step, [x, y]);
      move(net);
      const { message } = thrownBy(() => program.run(x, y));
      expect(message).toMatch(/other memory than when the step was recorded.*compile the step again/s);
      expect(message).toMatch(here);
      program.dispose();
    },
  );

  it('for a tensor that was resized', () => {
    const total = torch.zeros([3]);
    const program = torch.compileStep((t: Tensor) => void total.add_(t.sum(0)), [x]);
    total.resize_([1, 3]);
    const { message } = thrownBy(() => program.run(x));
    expect(message).toMatch(/float32 \[3\] on cpu then, float32 \[1, 3\] on cpu now/);
    expect(message).toMatch(here);
    program.dispose();
  });

  it('for gradients that it adds to and that were not there, or are gone', () => {
    const weight = torch.ones([3], { requiresGrad: true });
    const accumulate = (t: Tensor): void => t.mul(weight).sum().backward();
    const first = torch.compileStep(accumulate, [x]);
    first.run(x);
    expect(() => first.run(x)).toThrow(/not there when the step was recorded, and is there now.*zeroGrad/s);
    const program = torch.compileStep(accumulate, [x]);
    const once = weight.grad!.clone();
    program.run(x);
    program.run(x);
    expect(bits(weight.grad!)).toBe(bits(once.add(once).add(once)));
    weight.grad = null;
    expect(() => program.run(x)).toThrow(/is not there any more.*zeroGrad/s);
    weight.grad = torch.zeros([3]);
    expect(() => program.run(x)).toThrow(/is another tensor than/);
    for (const each of [first, program]) each.dispose();
  });

  it('for gradients that every step of an epoch would add to anew', async () => {
    const weight = torch.ones([3], { requiresGrad: true });
    const program = torch.compileStep((t: Tensor): void => t.mul(weight).sum().backward(), [x]);
    const order = torch.arange(8, { dtype: 'int64' });
    await expect(program.runEpoch([x.repeat([2, 1])], order)).rejects.toThrow(
      /call zeroGrad\(\) in the step/,
    );
    expect(weight.grad).toBeNull();
    program.dispose();
  });

  it('but does for gradients that it does not touch', () => {
    const net = new nn.Linear(3, 2);
    const program = torch.compileStep((t: Tensor) => torch.noGrad(() => net.forward(t)), [x]);
    net.forward(x).sum().backward();
    const before = bits(net.weight.grad!);
    program.run(x);
    expect(bits(net.weight.grad!)).toBe(before);
    program.dispose();
  });

  it('for settings that it goes by', () => {
    const cases: [object, (group: Record<string, unknown>) => void, RegExp][] = [
      [
        {},
        (group) => (group['eps'] = 1e-3),
        /Adam: eps was changed from 1e-8 to 0\.001 since the step was rec/,
      ],
      [{}, (group) => (group['weightDecay'] = 0.1), /weightDecay was changed from 0 to a number above 0/],
      [{ amsgrad: true }, (group) => (group['amsgrad'] = false), /amsgrad was changed from true to false/],
    ];
    for (const [options, change, message] of cases) {
      const { descent, step } = training((net) => new optim.Adam(net.parameters(), options));
      const program = torch.compileStep(step, [x, y]);
      change(descent.paramGroups[0] as never);
      expect(() => program.run(x, y)).toThrow(message);
      expect(() => program.run(x, y)).toThrow(/compile the step again/);
      program.dispose();
    }
    const { descent, step } = training();
    const program = torch.compileStep(step, [x, y]);
    descent.addParamGroup({ params: [new nn.Parameter(torch.ones([1]))] });
    expect(() => program.run(x, y)).toThrow(/groups of parameters were added/);
    program.dispose();
  });

  it('while it runs an epoch', async () => {
    const { step } = training();
    const program = torch.compileStep(step, [x, y]);
    const rows = [x.repeat([64, 1]), y.repeat([64])];
    const epoch = program.runEpoch(rows, torch.arange(256, { dtype: 'int64' }));
    expect(() => program.run(x, y)).toThrow(
      /running an epoch: wait for its promise, or compile a second one/,
    );
    await expect(program.runEpoch(rows, torch.arange(256, { dtype: 'int64' }))).rejects.toThrow(
      /running an epoch/,
    );
    expect(await epoch).toBe(64);
    program.run(x, y);
    program.dispose();
  });
});
