import torch, { nn } from 'torch-node';

const ids = torch.tensor([0n, 2n, 2n]);

describe('Embedding', () => {
  it('looks rows up, and shares an assigned table', () => {
    const [a, b] = [new nn.Embedding(3, 2), new nn.Embedding(3, 2)];
    b.weight = a.weight;
    expect(b.forward(ids).equal(a.forward(ids))).toBe(true);
    expect(a.forward(ids).at(1).equal(a.weight.at(2))).toBe(true);
  });

  it('gives sparse gradients where they are asked for', () => {
    const table = new nn.Embedding(4, 2, { sparse: true });
    table.forward(ids).sum().backward();
    const { grad } = table.weight;
    expect(grad!.toDense().toArray()).toEqual([[1, 1], [0, 0], [2, 2], [0, 0]]); // prettier-ignore
    expect(() => grad!.dataSync()).toThrow();
  });

  it('fromPretrained shares memory, and trains only when told to', () => {
    const values = torch.ones([3, 2]);
    const frozen = nn.Embedding.fromPretrained(values);
    const free = nn.EmbeddingBag.fromPretrained(values, { freeze: false, mode: 'sum' });
    values.fill_(2);
    expect(frozen.weight.toArray()).toEqual(values.toArray());
    expect([frozen.weight.requiresGrad, free.weight.requiresGrad]).toEqual([false, true]);
    expect(free.forward(ids.reshape(1, 3)).toArray()).toEqual([[6, 6]]);
  });

  const bag = (mode: 'sum' | 'mean' | 'max'): nn.EmbeddingBag => new nn.EmbeddingBag(3, 2, { mode });
  const offsets = torch.tensor([0n]);
  const bad: [string, () => unknown, RegExp][] = [
    ['size', () => new nn.Embedding(-1, 2), /numEmbeddings: expected a whole number of 0 or more, got -1/],
    ['padding', () => new nn.Embedding(3, 2, { paddingIdx: 3 }), /paddingIdx: expected a row of the 3 there are, got 3/],
    ['padding', () => nn.functional.embedding(ids, torch.ones([3, 2]), { paddingIdx: -4 }), /got -4/],
    ['table', () => nn.Embedding.fromPretrained(torch.ones([3])), /expected 2 dimensions, got float32 \[3\]/],
    ['index', () => new nn.Embedding(2, 2).forward(ids), /index out of range/],
    ['index', () => new nn.Embedding(2, 2).forward(torch.ones([2])), /Expected tensor for argument #1 'indices'/],
    ['mode', () => bag('median' as 'max'), /mode: expected 'sum', 'mean' or 'max', got 'median'/],
    ['mode', () => new nn.EmbeddingBag(3, 2, { mode: 'max', sparse: true }), /the mode 'max' knows no sparse/],
    ['bag', () => bag('sum').forward(ids), /a flat input needs offsets of 1 dimension, got undefined|null/],
    ['bag', () => bag('sum').forward(ids.reshape(1, 3), { offsets }), /one bag in each row: leave them out/],
    ['bag', () => bag('sum').forward(ids.reshape(1, 1, 3)), /input: expected 1 or 2 dimensions/],
    ['weights', () => bag('mean').forward(ids, { offsets, perSampleWeights: torch.ones([3]) }), /only the mode 'sum' knows them/],
    ['weights', () => bag('sum').forward(ids, { offsets, perSampleWeights: torch.ones([2]) }), /expected the shape of the input, \[3\]/],
  ]; // prettier-ignore
  it.each(bad)('refuses what is no %s', (_, run, message) => expect(run).toThrow(message));
});
