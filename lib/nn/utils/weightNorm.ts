// Weight normalisation in its older form, under the keys weight_g and weight_v. torch.nn.utils.weight_norm.
import { expectArgument, expectInteger, expectString } from '../../core/checks.js';
import { expectNoMore, options } from '../../core/options.js';
import { noGrad } from '../../autograd/gradMode.js';
import { TorchError } from '../../core/errors.js';
import { Parameter } from '../../tensor/parameter.js';
import type { Tensor } from '../../tensor/tensor.js';
import { aten } from '../functional/call.js';
import { isModule, type AnyModule } from '../module.js';
import { removePart } from '../tree.js';

type Values = Record<string, unknown>;

// Which of a module's parameters are normalised, and over which dimension not; deep copies get their own.
const normalised = Symbol('torch-node.nn.weightNorm');
interface Normalised {
  [normalised]?: Map<string, number>;
}

/**
 * Weight normalisation: from now on the parameter is weight_g * weight_v / |weight_v|, computed whenever it is read, the norms
 * being taken over all dimensions but `dim` (over all of them with null). For new programs there is
 * `parametrizations.weightNorm`.
 */
export function weightNorm<M extends AnyModule>(
  module: M,
  given?: {
    /** Default 'weight'. */
    name?: string;
    /** Default 0. */
    dim?: number | null;
  },
): M {
  expectNoMore('weightNorm', arguments, 2);
  const { name = 'weight', dim = 0 } = options('weightNorm', given, ['name', 'dim']);
  expectArgument('weightNorm', 'module', module, isModule(module), 'a Module');
  expectString('weightNorm', 'name', name);
  if (dim !== null) expectInteger('weightNorm', 'dim', dim, -Infinity);
  const values = module as unknown as Values & Normalised;
  if (values[normalised]?.has(name)) throw new TorchError('weightNorm', `'${name}' is normalised already`);
  const weight = module.ownParameters().find(([other]) => other === name)?.[1];
  if (weight === undefined)
    throw new TorchError('weightNorm', `${module.constructor.name} has no parameter '${name}'`);
  const over = dim ?? -1;
  removePart(module, name);
  noGrad(() => {
    module.registerParameter(`${name}_g`, new Parameter(aten('norm_except_dim', weight, 2, over)));
    module.registerParameter(`${name}_v`, new Parameter(weight));
  });
  values[normalised] = new Map([...(values[normalised] ?? []), [name, over]]);
  Object.defineProperty(module, name, {
    configurable: true,
    enumerable: false,
    get: computed(name),
  });
  return module;
}

// A function of the module that it is called on: a deep copy has the same.
function computed(name: string) {
  return function (this: Values & Normalised): Tensor {
    return aten('_weight_norm', this[`${name}_v`], this[`${name}_g`], this[normalised]!.get(name));
  };
}

/** Takes weightNorm away: the parameter stays as it was computed. */
export function removeWeightNorm<M extends AnyModule>(module: M, given?: { name?: string }): M {
  expectNoMore('removeWeightNorm', arguments, 2);
  const { name = 'weight' } = options('removeWeightNorm', given, ['name']);
  expectArgument('removeWeightNorm', 'module', module, isModule(module), 'a Module');
  const values = module as unknown as Values & Normalised;
  if (!values[normalised]?.has(name))
    throw new TorchError('removeWeightNorm', `'${name}' of ${module.constructor.name} is not normalised`);
  const weight = noGrad(() => values[name] as Tensor);
  delete values[name];
  for (const key of [`${name}_g`, `${name}_v`]) removePart(module, key);
  values[normalised].delete(name);
  module.registerParameter(name, new Parameter(weight));
  return module;
}
