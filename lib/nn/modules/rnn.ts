// Recurrent nets: RNN, LSTM and GRU over whole sequences, and their cells for one step at a time.
import { expectBoolean, expectInteger } from '../../core/checks.js';
import { options as optionsOf } from '../../core/options.js';
import { describe } from '../../core/describe.js';
import { zeros } from '../../operators/generated/functions.js';
import { TorchError, ArgumentTypeError } from '../../core/errors.js';
import { operator } from '../../operators/operators.js';
import type { Parameter } from '../../tensor/parameter.js';
import { expectTensor, isTensor, type Tensor } from '../../tensor/tensor.js';
import { uniform_ } from '../init.js';
import { Module } from '../module.js';
import { isPackedSequence, PackedSequence } from '../utils/rnn.js';
import { expectProbability } from '../functional/dropout.js';
import { emptyParameter, type FactoryOptions } from './initial.js';
import { float } from './repr.js';

export interface RecurrentOptions extends FactoryOptions {
  /** Nets stacked on one another, each taking the outputs of the one below. Default 1. */
  numLayers?: number;
  /** Default true. */
  bias?: boolean;
  /** Whether inputs and outputs are [batch, length, features] instead of [length, batch, features]. Default false. */
  batchFirst?: boolean;
  /** Probability with which outputs of each layer but the last are zeroed in training. Default 0. */
  dropout?: number;
  /** Whether each layer also has a net that reads backwards. Default false. */
  bidirectional?: boolean;
}

/** What forward takes and gives besides sequences: one state, or an LSTM's two. */
type Hidden = Tensor | readonly [h: Tensor, c: Tensor];

const OPTIONS = ['numLayers', 'bias', 'batchFirst', 'dropout', 'bidirectional', 'device', 'dtype'] as const;
const CELL_OPTIONS = ['bias', 'device', 'dtype'] as const;

type Mode = 'rnn_tanh' | 'rnn_relu' | 'lstm' | 'gru';
const GATES: Record<Mode, number> = { rnn_tanh: 1, rnn_relu: 1, lstm: 4, gru: 3 };

abstract class Recurrent<H extends Hidden> extends Module<
  [input: Tensor | PackedSequence, hx?: H | null],
  [output: Tensor | PackedSequence, hidden: H]
