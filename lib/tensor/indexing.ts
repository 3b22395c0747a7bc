// Indexing: what t[...] and t[...] = value are in Python. The definitions are ATen/TensorIndexing.h and
// torch/csrc/autograd/python_variable_indexing.cpp: integers, slices and new axes are taken one after another as views,
// then one call of aten::index takes what is left, the index tensors and the masks. Views on the way are bare handles,
// which neither a scope nor the garbage collector gets to know: they are released here.
import { expectNoMore } from '../core/options.js';
import { isNumeric } from '../core/scalar.js';
import { describeTensor, handleOf } from '../core/handles.js';
import { describe } from '../core/describe.js';
import { native } from '../native/binding.js';
import { asTorchError, named, TorchError, ArgumentTypeError, OutOfRangeError } from '../core/errors.js';
import { operator } from '../operators/operators.js';
import type { Scalar, Tensor } from './tensor.js';

const sliceMark: unique symbol = Symbol.for('torch-node.slice');

/** A part of a dimension, as `start:stop:step` in Python. Made by `slice`. */
export interface Slice {
  /** First index taken; counts from the end when negative. */
  readonly start: number;
  /** First index not taken; counts from the end when negative. null: all to the end. */
  readonly stop: number | null;
  /** Distance from one index taken to the next, 1 or more. */
  readonly step: number;
  /** @internal */
  readonly [sliceMark]: true;
}

/** Nested arrays of integers (positions along one dimension) or of booleans (a mask over as many as it has itself). */
export type IndexArray = readonly (number | bigint | boolean | IndexArray)[];

/**
 * One index of `Tensor.at` and `Tensor.set`.
 *
 * | index                                 | Python         | what it does                                              |
 * | ------------------------------------- | -------------- | --------------------------------------------------------- |
 * | a number, or a bigint                 | `3`, `-1`      | takes one position of a dimension, which disappears       |
 * | `slice(1, 5, 2)`                      | `1:5:2`        | takes a part of a dimension                               |
 * | `':'`                                 | `:`            | takes all of a dimension                                  |
 * | `'...'`                               | `...`          | takes all of as many dimensions as the others leave; once |
 * | `null`                                | `None`         | makes a new dimension of size 1                           |
 * | an int64 or int32 tensor, `[0, 2]`    | a tensor, list | takes these positions of a dimension, in this order       |
 * | a bool tensor, `[true, false]`        | a mask         | takes the positions that are true, of as many dimensions as the mask has |
 * | `true`, `false`                       | `True`         | makes a new dimension, of size 1 or 0                     |
 *
 * A tensor of no dimensions stands for its number or boolean. A uint8 tensor is a mask, as in PyTorch, where that is
 * deprecated: libtorch says so on stderr. Two things that PyTorch lets pass are refused: a second `'...'`, and fractions
 * in an array, which it cuts off.
 */
export type TensorIndex = number | bigint | boolean | null | '...' | ':' | Slice | Tensor | IndexArray;

/**
 * Indices start, start + step, ... before stop, for `Tensor.at` and `Tensor.set`. What is left out or null is open:
 * `slice(2)` is `2:` (as in JavaScript's own slice), `slice(null, 2)` is `:2`, `slice()` is `:`.
 *
 * Throws a TorchError for ends that are no integers and for steps below 1, which no view of a tensor can have.
 */
export function slice(start?: number | null, stop?: number | null, step?: number | null): Slice {
  expectNoMore('slice', arguments, 3);
  const whole = (name: string, value: unknown): number | null => {
    if (value === undefined || value === null) return null;
    if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
    const open = value === Infinity || value === -Infinity;
    throw new ArgumentTypeError(
      'slice',
      `${name}: expected an integer or null, got ${describe(value)}${open ? ' (an open end is null)' : ''}`,
    );
  };
  const every = whole('step', step) ?? 1;
  if (every === 0) throw new TorchError('slice', 'the step is 0: expected 1 or more (1 takes every index)');
  if (every < 0) {
    throw new TorchError(
      'slice',
      `the step is ${every}, and no view of a tensor runs backwards: take the same indices with step ${-every} and ` +
        'flip the dimension afterwards, t.flip([dim])',
    );
  }
  return Object.freeze({
    start: whole('start', start) ?? 0,
    stop: whole('stop', stop),
    step: every,
    [sliceMark]: true as const,
  });
}

