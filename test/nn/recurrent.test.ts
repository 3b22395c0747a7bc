import torch, { nn, type Tensor } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

const { packPaddedSequence, packSequence, padPackedSequence, padSequence, unpackSequence, unpadSequence } =
  nn.utils.rnn;

describe('recurrent nets', () => {
  it('carry PyTorch keys, in its order', () => {
    const lstm = new nn.LSTM(3, 4, { bidirectional: true, projSize: 2 });
    expect(Object.keys(lstm.stateDict())).toEqual(
      ['', '_reverse'].flatMap((suffix) =>
        ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh', 'weight_hr'].map((name) => `${name}_l0${suffix}`),
      ),
    );
    expect(lstm.allWeights.map((weights) => weights.length)).toEqual([5, 5]);
    expect(lstm.weight_ih_l0!.shape).toEqual([16, 3]);
  });

  it('take an assigned parameter', () => {
    const [a, b] = [new nn.GRU(2, 2), new nn.GRU(2, 2)];
    const x = torch.ones([3, 1, 2]);
    for (const [name, parameter] of b.namedParameters()) a.registerParameter(name, parameter);
    expect(a.forward(x)[0].equal(b.forward(x)[0])).toBe(true);
  });

  it('are copied with all they have', () => {
    const net = new nn.LSTM(2, 3, { numLayers: 2 });
    const copy = net.deepcopy();
    const x = torch.ones([2, 1, 2]);
    expect(copy.forward(x)[0].equal(net.forward(x)[0])).toBe(true);
    expect(copy.weight_ih_l0).not.toBe(net.weight_ih_l0);
    expect(String(copy)).toBe('LSTM(2, 3, num_layers=2)');
  });

  it('train: a backward pass reaches all parameters, and nothing stays behind', () => {
    const net = new nn.LSTM(2, 3, { bidirectional: true });
    withoutLeaks(() => {
      const packed = packSequence([torch.ones([3, 2]), torch.ones([1, 2])]);
      const [output, [h, c]] = net.forward(packed);
      output.data.sum().add(h.sum()).add(c.sum()).backward();
      expect(net.parameters().every(({ grad }) => grad !== null)).toBe(true);
      net.zeroGrad();
    });
  });

  it('warn of a dropout that has no layer to follow', () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    new nn.RNN(2, 2, { dropout: 0.5 });
    expect(warn.mock.calls.map(([text]) => text)).toEqual([
      expect.stringMatching(/RNN: dropout comes after all layers but the last/),
    ]);
    warn.mockRestore();
  });

  const f64 = { dtype: 'float64' } as const;
  const bad: [string, () => unknown, RegExp][] = [
    ['size', () => new nn.LSTM(0, 4), /LSTM: inputSize: expected a whole number of 1 or more, got 0/],
    ['size', () => new nn.GRUCell(2, 1.5), /GRUCell: hiddenSize: expected a whole number of 0 or more, got 1.5/],
    ['layers', () => new nn.GRU(2, 3, { numLayers: 0 }), /numLayers: expected a whole number of 1 or more/],
    ['dropout', () => new nn.GRU(2, 3, { dropout: 2 }), /dropout: expected a probability, from 0 to 1, got 2/],
    ['projection', () => new nn.LSTM(2, 3, { projSize: 3 }), /projSize: expected less than hiddenSize/],
    ['projection', () => new nn.GRU(2, 3, { projSize: 1 } as object), /GRU: there is no option 'projSize'/],
    ['nonlinearity', () => new nn.RNN(2, 3, { nonlinearity: 'gelu' as 'relu' }), /expected 'tanh' or 'relu', got 'gelu'/],
    ['options', () => new nn.RNN(2, 3, 4 as unknown as object), /expected an object of options, got 4/],
    ['input', () => new nn.RNN(2, 3).forward(5 as unknown as Tensor), /input: expected a Tensor, got 5/],
    ['dimensions', () => new nn.RNN(2, 3).forward(torch.ones([2])), /expected 2 or 3 dimensions/],
    ['features', () => new nn.RNN(2, 3).forward(torch.ones([4, 1, 3])), /expected 2 features \(inputSize\)/],
    ['dtype', () => new nn.RNN(2, 3).forward(torch.ones([4, 1, 2], f64)), /dtype, which is float32/],
    ['state', () => new nn.RNN(2, 3).forward(torch.ones([4, 1, 2]), torch.ones([1, 2, 3])), /hx: expected the shape \[1, 1, 3\]/],
    ['state', () => new nn.RNN(2, 3).forward(torch.ones([4, 2]), torch.ones([1, 1, 3])), /expected the shape \[1, 3\] with an input without batch/],
    ['states', () => new nn.LSTM(2, 3).forward(torch.ones([4, 1, 2]), torch.ones([1, 1, 3]) as never), /hx: expected two tensors, \[h, c\]/],
    ['states', () => new nn.LSTM(2, 3).forward(torch.ones([4, 1, 2]), [torch.ones([1, 1, 3]), torch.ones([1, 1, 2])]), /hx\[1\]: expected the shape \[1, 1, 3\]/],
    ['cell', () => new nn.LSTMCell(2, 3).forward(torch.ones([1, 1, 2])), /LSTMCell: input: expected 1 or 2 dimensions/],
    ['cell', () => new nn.RNNCell(2, 3).forward(torch.ones([1, 2]), torch.ones([3])), /hx: expected as many dimensions/],
    ...(['RNN', 'LSTM', 'GRU', 'RNNCell', 'LSTMCell', 'GRUCell'] as const).flatMap((kind) =>
      (kind.endsWith('Cell') ? ['bias'] : ['bias', 'batchFirst', 'bidirectional']).flatMap((option) =>
        [1, 0, 'yes', null, [true]].map((value): [string, () => unknown, RegExp] => [
          `boolean: ${kind} ${option} ${String(value)}`,
          () => new nn[kind as 'LSTM'](2, 3, { [option]: value }),
          new RegExp(`^${kind}: ${option}: expected true or false, got `),
        ]),
      ),
    ),
  ]; // prettier-ignore
  it.each(bad)('refuse what is no %s', (_, run, message) => {
    expect(run).toThrow(message);
    expect(run).toThrow(expect.objectContaining({ name: 'TorchError' }));
  });
});