> {
  inputSize: number;
  hiddenSize: number;
  numLayers: number;
  bias: boolean;
  batchFirst: boolean;
  dropout: number;
  bidirectional: boolean;
  /** Size of an LSTM's projected outputs; 0 without projection. */
  projSize: number;
  /**
   * The parameters under PyTorch's names: weight_ih_l0 [gates * hiddenSize, inputSize], weight_hh_l0, bias_ih_l0, bias_hh_l0,
   * weight_hr_l0 (with projSize), weight_ih_l0_reverse (when bidirectional), weight_ih_l1, ...
   */
  [name: `weight_${string}` | `bias_${string}`]: Parameter;
  protected mode: Mode;
  protected readonly names: (`weight_${string}` | `bias_${string}`)[][] = [];

  constructor(
    where: string,
    mode: Mode,
    inputSize: number,
    hiddenSize: number,
    options: RecurrentOptions & { projSize?: number },
  ) {
    super();
    const { bias = true, batchFirst = false, bidirectional = false } = options;
    this.mode = mode;
    this.bias = expectBoolean(where, 'bias', bias);
    this.inputSize = expectInteger(where, 'inputSize', inputSize, 1);
    this.hiddenSize = expectInteger(where, 'hiddenSize', hiddenSize, 1);
    this.numLayers = expectInteger(where, 'numLayers', options.numLayers ?? 1, 1);
    this.batchFirst = expectBoolean(where, 'batchFirst', batchFirst);
    this.dropout = expectProbability(where, options.dropout ?? 0, 'dropout');
    this.bidirectional = expectBoolean(where, 'bidirectional', bidirectional);
    this.projSize = expectInteger(where, 'projSize', options.projSize ?? 0);
    if (this.projSize >= this.hiddenSize)
      throw new TorchError(
        where,
        `projSize: expected less than hiddenSize, which is ${hiddenSize}, got ${this.projSize}`,
      );
    if (this.dropout > 0 && this.numLayers === 1) {
      process.emitWarning(
        `${where}: dropout comes after all layers but the last, so that with one layer there is none: use numLayers > 1`,
        'TorchWarning',
      );
    }

    const gates = GATES[mode] * this.hiddenSize;
    const outputSize = this.projSize || this.hiddenSize;
    for (let layer = 0; layer < this.numLayers; layer++) {
      for (const suffix of bidirectional ? ['', '_reverse'] : ['']) {
        const layerInput = layer === 0 ? this.inputSize : outputSize * this.directions;
        const shapes: [`weight_${string}` | `bias_${string}`, number[]][] = [
          [`weight_ih_l${layer}${suffix}`, [gates, layerInput]],
          [`weight_hh_l${layer}${suffix}`, [gates, outputSize]],
        ];
        if (bias)
          shapes.push([`bias_ih_l${layer}${suffix}`, [gates]], [`bias_hh_l${layer}${suffix}`, [gates]]);
        if (this.projSize > 0)
          shapes.push([`weight_hr_l${layer}${suffix}`, [this.projSize, this.hiddenSize]]);
        for (const [name, shape] of shapes) this.registerParameter(name, emptyParameter(shape, options));
        this.names.push(shapes.map(([name]) => name));
      }
    }
    this.resetParameters();
  }

  protected get directions(): number {
    return this.bidirectional ? 2 : 1;
  }
  /** The parameters of each layer and direction. */
  get allWeights(): Parameter[][] {
    return this.names.map((names) => names.map((name) => this[name]!));
  }
  /** Draws all parameters uniformly from +-1/sqrt(hiddenSize). */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize);
    for (const weight of this.allWeights.flat()) uniform_(weight, { a: -bound, b: bound });
  }

  /** The states before the first step, made of what was given or zeros, and the sizes they are to have. */
  protected abstract states(hx: H): readonly Tensor[];
  protected abstract joined(states: readonly Tensor[]): H;

  /** forward(), whose types the subclasses tell. */
  protected run(
    input: Tensor | PackedSequence,
    hx: H | null | undefined,
  ): [output: Tensor | PackedSequence, hidden: H] {
    const where = this.constructor.name;
    if (isPackedSequence(input)) return this.packed(where, input, hx);
    expectTensor(where, 'input', input);
    const batched = input.ndim === 3;
    if (!batched && input.ndim !== 2)
      throw new TorchError(where, `input: expected 2 or 3 dimensions, got ${describe(input)}`);
    const batchDim = this.batchFirst ? 0 : 1;
    const x = batched ? input : input.unsqueeze(batchDim);
    const states = this.initial(where, x, x.size(batchDim), hx, batched, batched ? 3 : 2);
    const [output, hidden] = this.compute('input', [x], states, [this.batchFirst]);
    if (batched) return [output, this.joined(hidden)];
    return [output.squeeze(batchDim), this.joined(hidden.map((state) => state.squeeze(1)))];
  }

  private packed(where: string, input: PackedSequence, hx: H | null | undefined): [PackedSequence, H] {
    const { data, batchSizes, sortedIndices, unsortedIndices } = input;
    if (data.ndim !== 2)
      throw new TorchError(where, `input: expected packed data of 2 dimensions, got ${describe(data)}`);
    const given = this.initial(where, data, batchSizes.select(0, 0).item(), hx, true, 3);
    const sorted =
      hx === undefined || hx === null ? given : given.map((state) => permuted(state, sortedIndices));
    const [output, hidden] = this.compute('data', [data, batchSizes], sorted, []);
    return [
      new PackedSequence(output, batchSizes, sortedIndices, unsortedIndices),
      this.joined(hidden.map((state) => permuted(state, unsortedIndices))),
    ];
  }

  private compute(
    overload: 'input' | 'data',
    leading: readonly Tensor[],
    states: readonly Tensor[],
    trailing: readonly boolean[],
  ): [output: Tensor, hidden: Tensor[]] {
    const [output, ...hidden] = operator(`aten::${this.mode}.${overload}`).call(
      ...leading,
      this.mode === 'lstm' ? states : states[0],
      this.allWeights.flat(),
      this.bias,
      this.numLayers,
      this.dropout,
      this.training,
      this.bidirectional,
      ...trailing,
    ) as [Tensor, ...Tensor[]];
    return [output, hidden];
  }

  private initial(
    where: string,
    x: Tensor,
    batch: number,
    hx: H | null | undefined,
    batched: boolean,
    dimensions: number,
  ): readonly Tensor[] {
    const { dtype, device } = x;
    for (const name of this.names.flat()) expectTensor(where, name, this[name]);
    const weight = this[this.names[0]![0]!]!;
    if (x.size(-1) !== this.inputSize)
      throw new TorchError(
        where,
        `input: expected ${this.inputSize} features (inputSize), got ${describe(x)}`,
      );
    if (dtype !== weight.dtype) {
      throw new TorchError(
        where,
        `input: expected the parameters' dtype, which is ${weight.dtype}, got ${describe(x)}: convert one of both with to()`,
      );
    }
    const layers = this.numLayers * this.directions;
    const sizes = [this.projSize || this.hiddenSize, this.hiddenSize].map((size) => [layers, batch, size]);
    if (hx === undefined || hx === null)
      return sizes.slice(0, this.mode === 'lstm' ? 2 : 1).map((size) => zeros(size, { dtype, device }));
    return this.states(hx).map((state, i) => {
      const name = this.mode === 'lstm' ? `hx[${i}]` : 'hx';
      expectTensor(where, name, state);
      const expected = batched ? sizes[i]! : [sizes[i]![0]!, sizes[i]![2]!];
      if (String(state.shape) !== String(expected)) {
        throw new TorchError(
          where,
          `${name}: expected the shape [${expected.join(', ')}] with ${dimensions === 3 ? 'a batch' : 'an input without batch'}, got ${describe(state)}`,
        );
      }
      return batched ? state : state.unsqueeze(1);
    });
  }

  override extraRepr(): string {
    return [
      `${this.inputSize}, ${this.hiddenSize}`,
      ...(this.projSize === 0 ? [] : [`proj_size=${this.projSize}`]),
      ...(this.numLayers === 1 ? [] : [`num_layers=${this.numLayers}`]),
      ...(this.bias ? [] : ['bias=False']),
      ...(this.batchFirst ? ['batch_first=True'] : []),
      ...(this.dropout === 0 ? [] : [`dropout=${float(this.dropout)}`]),
      ...(this.bidirectional ? ['bidirectional=True'] : []),
    ].join(', ');
  }
}

