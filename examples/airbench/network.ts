// The network: a convolution that whitens patches, which is computed from the images and not trained, and three groups of
// two convolutions each. After Keller Jordan's airbench94 (https://github.com/KellerJordan/cifar10-airbench).
import torch, { nn, type Tensor } from 'torch-node';

/** Channels of the three groups. */
export type Widths = readonly [number, number, number];

// Normalisation adapts within a few steps, for there are only some hundred; its scale stays 1.
function norm(channels: number): nn.BatchNorm2d {
  const layer = new nn.BatchNorm2d(channels, { momentum: 0.4, eps: 1e-12 });
  layer.weight!.requiresGrad = false;
  return layer;
}

// Passes its channels on unchanged at first, as far as there are as many.
function conv(inputs: number, outputs: number): nn.Conv2d {
  const layer = new nn.Conv2d(inputs, outputs, 3, { padding: 'same', bias: false });
  torch.noGrad(() => nn.init.dirac_(layer.weight.narrow(0, 0, Math.min(inputs, outputs))));
  return layer;
}

const group = (inputs: number, outputs: number): nn.Sequential =>
  new nn.Sequential(
    conv(inputs, outputs),
    new nn.MaxPool2d(2),
    norm(outputs),
    new nn.GELU(),
    conv(outputs, outputs),
    norm(outputs),
    new nn.GELU(),
  );

export class Network extends nn.Module {
  readonly whiten = new nn.Conv2d(3, 24, 2);
  readonly groups: nn.Sequential;
  readonly head: nn.Linear;

  constructor(widths: Widths) {
    super();
    this.groups = new nn.Sequential(
      new nn.GELU(),
      group(24, widths[0]),
      group(widths[0], widths[1]),
      group(widths[1], widths[2]),
      new nn.MaxPool2d(3),
      new nn.Flatten(),
    );
    this.head = new nn.Linear(widths[2], 10, { bias: false });
    this.whiten.weight.requiresGrad = false;
  }

  /** float [N, 3, 32, 32] to logits [N, 10]. */
  override forward(images: Tensor): Tensor {
    return this.head.forward(this.groups.forward(this.whiten.forward(images))).div(9);
  }

  /**
   * Sets the first convolution's weights so that its outputs are uncorrelated and of one size over the patches of some
   * images (float [N, 3, 32, 32]): the eigenvectors of the patches' covariance, by one over the root of its eigenvalues, and
   * the same negated, since what follows tells the sign of its inputs.
   */
  whitenFor(images: Tensor): void {
    torch.scope(() =>
      torch.noGrad(() => {
        const patches = images.unfold(2, 2, 1).unfold(3, 2, 1).permute([0, 2, 3, 1, 4, 5]).reshape([-1, 12]);
        const { eigenvalues, eigenvectors } = torch.linalg.eigh(torch.cov(patches.t()));
        const filters = eigenvectors.t().flip([0]).reshape([12, 3, 2, 2]);
        const sizes = eigenvalues.flip([0]).add(5e-4).sqrt().reshape([12, 1, 1, 1]);
        const scaled = filters.div(sizes);
        this.whiten.weight.copy_(torch.cat([scaled, scaled.neg()]));
        this.whiten.bias!.zero_();
      }),
    );
  }
}