describe('packed sequences', () => {
  it('come back as they went in', () => {
    const sequences = [torch.ones([1, 2]), torch.zeros([3, 2]), torch.full([2, 2], 5)];
    const packed = packSequence(sequences, { enforceSorted: false });
    expect(packed.batchSizes.toArray()).toEqual([3, 2, 1]);
    unpackSequence(packed).forEach((one, i) => expect(one.equal(sequences[i]!)).toBe(true));
    const [padded, lengths] = padPackedSequence(packed, { batchFirst: true, paddingValue: -1 });
    expect(padded.shape).toEqual([3, 3, 2]);
    expect(lengths.toArray()).toEqual([1, 3, 2]);
    expect(padded.at(0, 1).toArray()).toEqual([-1, -1]);
    unpadSequence(padSequence(sequences), [1, 3, 2]).forEach((one, i) =>
      expect(one.equal(sequences[i]!)).toBe(true),
    );
  });

  it('change dtype and keep their order', () => {
    const packed = packPaddedSequence(torch.ones([3, 2, 1]), [1, 3], { enforceSorted: false });
    const wide = packed.to('float64');
    expect([wide.data.dtype, wide.batchSizes.dtype]).toEqual(['float64', 'int64']);
    expect(wide.unsortedIndices!.toArray()).toEqual([1, 0]);
    expect(packed.to('float32')).toBe(packed);
  });

  it('leave a scope with their tensors', () => {
    const packed = torch.scope(() => packSequence([torch.ones([2, 1]), torch.ones([1, 1])]));
    expect(packed.data.shape).toEqual([3, 1]);
  });

  const x = torch.ones([3, 2, 1]);
  const bad: [string, () => unknown, RegExp][] = [
    ['unsorted lengths', () => packPaddedSequence(x, [1, 3]), /lengths: expected the longest first, got \[1, 3\]/],
    ['too many lengths', () => packPaddedSequence(x, [3, 2, 1]), /batch_size/],
    ['a length of 0', () => packPaddedSequence(x, [3, 0]), /greater than 0/],
    ['no lengths', () => packPaddedSequence(x, 3 as never), /lengths: expected an array or a Tensor, got 3/],
    ['no packed sequence', () => padPackedSequence(x as never), /expected a PackedSequence, got float32 \[3, 2, 1\]/],
    ['a total too small', () => padPackedSequence(packSequence([x]), { totalLength: 2 }), /which is 3, got 2/],
    ['lengths that do not fit', () => unpadSequence(x, [1]), /one for each of the 2 sequences, got 1/],
  ]; // prettier-ignore
  it.each(bad)('refuse %s', (_, run, message) => expect(run).toThrow(message));
});
