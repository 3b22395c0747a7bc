// Batch normalisation in evaluation mode put into the layer before it: one layer less to compute. torch.nn.utils.fusion.
import { expectNoMore, options as optionsOf } from '../../core/options.js';
import { expectArgument } from '../../core/checks.js';
import { onesLike, zerosLike } from '../../operators/generated/functions.js';
import { TorchError } from '../../core/errors.js';
import { Parameter } from '../../tensor/parameter.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import { aten } from '../functional/call.js';
import { isModule, type AnyModule } from '../module.js';

/** A layer with a weight and perhaps a bias. */
type Weighted = AnyModule & { weight: Tensor | null; bias: Tensor | null };

/** What is taken of a batch normalisation. */
type Normalisation = AnyModule & {
  readonly runningMean: Tensor | null;
  readonly runningVar: Tensor | null;
  readonly eps: number;
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
};

/**
 * A copy of a convolution that computes what it and the batch normalisation behind it do in evaluation mode.
 *
 * @param options.transpose whether the convolution is a transposed one. Default false.
 * @throws TorchError when one of the two is in training mode, or the normalisation keeps no running statistics.
 */
export function fuseConvBnEval<M extends Weighted>(
  conv: M,
  bn: Normalisation,
  options: { transpose?: boolean } = {},
): M {
  expectNoMore('fuseConvBnEval', arguments, 3);
  const [mean, variance] = statistics('fuseConvBnEval', conv, bn);
  optionsOf('fuseConvBnEval', options, ['transpose']);
  const fused = conv.deepcopy();
  const { weight, bias } = conv;
  const made = fuseConvBnWeights(weight!, bias, mean, variance, bn.eps, bn.weight, bn.bias, options);
  [fused.weight, fused.bias] = made;
  return fused;
}

/** The weight and bias of that convolution. A weight or bias that is null stands for ones or zeros. */
export function fuseConvBnWeights(
  convWeight: Tensor,
  convBias: Tensor | null,
  runningMean: Tensor,
  runningVar: Tensor,
  eps: number,
  bnWeight: Tensor | null,
  bnBias: Tensor | null,
  options: { transpose?: boolean } = {},
): [weight: Parameter, bias: Parameter] {
  expectNoMore('fuseConvBnWeights', arguments, 8);
  const where = 'fuseConvBnWeights';
  expectAll(where, { convWeight, runningMean, runningVar });
  const { transpose = false } = optionsOf(where, options, ['transpose']);
  const before = convBias ?? zerosLike(runningMean);
  const weight = bnWeight ?? onesLike(runningMean);
  const scale = aten('rsqrt', runningVar.add(eps));
  const others = new Array<number>(convWeight.ndim - 2).fill(1);
  const shape = transpose ? [1, -1, ...others] : [-1, 1, ...others];
  return parameters(
    convWeight.mul(weight.mul(scale).reshape(shape)),
    before
      .sub(runningMean)
      .mul(scale)
      .mul(weight)
      .add(bnBias ?? zerosLike(runningMean)),
    convWeight,
    before,
    convBias,
  );
}

/**
 * A copy of a linear layer that computes what it and the batch normalisation behind it do in evaluation mode.
 *
 * @throws TorchError when one of the two is in training mode, or the normalisation keeps no running statistics.
 */
export function fuseLinearBnEval<M extends Weighted>(linear: M, bn: Normalisation): M {
  expectNoMore('fuseLinearBnEval', arguments, 2);
  const [mean, variance] = statistics('fuseLinearBnEval', linear, bn);
  const features = linear.weight!.size(0);
  if (mean.numel !== features && mean.numel !== 1) {
    throw new TorchError(
      'fuseLinearBnEval',
      `expected a normalisation of ${features} features, as the layer gives, or of 1, got one of ${mean.numel}`,
    );
  }
  const fused = linear.deepcopy();
  const { weight, bias } = linear;
  [fused.weight, fused.bias] = fuseLinearBnWeights(weight!, bias, mean, variance, bn.eps, bn.weight, bn.bias);
  return fused;
}

/** The weight and bias of that linear layer. A weight or bias that is null stands for ones or zeros. */
export function fuseLinearBnWeights(
  linearWeight: Tensor,
  linearBias: Tensor | null,
  runningMean: Tensor,
  runningVar: Tensor,
  eps: number,
  bnWeight: Tensor | null,
  bnBias: Tensor | null,
): [weight: Parameter, bias: Parameter] {
  expectNoMore('fuseLinearBnWeights', arguments, 7);
  expectAll('fuseLinearBnWeights', { linearWeight, runningMean, runningVar });
  const before = linearBias ?? zerosLike(runningMean);
  const weight = bnWeight ?? onesLike(runningMean);
  const scale = weight.mul(aten('rsqrt', runningVar.add(eps)));
  return parameters(
    linearWeight.mul(scale.unsqueeze(-1)),
    before
      .sub(runningMean)
      .mul(scale)
      .add(bnBias ?? zerosLike(runningMean)),
    linearWeight,
    before,
    linearBias,
  );
}

function parameters(
  weight: Tensor,
  bias: Tensor,
  oldWeight: Tensor,
  oldBias: Tensor,
  given: Tensor | null,
): [Parameter, Parameter] {
  return [
    new Parameter(weight.to(oldWeight.dtype), oldWeight.requiresGrad),
    new Parameter(bias.to((given ?? oldWeight).dtype), oldBias.requiresGrad),
  ];
}

function expectAll(where: string, tensors: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(tensors)) expectTensor(where, name, value);
}

function statistics(where: string, layer: Weighted, bn: Normalisation): [mean: Tensor, variance: Tensor] {
  for (const [name, module] of Object.entries({ layer, bn }))
    expectArgument(where, name, module, isModule(module), 'a Module');
  expectTensor(where, "the layer's weight", layer.weight);
  if (layer.training || bn.training)
    throw new TorchError(where, 'expected both modules in evaluation mode: call eval() first');
  const { runningMean, runningVar } = bn;
  if (runningMean === null || runningVar === null)
    throw new TorchError(where, 'the normalisation keeps no running statistics (trackRunningStats)');
  return [runningMean, runningVar];
}
