// Pixels from channels, and channels from pixels.
import { expectNoMore } from '../../core/options.js';
import { expectInteger } from '../../core/checks.js';
import { pixelShuffle, pixelUnshuffle } from '../../operators/generated/functional.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import { Module } from '../module.js';
import { misfit } from './fit.js';

/** [..., C * r^2, H, W] to [..., C, H * r, W * r], r being the upscale factor. */
export class PixelShuffle extends Module {
  upscaleFactor: number;
  constructor(upscaleFactor: number) {
    super();
    expectNoMore(new.target.name, arguments, 1);
    this.upscaleFactor = expectInteger('PixelShuffle', 'upscaleFactor', upscaleFactor, 1);
  }
  override forward(input: Tensor): Tensor {
    const { shape } = expectTensor('PixelShuffle', 'input', input);
    const factor = expectInteger('PixelShuffle', 'upscaleFactor', this.upscaleFactor, 1);
    const each = factor ** 2;
    if (shape.length < 3 || shape.at(-3)! % each !== 0)
      throw misfit(this, input, `[..., C * ${each}, H, W]: a multiple of ${factor}^2 channels`);
    return pixelShuffle(input, factor);
  }
  override extraRepr(): string {
    return `upscale_factor=${this.upscaleFactor}`;
  }
}

/** [..., C, H * r, W * r] to [..., C * r^2, H, W], r being the downscale factor. */
export class PixelUnshuffle extends Module {
  downscaleFactor: number;
  constructor(downscaleFactor: number) {
    super();
    expectNoMore(new.target.name, arguments, 1);
    this.downscaleFactor = expectInteger('PixelUnshuffle', 'downscaleFactor', downscaleFactor, 1);
  }
  override forward(input: Tensor): Tensor {
    const { shape } = expectTensor('PixelUnshuffle', 'input', input);
    const factor = expectInteger('PixelUnshuffle', 'downscaleFactor', this.downscaleFactor, 1);
    if (shape.length < 3 || shape.slice(-2).some((size) => size % factor !== 0))
      throw misfit(this, input, `[..., C, H * ${factor}, W * ${factor}]: multiples of ${factor}`);
    return pixelUnshuffle(input, factor);
  }
  override extraRepr(): string {
    return `downscale_factor=${this.downscaleFactor}`;
  }
}