function permuted(state: Tensor, permutation: Tensor | null): Tensor {
  return permutation === null ? state : state.indexSelect(1, permutation);
}

/** RNN and GRU: one state. */
abstract class OneState extends Recurrent<Tensor> {
  protected override states(hx: Tensor): readonly Tensor[] {
    return [hx];
  }
  protected override joined(states: readonly Tensor[]): Tensor {
    return states[0]!;
  }
  /**
   * @param input [length, batch, inputSize], [batch, length, inputSize] with batchFirst, [length, inputSize] without batch, or
   *   a PackedSequence
   * @param hx the state to begin with, [numLayers * directions, batch, hiddenSize] (no batch without one). Default zeros.
   * @returns the last layer's outputs, [length, batch, directions * hiddenSize] (or as the input was), and the last states
   */
  override forward(input: Tensor, hx?: Tensor | null): [output: Tensor, hidden: Tensor];
  override forward(input: PackedSequence, hx?: Tensor | null): [output: PackedSequence, hidden: Tensor];
  override forward(
    input: Tensor | PackedSequence,
    hx?: Tensor | null,
  ): [output: Tensor | PackedSequence, hidden: Tensor];
  override forward(
    input: Tensor | PackedSequence,
    hx?: Tensor | null,
  ): [output: Tensor | PackedSequence, hidden: Tensor] {
    return this.run(input, hx);
  }
}

/**
 * Elman's net: h' = tanh(x W_ih^T + b_ih + h W_hh^T + b_hh), or relu of the same. Parameters are drawn uniformly from
 * +-1/sqrt(hiddenSize).
 */
export class RNN extends OneState {
  constructor(
    inputSize: number,
    hiddenSize: number,
    options: RecurrentOptions & {
      /** Default 'tanh'. */
      nonlinearity?: 'tanh' | 'relu';
    } = {},
  ) {
    const nonlinearity = expectNonlinearity(
      'RNN',
      optionsOf('RNN', options, [...OPTIONS, 'nonlinearity']).nonlinearity,
    );
    super('RNN', `rnn_${nonlinearity}`, inputSize, hiddenSize, options);
  }
  get nonlinearity(): 'tanh' | 'relu' {
    return this.mode === 'rnn_relu' ? 'relu' : 'tanh';
  }
  set nonlinearity(value: 'tanh' | 'relu') {
    this.mode = `rnn_${expectNonlinearity('RNN', value)}`;
  }
}

