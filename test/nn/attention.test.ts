import torch, { nn, type Tensor } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

const x = torch.ones([3, 2, 4]);
const mask = nn.Transformer.generateSquareSubsequentMask(3);

describe('MultiheadAttention', () => {
  it('carries PyTorch keys', () => {
    const keys = (options: object): string[] =>
      Object.keys(new nn.MultiheadAttention(4, 2, options).stateDict());
    expect(keys({})).toEqual(['in_proj_weight', 'in_proj_bias', 'out_proj.weight', 'out_proj.bias']);
    expect(keys({ kdim: 3, bias: false, addBiasKv: true })).toEqual(
      ['q_proj_weight', 'k_proj_weight', 'v_proj_weight', 'bias_k', 'bias_v', 'out_proj.weight'],
    ); // prettier-ignore
  });

  it('gives weights that sum to one, and none where they are not wanted', () => {
    const attention = new nn.MultiheadAttention(4, 2);
    const [, weights] = attention.forward(x, x, x, { averageAttnWeights: false });
    expect(weights!.shape).toEqual([2, 2, 3, 3]);
    expect(weights!.sum(-1).allclose(torch.ones([2, 2, 3]))).toBe(true);
    expect(attention.forward(x, x, x, { needWeights: false })[1]).toBeNull();
  });

  const attention = new nn.MultiheadAttention(4, 2);
  const bools = (...shape: number[]): Tensor => torch.zeros(shape, { dtype: 'bool' });
  const bad: [string, () => unknown, RegExp][] = [
    ['heads', () => new nn.MultiheadAttention(4, 3), /embedDim: expected a multiple of numHeads, which is 3, got 4/],
    ['heads', () => new nn.MultiheadAttention(4, 0), /numHeads: expected a whole number of 1 or more, got 0/],
    ['features', () => attention.forward(torch.ones([3, 2, 6]), x, x), /query: expected 4 features, got float32 \[3, 2, 6\]/],
    ['keys', () => attention.forward(x, x, torch.ones([2, 2, 4])), /key and value: expected equal shapes/],
    ['dimensions', () => attention.forward(x, torch.ones([3, 4]), x), /expected 3 dimensions each, or 2 each without batch/],
    ['mask', () => attention.forward(x, x, x, { attnMask: bools(2, 3) }), /attnMask: expected the shape \[3, 3\], got float32 \[2, 3\]/],
    ['mask', () => attention.forward(x, x, x, { attnMask: torch.ones([3, 3], { dtype: 'int64' }) }), /expected bool or floating point/],
    ['mask', () => attention.forward(x, x, x, { keyPaddingMask: bools(3) }), /keyPaddingMask: expected 2 dimensions/],
    ['mask', () => attention.forward(x, x, x, { keyPaddingMask: bools(2, 4) }), /keyPaddingMask: expected the shape \[2, 3\]/],
    ['hint', () => attention.forward(x, x, x, { isCausal: true }), /isCausal is a hint about attnMask: give that too/],
    ['tensor', () => attention.forward(1 as never, x, x), /query: expected a Tensor, got 1/],
  ]; // prettier-ignore
  it.each(bad)('refuses what is no %s', (_, run, message) => expect(run).toThrow(message));
});

describe('transformers', () => {
  const options = { dimFeedforward: 6, dropout: 0 };

  it('copy their layer without drawing, and train each copy', () => {
    torch.manualSeed(0);
    const layer = new nn.TransformerEncoderLayer(4, 2, options);
    const before = torch.getRngState();
    const encoder = new nn.TransformerEncoder(layer, 2);
    expect(torch.getRngState().equal(before)).toBe(true);
    const [first, second] = [...encoder.layers] as nn.TransformerEncoderLayer[];
    expect(first!.linear1.weight.equal(second!.linear1.weight)).toBe(true);
    encoder.forward(x).sum().backward();
    expect(encoder.parameters().every(({ grad }) => grad !== null)).toBe(true);
    expect(layer.linear1.weight.grad).toBeNull();
  });

  it('see in the mask that it is causal', () => {
    const encoder = new nn.TransformerEncoder(new nn.TransformerEncoderLayer(4, 2, options), 1);
    const seen = encoder.forward(x, { mask });
    expect(seen.equal(encoder.forward(x, { mask, isCausal: true }))).toBe(true);
    expect(seen.at(0).allclose(encoder.forward(x.narrow(0, 0, 1)).at(0), { atol: 1e-5 })).toBe(true);
  });

  it('call the hooks of their parts in evaluation mode too', () => {
    const layer = new nn.TransformerEncoderLayer(4, 2, { ...options, batchFirst: true }).eval();
    let calls = 0;
    const handle = layer.linear1.registerForwardHook(() => {
      calls++;
    });
    const hooked = torch.noGrad(() => layer.forward(x));
    handle.remove();
    const fused = torch.noGrad(() => layer.forward(x));
    expect(calls).toBe(1);
    expect(fused.allclose(hooked, { atol: 1e-5 })).toBe(true);
  });

  it('leave nothing behind', () => {
    const net = new nn.Transformer({
      dModel: 4,
      nhead: 2,
      numEncoderLayers: 1,
      numDecoderLayers: 1,
      ...options,
    });
    withoutLeaks(() => {
      net.forward(x, x, { tgtMask: mask }).sum().backward();
      net.zeroGrad();
    });
  });

  const net = new nn.Transformer({
    dModel: 4,
    nhead: 2,
    numEncoderLayers: 1,
    numDecoderLayers: 1,
    ...options,
  });
  const bad: [string, () => unknown, RegExp][] = [
    ['activation', () => new nn.TransformerEncoderLayer(4, 2, { activation: 'swish' as 'relu' }), /expected 'relu', 'gelu', a function or a module, got 'swish'/],
    ['size', () => new nn.TransformerDecoderLayer(0, 2), /dModel: expected a whole number of 1 or more, got 0/],
    ['layer', () => new nn.TransformerEncoder(3 as never, 2), /layer: expected a Module, got 3/],
    ['number of layers', () => new nn.TransformerDecoder(new nn.TransformerDecoderLayer(4, 2), 0), /numLayers: expected a whole number/],
    ['batch', () => net.forward(x, torch.ones([3, 1, 4])), /src and tgt: expected equal batches/],
    ['features', () => net.forward(x, torch.ones([3, 2, 5])), /tgt: expected 4 features \(dModel\)/],
  ]; // prettier-ignore
  it.each(bad)('refuse what is no %s', (_, run, message) => expect(run).toThrow(message));
});
