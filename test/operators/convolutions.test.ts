// A convolution of tensors that require no gradient goes to the kernel without conv2d's own layers (native/operators/convolution.h):
// it has to be what these layers give, and to leave to them what they do more.
import { createHash } from 'node:crypto';
import torch, { nn, type Tensor } from 'torch-node';

const { conv1d, conv2d, conv3d } = nn.functional;
interface Options {
  stride?: number | readonly number[];
  padding?: number | readonly number[];
  dilation?: number;
  groups?: number;
}

const bits = (t: Tensor): unknown => [
  t.dtype,
  t.shape,
  t.strides,
  createHash('sha256')
    .update(t.contiguous().view([-1]).view('uint8').dataSync() as Uint8Array)
    .digest('hex'),
];

/** By way of autograd's layer, which takes tensors that require a gradient there. */
function recorded(call: (...tensors: Tensor[]) => Tensor, tensors: Tensor[]): Tensor {
  const out = call(...tensors.map((t) => t.detach().requiresGrad_()));
  expect(out.requiresGrad).toBe(true);
  return out.detach();
}

beforeEach(() => torch.manualSeed(0));

it.each<[string, number[], number[], Options]>([
  ['no options', [2, 3, 8, 8], [4, 3, 3, 3], {}],
  ['one image, large', [1, 3, 32, 32], [64, 3, 3, 3], { padding: 1 }],
  ['a batch of 32', [32, 3, 16, 16], [16, 3, 3, 3], { padding: 1 }],
  ['strides', [1, 3, 9, 7], [4, 3, 3, 2], { stride: [2, 1], padding: [1, 0] }],
  ['dilation', [1, 3, 9, 9], [4, 3, 3, 3], { dilation: 2 }],
  ['groups', [2, 4, 8, 8], [8, 2, 3, 3], { groups: 2 }],
  ['one of each', [2, 4, 6, 6], [4, 1, 3, 3], { groups: 4 }],
  ['a kernel of one', [2, 3, 8, 8], [5, 3, 1, 1], {}],
  ['no images', [0, 3, 8, 8], [4, 3, 3, 3], {}],
  ['a batch without its dimension', [3, 8, 8], [4, 3, 3, 3], {}],
])('equal the recorded ones in bits: %s', (_, shape, kernel, options) => {
  for (const dtype of ['float32', 'float64', 'bfloat16'] as const) {
    for (const memoryFormat of ['contiguous', 'channels_last'] as const) {
      if (memoryFormat === 'channels_last' && shape.length < 4) continue;
      const x = torch.randn(shape).to(dtype).contiguous({ memoryFormat });
      const w = torch.randn(kernel).to(dtype);
      const b = torch.randn([kernel[0]!]).to(dtype);
      const usual = (input: Tensor, weight: Tensor, bias: Tensor): Tensor =>
        conv2d(input, weight, bias, options);
      expect(bits(usual(x, w, b))).toEqual(bits(recorded(usual, [x, w, b])));
      const bare = (input: Tensor, weight: Tensor): Tensor => conv2d(input, weight, options);
      expect(bits(bare(x, w))).toEqual(bits(recorded(bare, [x, w])));
    }
  }
});

it('equal the recorded ones in one and in three dimensions', () => {
  const line = (x: Tensor, w: Tensor, b: Tensor): Tensor => conv1d(x, w, b, { padding: 1, stride: 2 });
  const lines = [torch.randn([2, 3, 11]), torch.randn([4, 3, 3]), torch.randn([4])];
  expect(bits(line(lines[0]!, lines[1]!, lines[2]!))).toEqual(bits(recorded(line, lines)));
  const room = (x: Tensor, w: Tensor, b: Tensor): Tensor => conv3d(x, w, b, { padding: 1 });
  const rooms = [torch.randn([2, 3, 5, 6, 7]), torch.randn([4, 3, 3, 3, 3]), torch.randn([4])];
  expect(bits(room(rooms[0]!, rooms[1]!, rooms[2]!))).toEqual(bits(recorded(room, rooms)));
});

it('are what autocast makes of them', () => {
  const [x, w, b] = [torch.randn([1, 3, 8, 8]), torch.randn([4, 3, 3, 3]), torch.randn([4])];
  const out = torch.amp.autocast('cpu', { dtype: 'bfloat16' }, () => conv2d(x, w, b));
  expect(out.dtype).toBe('bfloat16');
  expect(bits(out)).toEqual(bits(conv2d(x.to('bfloat16'), w.to('bfloat16'), b.to('bfloat16'))));
});

it('of complex numbers are those of their parts', () => {
  const [x, w] = [torch.randn([1, 2, 5, 5], { dtype: 'complex64' }), torch.randn([3, 2, 3, 3], { dtype: 'complex64' })]; // prettier-ignore
  const [xr, xi, wr, wi] = [torch.real(x), torch.imag(x), torch.real(w), torch.imag(w)].map((t) => t.contiguous()) as [Tensor, Tensor, Tensor, Tensor]; // prettier-ignore
  const real = conv2d(xr, wr).sub(conv2d(xi, wi));
  expect(torch.real(conv2d(x, w)).allclose(real, { atol: 1e-5 })).toBe(true);
});

it('are recorded into programs, and refuse what conv2d refuses in its words', () => {
  const [x, w, b] = [torch.randn([1, 3, 8, 8]), torch.randn([4, 3, 3, 3]), torch.randn([4])];
  const program = torch.compileStep((input: Tensor) => ({ out: conv2d(input, w, b) }), [x], { exact: true });
  const other = torch.randn([1, 3, 8, 8]);
  expect(bits(program.run(other).out)).toEqual(bits(conv2d(other, w, b)));
  const refused: [() => unknown, RegExp][] = [
    [() => conv2d(x.double(), w, b), /Input type \(double\) and bias type \(float\) should be the same/],
    [() => conv2d(x, w.double(), b), /expected dtype float32|should be the same/],
    [() => conv2d(x, w, torch.zeros([5])), /expected bias to be 1-dimensional with 4 elements/],
    [() => conv2d(x, torch.randn([4, 2, 3, 3]), b), /expected input\[1, 3, 8, 8\] to have 2 channels, but got 3/],
    [() => conv2d(x, torch.randn([4, 3, 9, 9]), b), /Kernel size can't be greater than actual input size/],
    [() => conv2d(torch.randn([8, 8]), w, b), /Expected 3D \(unbatched\) or 4D \(batched\) input to conv2d/],
    [() => conv2d(x, w, b, { stride: 0 }), /non-positive stride is not supported/],
    [() => conv2d(x, w, b, { padding: -1 }), /negative padding is not supported/],
    [() => conv2d(x, w, b, { groups: 0 }), /non-positive groups is not supported/],
  ]; // prettier-ignore
  for (const [call, words] of refused) expect(call).toThrow(words);
});
