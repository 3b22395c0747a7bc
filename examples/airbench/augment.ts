// Pictures on their way into the network, on the device that they lie on.
import torch, { nn, type Tensor } from 'torch-node';

/** Pixels that a crop moves by at most. */
export const MARGIN = 2;
const SIDE = 32;

const MEAN = [0.4914, 0.4822, 0.4465];
const STD = [0.247, 0.2435, 0.2616];

/** Bytes [N, 3, 32, 32] with a margin that mirrors them: [N, 3, 36, 36]. */
export function withMargin(images: Tensor): Tensor {
  return nn.functional
    .pad(images.to('float32'), [MARGIN, MARGIN, MARGIN, MARGIN], { mode: 'reflect' })
    .to('uint8');
}

/** Makes floats of bytes, as a network takes them. */
export function normaliser(device: string): (images: Tensor) => Tensor {
  const [mean, std] = [MEAN, STD].map((values) =>
    torch.tensor(values, { device }).mul(255).reshape([1, 3, 1, 1]),
  );
  return (images) => images.to('float32').sub(mean!).div(std!).contiguous({ memoryFormat: 'channels_last' });
}

/**
 * Crops [B, 3, 32, 32] out of [B, 3, 36, 36], each at a place of its own that is drawn, and mirrors those whose `flips` (int64
 * [B]) is 1. Both are a choice of rows and columns, so that bytes are moved and nothing is computed.
 */
export function cropper(device: string): (images: Tensor, flips: Tensor) => Tensor {
  const places = torch.arange(0, SIDE, 1, { device });
  return (images, flips) => {
    const [count] = images.shape;
    const drawn = (): Tensor => torch.randint(0, 2 * MARGIN + 1, [count!, 1], { device });
    const rows = drawn().add(places).reshape([count!, 1, SIDE, 1]);
    const mirrored = places.mul(-2).add(SIDE - 1); // what to add to a place to come to its mirror's
    const columns = drawn()
      .add(places)
      .add(flips.reshape([count!, 1]).mul(mirrored))
      .reshape([count!, 1, 1, SIDE]);
    return images
      .gather(2, rows.expand([count!, 3, SIDE, SIDE + 2 * MARGIN]))
      .gather(3, columns.expand([count!, 3, SIDE, SIDE]));
  };
}