/** t[indices] as a new handle: a view of the tensor, or a copy where index tensors or masks are among the indices. @internal */
export function indexed(self: Tensor, indices: readonly TensorIndex[]): number {
  const quick = selected(self, indices);
  if (quick !== 0) return quick;
  const choice = new Choice('Tensor.at', self, indices);
  try {
    return choice.copies ? choice.gather() : choice.takeView();
  } finally {
    choice.release();
  }
}

/** t[indices] = value. @internal */
export function assign(self: Tensor, value: Tensor | Scalar, indices: readonly TensorIndex[]): void {
  const where = 'Tensor.set';
  checkValue(where, value);
  const [only] = indices;
  if (indices.length === 1 && typeof only === 'boolean') {
    // As PyTorch: t[False] = value does nothing at all, t[True] = value is t[None] = value.
    if (only) assign(self, value, [null]);
    return;
  }
  const view = selected(self, indices);
  if (view !== 0) {
    try {
      copyTo(where, self, indices, view, value);
    } finally {
      native.releaseTensor(view);
    }
    return;
  }
  const choice = new Choice(where, self, indices);
  try {
    if (choice.copies) choice.put(value);
    else copyTo(where, self, indices, choice.view, value);
  } finally {
    choice.release();
  }
}

/** The slices along the first dimension, made when the iteration begins; those that it does not reach are released. @internal */
export function rows(self: Tensor): IterableIterator<Tensor> {
  if (self.ndim === 0) {
    throw new TorchError(
      'Tensor[Symbol.iterator]',
      'a tensor of 0 dimensions has no rows: read it with item(). Where Vitest says this, it has compared tensors row by row: ' +
        'expect.extend(torch.testing.matchers) gives it toEqualTensor',
      {
        arguments: [`self: ${self[describeTensor]()}`],
      },
    );
  }
  return each(self.unbind(0));
}

function* each(tensors: readonly Tensor[]): Generator<Tensor, undefined> {
  let next = 0;
  try {
    while (next < tensors.length) yield tensors[next++]!;
  } finally {
    for (const unused of tensors.slice(next)) unused.dispose();
  }
}

// ---- integers alone ----

// The quick way of the most frequent indices: selects, without asking for the shape. 0 where there are other indices, or
// where one is wrong, which the long way says better.
function selected(self: Tensor, indices: readonly TensorIndex[]): number {
  if (indices.length === 0) return 0;
  for (const index of indices) if (typeof index !== 'number') return 0;
  const { id } = operator('aten::select.int');
  const own = self[handleOf];
  let view = own;
  try {
    for (const index of indices) {
      const next = native.callOperator(id, view, 0, index) as number;
      if (view !== own) native.releaseTensor(view);
      view = next;
    }
  } catch {
    if (view !== own) native.releaseTensor(view);
    return 0;
  }
  return view;
}

// ---- all kinds of indices ----

/** An index, understood. `dims` says how many dimensions of the tensor it is for. */
type Item =
  | { kind: 'integer'; dims: 1; at: number }
  | { kind: 'slice'; dims: 1; slice: Slice }
  | { kind: 'all'; dims: 1 }
  | { kind: 'ellipsis' | 'axis'; dims: 0 }
  | { kind: 'boolean'; dims: 0; on: boolean }
  | { kind: 'tensor'; dims: number; handle: number; mask: boolean; shape: readonly number[] };

/** What indices come to: a view of the tensor, and the list of index tensors that aten::index takes from that view. */
class Choice {
  readonly #where: string;
  readonly #self: Tensor;
  readonly #indices: readonly TensorIndex[];
  /** Of the tensor. A view's dimension that no index has been for yet still has the size that it has there. */
  readonly #shape: readonly number[];
  /** Handles for aten::index; null stands for all of a dimension. */
  readonly #tensors: (number | null)[] = [];
  /** The index tensors among them that hold positions, for the message when one of those is out of range. */
  readonly #positions: { handle: number; dim: number; size: number }[] = [];
  /** Handles to release at the end. */
  readonly #made: number[] = [];
  #view: number;

