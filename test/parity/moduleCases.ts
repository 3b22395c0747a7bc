// Cases of modules as scripts/check/databases/modules.py writes them down: run here, and held against what Python got. For
// databases.test.ts, and for scripts/check/databases, which makes docs/databases.md.
import torch, { type DType, type Tensor } from 'torch-node';
import {
  compare,
  construct,
  decode,
  firstLine,
  optionsOf,
  tensorsIn,
  worst,
  type Tensors,
  type Value,
  type Verdict,
} from './operatorCases.js';
import { numbers } from './support.js';

/** A module with an input, and what Python got. */
export interface ModuleCase {
  class: string;
  title: string;
  args: Value[];
  options: Record<string, Value>;
  training: boolean;
  inputs: Value[];
  call: Record<string, Value>;
  results: Value[];
  buffers: Value[];
  /** With respect to the inputs and the parameters. */
  gradients?: Value[];
  /** Of the gradients, times themselves. */
  second?: Value[];
  noSecond?: string;
}

/** Results, gradients and second gradients; undefined where there are none to compare. */
export interface ModuleOutcome {
  forward: Verdict;
  gradients?: Verdict;
  second?: Verdict;
}

const DIFFERENTIABLE = /^b?float|^complex/;

/** Runs a case. The tensors that it makes belong to the caller's scope. `loosen`: see compareCase. */
export function compareModule(one: ModuleCase, dtype: DType, tensors: Tensors, loosen = 1): ModuleOutcome {
  const how = { shallow: false, loosen };
  const leaves: Tensor[] = [];
  let results: unknown[];
  let forward: Verdict;
  try {
    torch.manualSeed(0);
    const module = construct(one.class, one.args, one.options, tensors).to(dtype).train(one.training);
    let given = one.inputs.map((value) => decode(value, tensors, { inputs: leaves }));
    const named = optionsOf(one.call, tensors, { inputs: leaves });
    // Modules that work in place cannot be given leaves.
    if (one.options['inplace'] === true) given = given.map((x) => (x as Tensor).clone());
    torch.manualSeed(1);
    const result = module.forward(...given, ...named);
    results = Array.isArray(result) ? (result as unknown[]) : [result];
    leaves.push(...module.parameters().filter((parameter) => DIFFERENTIABLE.test(parameter.dtype)));
    const buffers = module.namedBuffers().map(([, buffer]) => buffer);
    forward = worst([
      compare(results, one.results, tensors, how),
      compare(buffers, one.buffers, tensors, how),
    ]);
  } catch (error) {
    return { forward: { differs: `throws ${firstLine(error)}` } };
  }
  if (one.gradients === undefined || typeof forward === 'object') return { forward };
  const outputs = tensorsIn(results).filter((tensor) => tensor.requiresGrad);
  let gradients: (Tensor | null)[];
  try {
    const above = outputs.map(({ shape, dtype }, i) =>
      numbers({ shape: [...shape], seed: 99 + i }).to(dtype),
    );
    const more = { gradOutputs: above, allowUnused: true, createGraph: true };
    gradients = torch.grad(outputs, leaves, more);
  } catch (error) {
    return { forward, gradients: { differs: `gradients: throws ${firstLine(error)}` } };
  }
  const first = titled('gradients', compare(gradients, one.gradients, tensors, how));
  if (one.second === undefined) return { forward, gradients: first };
  try {
    const again = gradients.filter((one): one is Tensor => one?.requiresGrad === true);
    const more = { gradOutputs: again.map((gradient) => gradient.detach()), allowUnused: true };
    const second = torch.grad(again, leaves, more);
    return { forward, gradients: first, second: titled('second', compare(second, one.second, tensors, how)) };
  } catch (error) {
    return { forward, gradients: first, second: { differs: `second gradients: throws ${firstLine(error)}` } };
  }
}

function titled(what: string, verdict: Verdict): Verdict {
  return typeof verdict === 'object' ? { differs: `${what}: ${verdict.differs}` } : verdict;
}
