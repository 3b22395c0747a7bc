// Calls that ended in JavaScript's own words, or in another class than docs/errors.md names.
import torch, { nn, optim, type Tensor } from 'torch-node';

const parameter = (): Tensor => torch.ones([1], { requiresGrad: true });
const adam = (): optim.Adam => new optim.Adam([parameter()]);
const { lrScheduler } = optim;

const rows: Record<string, [call: () => unknown, name: string, code: string, message: RegExp]> = {
  'no milestones': [
    () => new lrScheduler.MultiStepLR(adam(), undefined as never),
    'ArgumentTypeError',
    'ERR_INVALID_ARG_TYPE',
    /MultiStepLR: milestones: expected an array of epochs, got undefined/,
  ],
  'milestones in an object': [
    () => new lrScheduler.MultiStepLR(adam(), {} as never),
    'ArgumentTypeError',
    'ERR_INVALID_ARG_TYPE',
    /milestones: expected an array of epochs/,
  ],
  'a state that is null': [
    () => new lrScheduler.OneCycleLR(adam(), 0.1, { totalSteps: 4 }).loadStateDict(null as never),
    'ArgumentTypeError',
    'ERR_INVALID_ARG_TYPE',
    /OneCycleLR.loadStateDict: state: expected a state dict, got null/,
  ],
  "a parameter's state that is null": [
    () => adam().loadStateDict({ state: { 0: null }, param_groups: [{ params: [0] }] } as never),
    'ArgumentTypeError',
    'ERR_INVALID_ARG_TYPE',
    /Adam.loadStateDict: the state of parameter 0: expected an object of its parts, got null/,
  ],
  'a stream that is none': [
    () => torch.cuda.setStream(5 as never),
    'ArgumentTypeError',
    'ERR_INVALID_ARG_TYPE',
    /cuda.setStream: stream: expected a Stream, got 5/,
  ],
  'memory that cannot be had': [
    () => torch.zeros([1e9, 1e5]),
    'OutOfMemoryError',
    'ERR_TORCH_OUT_OF_MEMORY',
    /can't allocate memory/,
  ],
  'memory that an operator cannot have': [
    () => torch.ones([1e7, 1]).add(torch.ones([1, 1e7])),
    'OutOfMemoryError',
    'ERR_TORCH_OUT_OF_MEMORY',
    /can't allocate memory/,
  ],
};

it.each(Object.entries(rows))('%s', (_, [call, name, code, message]) => {
  torch.scope(() => {
    let error: unknown;
    try {
      call();
    } catch (thrown) {
      error = thrown;
    }
    expect((error as object | undefined)?.constructor.name).toBe(name);
    expect(error).toMatchObject({ code });
    expect((error as Error).message).toMatch(message);
  });
});

it('a stride of null is the size of the window, when it is set later too', () => {
  for (const Pool of [nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d]) {
    const pool = new Pool(2, { stride: 1 });
    pool.stride = null;
    const shape = Pool === nn.MaxPool1d ? [1, 1, 4] : Pool === nn.MaxPool2d ? [1, 1, 4, 4] : [1, 1, 4, 4, 4];
    torch.scope(() => expect(pool.forward(torch.ones(shape)).shape.at(-1)).toBe(2));
  }
});