  constructor(where: string, self: Tensor, indices: readonly TensorIndex[]) {
    this.#where = where;
    this.#self = self;
    this.#indices = indices;
    this.#view = self[handleOf];
    this.#shape = self.shape;
    try {
      this.#walk(indices.map((index) => this.#understand(index)));
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Whether there is more than a view can give. */
  get copies(): boolean {
    return this.#tensors.length > 0;
  }

  get view(): number {
    return this.#view;
  }

  /** The view as a handle that the caller owns from now on. */
  takeView(): number {
    const own = this.#self[handleOf];
    const view = this.#view === own ? this.#call('aten::alias') : this.#view;
    this.#view = own;
    return view;
  }

  gather(): number {
    return this.#checked(() => this.#call('aten::index.Tensor', this.#tensors));
  }

  put(value: Tensor | Scalar): void {
    const { dtype, device } = this.#self;
    const made: number[] = [];
    try {
      let source: number;
      if (isTensor(value)) {
        const { shape } = value;
        const first = shape.findIndex((size) => size !== 1);
        const stripped = first < 0 ? [] : shape.slice(first); // as PyTorch, for what it calls NumPy's semantics
        source = value[handleOf];
        if (stripped.length < shape.length) made.push((source = call('aten::view', source, stripped)));
      } else {
        // index_put_ converts nothing: the value has to have the tensor's dtype.
        made.push((source = call('aten::scalar_tensor', value, dtype, undefined, device)));
      }
      this.#checked(() => this.#call('aten::index_put_', this.#tensors, source));
    } catch (error) {
      throw asTorchError(this.#where, error, () => inWords(this.#self, this.#indices));
    } finally {
      for (const handle of made) native.releaseTensor(handle);
    }
  }

  release(): void {
    this.#to(this.#self[handleOf]);
    for (const handle of this.#made.splice(0)) native.releaseTensor(handle);
  }

  // ---- from index to item ----

  // Whatever the types say, anything may come in.
  #understand(index: unknown): Item {
    if (index === null) return { kind: 'axis', dims: 0 };
    switch (typeof index) {
      case 'number':
      case 'bigint':
        return { kind: 'integer', dims: 1, at: this.#integer(index) };
      case 'boolean':
        return { kind: 'boolean', dims: 0, on: index };
      case 'string':
        if (index === '...') return { kind: 'ellipsis', dims: 0 };
        if (index === ':') return { kind: 'all', dims: 1 };
        break;
      case 'object':
        if (isTensor(index)) return this.#tensor(index);
        if (Array.isArray(index)) return this.#array(index as IndexArray);
        if (sliceMark in index) return { kind: 'slice', dims: 1, slice: index as Slice };
    }
    throw this.#wrong(
      `${describe(index)} is no index: expected an integer, slice(...), ':', '...', null, a boolean, a tensor of ` +
        'int64, int32 or bool, or an array of integers or booleans' +
        (index === undefined ? ' (a new dimension is null)' : '') +
        (ArrayBuffer.isView(index) ? ' (make it a tensor of int64 first, or an array)' : ''),
    );
  }

  #integer(value: number | bigint): number {
    const at = Number(value);
    if (!Number.isSafeInteger(at))
      throw this.#wrong(`${describe(value)} is no index: expected an integer that JavaScript holds exactly`);
    return at;
  }

  #tensor(index: Tensor): Item {
    const { dtype, shape } = index;
    const mask = dtype === 'bool' || dtype === 'uint8';
    if (shape.length === 0 && mask) return { kind: 'boolean', dims: 0, on: Boolean(index.item()) };
    if (shape.length === 0 && /^int/.test(dtype))
      return { kind: 'integer', dims: 1, at: this.#integer(index.item()) };
    if (!mask && dtype !== 'int64' && dtype !== 'int32') {
      throw this.#wrong(
        `an index tensor of dtype ${dtype}: expected int64, int32 or bool; torch.tensor makes float32 of plain ` +
          "numbers, so give it { dtype: 'int64' }",
      );
    }
    return { kind: 'tensor', dims: mask ? shape.length : 1, handle: index[handleOf], mask, shape };
  }

  #array(nested: IndexArray): Item {
    const shape: number[] = [];
    // No tensor has more than 64 dimensions; an array that holds itself would have.
    for (let level: unknown = nested; Array.isArray(level) && shape.length <= 64; level = level[0])
      shape.push(level.length);
    const flat: (number | bigint | boolean)[] = [];
    this.#flatten(nested, shape, 0, flat);
    const mask = flat.length > 0 && flat.every((value) => typeof value === 'boolean');
    const values = mask
      ? Uint8Array.from(flat, Number)
      : BigInt64Array.from(flat, (value) =>
          BigInt(typeof value === 'boolean' ? Number(value) : this.#integer(value)),
        );
    const handle = native.fromBytes(values, mask ? 'bool' : 'int64', shape);
    this.#made.push(handle);
    return { kind: 'tensor', dims: mask ? shape.length : 1, handle, mask, shape };
  }

  #flatten(
    level: unknown,
    shape: readonly number[],
    depth: number,
    out: (number | bigint | boolean)[],
  ): void {
    if (depth === shape.length) {
      if (typeof level === 'number' || typeof level === 'bigint' || typeof level === 'boolean') {
        out.push(level);
        return;
      }
      throw this.#wrong(
        Array.isArray(level)
          ? 'an array of indices is ragged: expected arrays of one length, or a number or boolean in each place'
          : `${describe(level)} inside an array of indices: expected integers or booleans` +
              (isTensor(level) ? ' (put tensors together with torch.stack)' : ''),
      );
    }
    if (!Array.isArray(level) || level.length !== shape[depth])
      throw this.#wrong(
        `an array of indices is ragged: expected ${shape[depth]} items in each array at depth ${depth}`,
      );
    for (const item of level) this.#flatten(item, shape, depth + 1, out);
  }

  // ---- from items to a view and a list of index tensors ----

  #walk(items: readonly Item[]): void {
    const ndim = this.#shape.length;
    const taken = items.reduce((sum, { dims }) => sum + dims, 0);
    if (items.filter(({ kind }) => kind === 'ellipsis').length > 1)
      throw this.#wrong(
        "'...' stands twice: what either stands for would be open; write ':' for single dimensions",
      );
    if (taken > ndim) {
      throw this.#wrong(
        `too many indices: they are for ${taken} dimension${taken === 1 ? '' : 's'}, the tensor has ${ndim}` +
          (ndim === 0 ? '; item() reads a tensor of 0 dimensions' : ''),
      );
    }
    const shape = this.#shape;
    let dim = 0; // in the view
    let real = 0; // in the tensor
    for (const item of items) {
      switch (item.kind) {
        case 'integer': {
          const size = shape[real]!;
          if (item.at < -size || item.at >= size) throw this.#outOfRange(item.at, real, size);
          this.#step('aten::select.int', dim, item.at);
          break;
        }
        case 'slice':
          this.#slice(dim, shape[real]!, item.slice);
          this.#skip(1);
          dim++;
          break;
        case 'all':
          this.#skip(1);
          dim++;
          break;
        case 'axis':
          this.#step('aten::unsqueeze', dim);
          this.#skip(1);
          dim++;
          break;
        case 'ellipsis':
          this.#skip(ndim - taken);
          dim += ndim - taken;
          real += ndim - taken;
          break;
        case 'boolean':
          this.#step('aten::unsqueeze', dim);
          this.#record(this.#oneOrNone(item.on), dim);
          dim++;
          break;
        case 'tensor':
          if (item.mask) this.#checkMask(item.shape, real);
          else this.#positions.push({ handle: item.handle, dim: real, size: shape[real]! });
          this.#record(item.handle, dim);
          dim += item.dims;
      }
      real += item.dims;
    }
    while (this.#tensors.at(-1) === null) this.#tensors.pop();
  }

  #slice(dim: number, size: number, { start, stop, step }: Slice): void {
    const clamp = (end: number): number => Math.min(Math.max(end < 0 ? end + size : end, 0), size);
    const [from, to] = [clamp(start), stop === null ? size : clamp(stop)];
    if (from > 0 || to < size || step > 1)
      this.#step('aten::slice.Tensor', dim, from, Math.max(from, to), step);
  }

  #checkMask(mask: readonly number[], real: number): void {
    const wrong = mask.findIndex((size, i) => size !== this.#shape[real + i]);
    if (wrong < 0) return;
    throw this.#wrong(
      `a mask of shape [${mask.join(', ')}] does not fit: its dimension ${wrong} has size ${mask[wrong]}, dimension ` +
        `${real + wrong} of the tensor has ${this.#shape[real + wrong]}`,
    );
  }

  // A boolean is an index into a new dimension: its only position, or none.
  #oneOrNone(on: boolean): number {
    const handle = call('aten::zeros', [on ? 1 : 0], 'int64', undefined, this.#self.device);
    this.#made.push(handle);
    return handle;
  }

  // Each dimension of the view before the last index tensor has an entry in the list.
  #record(handle: number, dim: number): void {
    if (this.#tensors.length === 0) for (let i = 0; i < dim; i++) this.#tensors.push(null);
    this.#tensors.push(handle);
  }
  #skip(dims: number): void {
    if (this.#tensors.length > 0) for (let i = 0; i < dims; i++) this.#tensors.push(null);
  }

  #step(name: string, ...args: unknown[]): void {
    this.#to(this.#call(name, ...args));
  }
  #to(view: number): void {
    if (this.#view !== view && this.#view !== this.#self[handleOf]) native.releaseTensor(this.#view);
    this.#view = view;
  }
  #call(name: string, ...args: unknown[]): number {
    return named(
      this.#where,
      () => call(name, this.#view, ...args),
      () => inWords(this.#self, this.#indices),
    );
  }

  // ---- errors ----

  // aten::index counts index tensors where it should count dimensions: find out which index it means.
  #checked(run: () => number): number {
    try {
      return run();
    } catch (error) {
      if (!/out of bounds/.test((error as Error).message)) throw error;
      for (const { handle, dim, size } of this.#positions) {
        for (const position of native.readSync(handle)) {
          if (position < -size || position >= size) throw this.#outOfRange(Number(position), dim, size);
        }
      }
      throw error;
    }
  }

  #outOfRange(at: number, dim: number, size: number): TorchError {
    const range = size === 0 ? 'it has no positions' : `expected ${-size} to ${size - 1}`;
    return new OutOfRangeError(
      this.#where,
      `index ${at} is out of range for dimension ${dim} of size ${size}: ${range}`,
      { arguments: inWords(this.#self, this.#indices) },
    );
  }

  #wrong(message: string): TorchError {
    return new TorchError(this.#where, message, { arguments: inWords(this.#self, this.#indices) });
  }
}

