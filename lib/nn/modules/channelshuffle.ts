// Channels in another order.
import { expectNoMore } from '../../core/options.js';
import { expectInteger } from '../../core/checks.js';
import { channelShuffle } from '../../operators/generated/functional.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import { Module } from '../module.js';
import { misfit } from './fit.js';

/** Takes one channel of each of `groups` groups in turn: [N, C, ...] to the same shape; groups divides C. */
export class ChannelShuffle extends Module {
  groups: number;
  constructor(groups: number) {
    super();
    expectNoMore(new.target.name, arguments, 1);
    this.groups = expectInteger('ChannelShuffle', 'groups', groups, 1);
  }
  override forward(input: Tensor): Tensor {
    const { shape } = expectTensor('ChannelShuffle', 'input', input);
    if (shape.length < 3 || shape[1]! % this.groups !== 0)
      throw misfit(this, input, `[N, C, ...] of 3 dimensions or more with C a multiple of ${this.groups}`);
    return channelShuffle(input, this.groups);
  }
  override extraRepr(): string {
    return `groups=${this.groups}`;
  }
}