/** Net of gated recurrent units. Parameters are drawn uniformly from +-1/sqrt(hiddenSize); the gates are r, z and n. */
export class GRU extends OneState {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super('GRU', 'gru', inputSize, hiddenSize, optionsOf('GRU', options, OPTIONS));
  }
}

/**
 * Long short-term memory. Parameters are drawn uniformly from +-1/sqrt(hiddenSize); the gates are i, f, g and o. With
 * projSize the outputs, and with them the states h, are projected to that size by weight_hr_l0 and its kin.
 */
export class LSTM extends Recurrent<readonly [h: Tensor, c: Tensor]> {
  constructor(
    inputSize: number,
    hiddenSize: number,
    options: RecurrentOptions & {
      /** Default 0: no projection. */
      projSize?: number;
    } = {},
  ) {
    super('LSTM', 'lstm', inputSize, hiddenSize, optionsOf('LSTM', options, [...OPTIONS, 'projSize']));
  }
  protected override states(hx: readonly [Tensor, Tensor]): readonly Tensor[] {
    return expectTwo('LSTM', hx);
  }
  protected override joined(states: readonly Tensor[]): [Tensor, Tensor] {
    return [states[0]!, states[1]!];
  }
  /**
   * @param input [length, batch, inputSize], [batch, length, inputSize] with batchFirst, [length, inputSize] without batch, or
   *   a PackedSequence
   * @param hx the states to begin with: h [numLayers * directions, batch, projSize or hiddenSize] and
   *   c [numLayers * directions, batch, hiddenSize] (no batch without one). Default zeros.
   * @returns the last layer's outputs, [length, batch, directions * size of h] (or as the input was), and the last [h, c]
   */
  override forward(
    input: Tensor,
    hx?: readonly [Tensor, Tensor] | null,
  ): [output: Tensor, hidden: [h: Tensor, c: Tensor]];
  override forward(
    input: PackedSequence,
    hx?: readonly [Tensor, Tensor] | null,
  ): [output: PackedSequence, hidden: [h: Tensor, c: Tensor]];
  override forward(
    input: Tensor | PackedSequence,
    hx?: readonly [Tensor, Tensor] | null,
  ): [output: Tensor | PackedSequence, hidden: [h: Tensor, c: Tensor]];
  override forward(
    input: Tensor | PackedSequence,
    hx?: readonly [Tensor, Tensor] | null,
  ): [output: Tensor | PackedSequence, hidden: [h: Tensor, c: Tensor]] {
    return this.run(input, hx) as [Tensor | PackedSequence, [Tensor, Tensor]];
  }
}

// ---- cells ----

export interface RNNCellOptions extends FactoryOptions {
  /** Default true. */
  bias?: boolean;
}

abstract class Cell<H extends Hidden> extends Module<[input: Tensor, hx?: H | null], H> {
  inputSize: number;
  hiddenSize: number;
  declare weight_ih: Parameter;
  declare weight_hh: Parameter;
  declare bias_ih: Parameter | null;
  declare bias_hh: Parameter | null;

  constructor(where: string, inputSize: number, hiddenSize: number, gates: number, options: RNNCellOptions) {
    super();
    const { bias = true } = options;
    expectBoolean(where, 'bias', bias);
    this.inputSize = expectInteger(where, 'inputSize', inputSize);
    this.hiddenSize = expectInteger(where, 'hiddenSize', hiddenSize);
    const size = gates * this.hiddenSize;
    this.registerParameter('weight_ih', emptyParameter([size, inputSize], options));
    this.registerParameter('weight_hh', emptyParameter([size, hiddenSize], options));
    this.registerParameter('bias_ih', bias ? emptyParameter([size], options) : null);
    this.registerParameter('bias_hh', bias ? emptyParameter([size], options) : null);
    this.resetParameters();
  }
  /** Draws all parameters uniformly from +-1/sqrt(hiddenSize). */
  resetParameters(): void {
    const bound = this.hiddenSize > 0 ? 1 / Math.sqrt(this.hiddenSize) : 0;
    for (const parameter of [this.weight_ih, this.weight_hh, this.bias_ih, this.bias_hh])
      if (parameter !== null) uniform_(parameter, { a: -bound, b: bound });
  }
  /** One step of an operator, with a batch of one where the input has none. */
  protected step(name: string, input: Tensor, given: readonly Tensor[] | undefined, count: number): Tensor[] {
    const where = this.constructor.name;
    expectTensor(where, 'input', input);
    const batched = input.ndim === 2;
    if (!batched && input.ndim !== 1)
      throw new TorchError(where, `input: expected 1 or 2 dimensions, got ${describe(input)}`);
    given?.forEach((state, i) => {
      expectTensor(where, `hx${count === 1 ? '' : `[${i}]`}`, state);
      if (state.ndim !== input.ndim) {
        throw new TorchError(
          where,
          `hx${count === 1 ? '' : `[${i}]`}: expected as many dimensions as the input has, ${input.ndim}, got ${describe(state)}`,
        );
      }
    });
    const x = batched ? input : input.unsqueeze(0);
    const { dtype, device } = x;
    const states =
      given === undefined
        ? new Array<Tensor>(count).fill(zeros([x.size(0), this.hiddenSize], { dtype, device }))
        : batched
          ? given
          : given.map((state) => state.unsqueeze(0));
    const next = operator(name).call(
      x,
      count === 1 ? states[0] : states,
      this.weight_ih,
      this.weight_hh,
      this.bias_ih,
      this.bias_hh,
    ) as Tensor | Tensor[];
    const all = isTensor(next) ? [next] : next;
    return batched ? all : all.map((state) => state.squeeze(0));
  }
  override extraRepr(): string {
    return `${this.inputSize}, ${this.hiddenSize}${this.bias_ih === null ? ', bias=False' : ''}`;
  }
}