// ---- values ----

// dst.copy_(value), broadcast as an assignment is: dimensions of size 1 in front of the value do not count.
function copyTo(
  where: string,
  self: Tensor,
  indices: readonly TensorIndex[],
  view: number,
  value: Tensor | Scalar,
): void {
  const put = (name: string, source: unknown): void => {
    named(
      where,
      () => call(name, view, source),
      () => inWords(self, indices),
    );
  };
  if (!isTensor(value)) return put('aten::fill_.Scalar', value);
  const [to, from] = [native.shape(view), value.shape];
  if (!broadcasts(from, to)) {
    throw new TorchError(
      where,
      `the value's shape [${from.join(', ')}] does not broadcast to [${to.join(', ')}], the shape of what the indices ` +
        'take',
      { arguments: inWords(self, indices) },
    );
  }
  if (from.length === 0 && to.length > 0 && value.device === 'cpu')
    return put('aten::fill_.Tensor', value[handleOf]);
  if (from.length <= to.length) return put('aten::copy_', value[handleOf]);
  const aligned = named(
    where,
    () => call('aten::view', value[handleOf], from.slice(from.length - to.length)),
    () => inWords(self, indices),
  );
  try {
    put('aten::copy_', aligned);
  } finally {
    native.releaseTensor(aligned);
  }
}

