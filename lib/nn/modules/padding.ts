// Padding: values added around a tensor. The input has one, two or three spatial dimensions behind its channels, with a
// batch or without; `padding` is one number for all sides, or two for each of these dimensions, before and after, the last
// dimension first: [left, right, top, bottom, front, back]. Negative numbers cut.
import { expectNoMore } from '../../core/options.js';
import type { Tensor } from '../../tensor/tensor.js';
import { expectTensor } from '../../tensor/tensor.js';
import { pad, type PadMode } from '../functional/padding.js';
import { Module } from '../module.js';
import { expectSpatial } from './fit.js';
import { number, tuple } from './repr.js';
import { spread, type Dims } from './sizes.js';

/** One number for both sides, or [left, right]. */
export type Padding1d = number | readonly [left: number, right: number];
/** One number for all sides, or [left, right, top, bottom]. */
export type Padding2d = number | readonly [left: number, right: number, top: number, bottom: number];
/** One number for all sides, or [left, right, top, bottom, front, back]. */
export type Padding3d =
  number | readonly [left: number, right: number, top: number, bottom: number, front: number, back: number];

abstract class PadNd extends Module {
  /** Before and after each spatial dimension, the last one first. */
  padding: readonly number[];
  private readonly dims: Dims;
  private readonly mode: PadMode;

  constructor(dims: Dims, padding: number | readonly number[], mode: PadMode) {
    super();
    this.padding = spread(new.target.name, 'padding', padding, 2 * dims);
    this.dims = dims;
    this.mode = mode;
  }
  override forward(input: Tensor): Tensor {
    expectSpatial(this, input, this.dims, undefined);
    return pad(input, this.padding, { mode: this.mode });
  }
  override extraRepr(): string {
    return tuple(this.padding);
  }
}

abstract class ConstantPadNd extends Module {
  /** Before and after each spatial dimension, the last one first. */
  padding: readonly number[];

  constructor(
    dims: Dims,
    padding: number | readonly number[],
    public value: number,
  ) {
    super();
    this.padding = spread(new.target.name, 'padding', padding, 2 * dims);
    spread(new.target.name, 'value', value, 1);
  }
  override forward(input: Tensor): Tensor {
    expectTensor(this.constructor.name, 'input', input);
    return pad(input, this.padding, { value: this.value });
  }
  override extraRepr(): string {
    return `padding=${tuple(this.padding)}, value=${number(this.value)}`;
  }
}

/** Adds a value on both sides of the last dimension: [..., L] to [..., left + L + right]. */
export class ConstantPad1d extends ConstantPadNd {
  constructor(padding: Padding1d, value: number) {
    super(1, padding, value);
    expectNoMore(new.target.name, arguments, 2);
  }
}
/** Adds a value around the last two dimensions: [..., H, W] to [..., top + H + bottom, left + W + right]. */
export class ConstantPad2d extends ConstantPadNd {
  constructor(padding: Padding2d, value: number) {
    super(2, padding, value);
    expectNoMore(new.target.name, arguments, 2);
  }
}
/** Adds a value around the last three dimensions: [..., D, H, W] to [..., front + D + back, top + H + bottom, left + W + right]. */
export class ConstantPad3d extends ConstantPadNd {
  constructor(padding: Padding3d, value: number) {
    super(3, padding, value);
    expectNoMore(new.target.name, arguments, 2);
  }
}

/** Adds zeros on both sides of the last dimension: [..., L] to [..., left + L + right]. */
export class ZeroPad1d extends ConstantPadNd {
  constructor(padding: Padding1d) {
    super(1, padding, 0);
    expectNoMore(new.target.name, arguments, 1);
  }
  override extraRepr(): string {
    return tuple(this.padding);
  }
}
/** Adds zeros around the last two dimensions: [..., H, W] to [..., top + H + bottom, left + W + right]. */
export class ZeroPad2d extends ConstantPadNd {
  constructor(padding: Padding2d) {
    super(2, padding, 0);
    expectNoMore(new.target.name, arguments, 1);
  }
  override extraRepr(): string {
    return tuple(this.padding);
  }
}
/** Adds zeros around the last three dimensions: [..., D, H, W] to [..., front + D + back, top + H + bottom, left + W + right]. */
export class ZeroPad3d extends ConstantPadNd {
  constructor(padding: Padding3d) {
    super(3, padding, 0);
    expectNoMore(new.target.name, arguments, 1);
  }
  override extraRepr(): string {
    return tuple(this.padding);
  }
}

/** Mirrors the values at both ends, these not repeated, so that padding is less than L: [N, C, L] or [C, L]. */
export class ReflectionPad1d extends PadNd {
  constructor(padding: Padding1d) {
    super(1, padding, 'reflect');
    expectNoMore(new.target.name, arguments, 1);
  }
}
/** Mirrors the values at the edges, these not repeated: [N, C, H, W] or [C, H, W]. */
export class ReflectionPad2d extends PadNd {
  constructor(padding: Padding2d) {
    super(2, padding, 'reflect');
    expectNoMore(new.target.name, arguments, 1);
  }
}
/** Mirrors the values at the faces, these not repeated: [N, C, D, H, W] or [C, D, H, W]. */
export class ReflectionPad3d extends PadNd {
  constructor(padding: Padding3d) {
    super(3, padding, 'reflect');
    expectNoMore(new.target.name, arguments, 1);
  }
}

/** Repeats the values at both ends: [N, C, L] or [C, L]. */
export class ReplicationPad1d extends PadNd {
  constructor(padding: Padding1d) {
    super(1, padding, 'replicate');
    expectNoMore(new.target.name, arguments, 1);
  }
}
/** Repeats the values at the edges: [N, C, H, W] or [C, H, W]. */
export class ReplicationPad2d extends PadNd {
  constructor(padding: Padding2d) {
    super(2, padding, 'replicate');
    expectNoMore(new.target.name, arguments, 1);
  }
}
/** Repeats the values at the faces: [N, C, D, H, W] or [C, D, H, W]. */
export class ReplicationPad3d extends PadNd {
  constructor(padding: Padding3d) {
    super(3, padding, 'replicate');
    expectNoMore(new.target.name, arguments, 1);
  }
}

/** Goes on with the values of the other end, at most L of them: [N, C, L] or [C, L]. */
export class CircularPad1d extends PadNd {
  constructor(padding: Padding1d) {
    super(1, padding, 'circular');
    expectNoMore(new.target.name, arguments, 1);
  }
}
/** Goes on with the values of the other edge: [N, C, H, W] or [C, H, W]. */
export class CircularPad2d extends PadNd {
  constructor(padding: Padding2d) {
    super(2, padding, 'circular');
    expectNoMore(new.target.name, arguments, 1);
  }
}
/** Goes on with the values of the other face: [N, C, D, H, W] or [C, D, H, W]. */
export class CircularPad3d extends PadNd {
  constructor(padding: Padding3d) {
    super(3, padding, 'circular');
    expectNoMore(new.target.name, arguments, 1);
  }
}