/** One step of an RNN: input [batch, inputSize] and state [batch, hiddenSize] to the next state; both also without batch. */
export class RNNCell extends Cell<Tensor> {
  nonlinearity: 'tanh' | 'relu';
  constructor(
    inputSize: number,
    hiddenSize: number,
    options: RNNCellOptions & {
      /** Default 'tanh'. */
      nonlinearity?: 'tanh' | 'relu';
    } = {},
  ) {
    const nonlinearity = expectNonlinearity(
      'RNNCell',
      optionsOf('RNNCell', options, [...CELL_OPTIONS, 'nonlinearity']).nonlinearity,
    );
    super('RNNCell', inputSize, hiddenSize, 1, options);
    this.nonlinearity = nonlinearity;
  }
  forward(input: Tensor, hx?: Tensor | null): Tensor {
    return this.step(`aten::rnn_${this.nonlinearity}_cell`, input, one(hx), 1)[0]!;
  }
  override extraRepr(): string {
    return `${super.extraRepr()}${this.nonlinearity === 'tanh' ? '' : `, nonlinearity=${this.nonlinearity}`}`;
  }
}

/** One step of a GRU: input [batch, inputSize] and state [batch, hiddenSize] to the next state; both also without batch. */
export class GRUCell extends Cell<Tensor> {
  constructor(inputSize: number, hiddenSize: number, options: RNNCellOptions = {}) {
    super('GRUCell', inputSize, hiddenSize, 3, optionsOf('GRUCell', options, CELL_OPTIONS));
  }
  forward(input: Tensor, hx?: Tensor | null): Tensor {
    return this.step('aten::gru_cell', input, one(hx), 1)[0]!;
  }
}

/** One step of an LSTM: input [batch, inputSize] and [h, c], each [batch, hiddenSize], to the next [h, c]; also without batch. */
export class LSTMCell extends Cell<readonly [h: Tensor, c: Tensor]> {
  constructor(inputSize: number, hiddenSize: number, options: RNNCellOptions = {}) {
    super('LSTMCell', inputSize, hiddenSize, 4, optionsOf('LSTMCell', options, CELL_OPTIONS));
  }
  forward(input: Tensor, hx?: readonly [Tensor, Tensor] | null): [h: Tensor, c: Tensor] {
    const given = hx === undefined || hx === null ? undefined : expectTwo('LSTMCell', hx);
    return this.step('aten::lstm_cell', input, given, 2) as [Tensor, Tensor];
  }
}

function one(hx: Tensor | null | undefined): readonly Tensor[] | undefined {
  return hx === undefined || hx === null ? undefined : [hx];
}

function expectTwo(where: string, hx: unknown): readonly Tensor[] {
  if (Array.isArray(hx) && hx.length === 2) return hx as Tensor[];
  throw new ArgumentTypeError(where, `hx: expected two tensors, [h, c], got ${describe(hx)}`);
}

function expectNonlinearity(where: string, value: unknown): 'tanh' | 'relu' {
  if (value === undefined || value === 'tanh' || value === 'relu') return value ?? 'tanh';
  throw new ArgumentTypeError(where, `nonlinearity: expected 'tanh' or 'relu', got ${describe(value)}`);
}