function broadcasts(from: readonly number[], to: readonly number[]): boolean {
  const extra = from.length - to.length;
  return from.every((size, i) => size === 1 || (i >= extra && size === to[i - extra]));
}

function checkValue(where: string, value: unknown): void {
  if (isTensor(value) || isNumeric(value)) return;
  throw new ArgumentTypeError(
    where,
    `value: expected a Tensor, a number, a bigint, a boolean or a complex { re, im }, got ${describe(value)}; the ` +
      `value comes first, then the indices${Array.isArray(value) ? ', and an array becomes a tensor with torch.tensor' : ''}`,
  );
}

// ---- small things ----

// An operator on bare handles. In-place forms give null.
function call(name: string, ...args: unknown[]): number {
  return native.callOperator(operator(name).id, ...args) as number;
}

// tensor.ts needs this file for its methods, so that its own isTensor cannot be imported here.
function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && describeTensor in value;
}

function inWords(self: Tensor, indices: readonly TensorIndex[]): string[] {
  const text = (index: TensorIndex): string => {
    if (typeof index !== 'object' || index === null || !(sliceMark in index)) return describe(index);
    const { start, stop, step } = index;
    return `slice(${start}, ${stop}${step === 1 ? '' : `, ${step}`})`;
  };
  return [`self: ${self[describeTensor]()}`, `indices: ${indices.map(text).join(', ')}`];
}
