// What transforms are: functions of images, alone or in a batch, some of which draw random numbers.
import { expectNoMore } from '../core/options.js';
import { expectArgument, expectFunction, isIterable } from '../core/checks.js';
import { describe } from '../core/describe.js';
import { getWorkerInfo } from '../data/loader/info.js';
import { empty, randint } from '../operators/generated/functions.js';
import type { Generator } from '../tensor/random.js';
import { scope } from '../tensor/scope.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import { refuse, sizesOf } from './checks.js';

/** Whatever takes images [C, H, W] or [N, C, H, W] and gives such. */
export interface ImageTransform {
  forward(images: Tensor): Tensor;
}

export interface RandomOptions {
  /** Where random numbers come from. Default: a DataLoader worker's own generator, elsewhere the default generator. */
  generator?: Generator;
}

/** Random numbers as torchvision draws them. @hidden */
export class Draws {
  readonly #given: Generator | undefined;
  constructor(options: RandomOptions) {
    this.#given = options.generator;
  }
  get options(): { generator?: Generator } {
    const generator = this.#given ?? getWorkerInfo()?.generator;
    return generator === undefined ? {} : { generator };
  }
  uniform(low: number, high: number): number {
    return scope(() =>
      empty([1])
        .uniform_(low, { to: high, ...this.options })
        .item(),
    );
  }
  /** From 0 to `end` - 1. */
  below(end: number): number {
    return scope(() => randint(end, [1], { ...this.options, dtype: 'int64' }).item());
  }
  /** One of [0, 1) for each image. */
  unit(count: number): number[] {
    return scope(() =>
      Array.from(
        empty([count])
          .uniform_(0, { to: 1, ...this.options })
          .dataSync() as Float32Array,
      ),
    );
  }
}

/**
 * A transform that draws random numbers: for a single image [C, H, W] those that torchvision draws, for a batch [N, C, H, W]
 * those of its images one after another. torchvision draws once for a whole batch; here each image gets its own. What is done to
 * the images is done to all of them by the same operators.
 */
export abstract class RandomTransform implements ImageTransform {
  protected readonly draws: Draws;

  /** Takes options that the subclass has checked. */
  constructor(options: RandomOptions = {}) {
    this.draws = new Draws(options);
  }
  forward(images: Tensor): Tensor {
    const name = this.constructor.name;
    sizesOf(name, images);
    if (images.ndim > 4) throw refuse(name, `expected [C, H, W] or [N, C, H, W], got ${describe(images)}`);
    return scope(() => (images.ndim === 3 ? this.single(images) : this.batch(images)));
  }
  /** [C, H, W] */
  protected single(image: Tensor): Tensor {
    return this.batch(image.unsqueeze(0)).squeeze(0);
  }
  /** [N, C, H, W] */
  protected abstract batch(images: Tensor): Tensor;
}

/** Transforms one after another; functions of a tensor do as well. */
export class Compose implements ImageTransform {
  constructor(readonly transforms: readonly (ImageTransform | ((images: Tensor) => Tensor))[]) {
    expectNoMore(new.target.name, arguments, 1);
    expectArgument('Compose', 'transforms', transforms, isIterable(transforms), 'an array of transforms');
    for (const each of transforms)
      if (typeof each !== 'function' && typeof (each as Partial<ImageTransform>).forward !== 'function')
        throw refuse('Compose', `expected transforms, got ${describe(each)}`);
  }
  forward(images: Tensor): Tensor {
    if (!isTensor(images)) throw refuse('Compose', `expected a tensor of images, got ${describe(images)}`);
    return scope(() =>
      this.transforms.reduce(
        (made, each) => (typeof each === 'function' ? each(made) : each.forward(made)),
        images,
      ),
    );
  }
}

/** A function as a transform. */
export class Lambda implements ImageTransform {
  constructor(readonly lambda: (images: Tensor) => Tensor) {
    expectNoMore(new.target.name, arguments, 1);
    expectFunction('Lambda', 'lambda', lambda);
  }
  forward(images: Tensor): Tensor {
    return scope(() => this.lambda(images));
  }
}
