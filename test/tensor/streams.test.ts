// Streams of CUDA devices; where there is none, that they are refused with a reason.
import torch, { nn } from 'torch-node';
import { itWhen } from '../support/skip.js';

itWhen(torch.cuda.isAvailable(), 'no CUDA device')(
  'work on a stream of its own gives the same numbers',
  () => {
    const usual = torch.cuda.currentStream();
    const [x, layer] = [torch.randn([64, 32]), new nn.Linear(32, 8)];
    layer.to('cuda');
    const expected = layer.forward(x.to('cuda')).cpu();
    const stream = new torch.cuda.Stream();
    torch.cuda.setStream(stream);
    try {
      const result = layer.forward(x.to('cuda'));
      stream.synchronize();
      expect(stream.query()).toBe(true);
      expect(result.cpu().equal(expected)).toBe(true);
    } finally {
      torch.cuda.setStream(usual);
    }
  },
);

it.each(['cpu', 'meta', 'gpu'])('%s has no streams', (device) => {
  expect(() => new torch.cuda.Stream(device)).toThrow(/expected cuda or cuda:N/);
  expect(() => torch.cuda.currentStream(device)).toThrow(/expected cuda or cuda:N/);
});

itWhen(!torch.cuda.isAvailable(), 'there is a CUDA device')('without a device a stream says why not', () => {
  expect(() => new torch.cuda.Stream()).toThrow(/'cuda' was asked for, but .*(CPU build|no NVIDIA driver)/);
});
