// torch.utils.checkpoint: what lies inside is computed again in the backward pass instead of being kept.
import { expectArgument } from '../core/checks.js';
import { native } from '../native/binding.js';
import { inTheseModes } from '../amp/autocast.js';
import { AutogradFunction, type FunctionContext } from '../autograd/function.js';
import { enableGrad, isGradEnabled } from '../autograd/gradMode.js';
import { backward } from '../autograd/passes.js';
import { zeros } from '../operators/generated/functions.js';
import { TorchError } from '../core/errors.js';
import { handleOf } from '../core/handles.js';
import { isTensor, Tensor } from '../tensor/tensor.js';

type Recompute = (tensors: readonly Tensor[]) => { inputs: (Tensor | null)[]; outputs: unknown };
type RngStates = readonly [device: string, state: Tensor][];
type Ctx = FunctionContext<{ recompute: Recompute; devices: string[]; states: Tensor[] }>;

/** Random states of devices' default generators. */
const rngStates = (devices: readonly string[]): RngStates =>
  devices.map((device) => [device, new Tensor(native.getRngState(device))]);

function setRngStates(states: RngStates): void {
  for (const [device, state] of states) native.setRngState(device, state[handleOf]);
}

class Checkpoint extends AutogradFunction {
  // The first argument requires a gradient: so that the function is recorded where parameters inside it do, and no input.
  static forward(
    ctx: Ctx,
    _anchor: Tensor,
    fn: (...inputs: unknown[]) => unknown,
    ...inputs: unknown[]
  ): unknown {
    ctx.saveForBackward(...inputs.filter(isTensor));
    // Of the CPU and of the devices that the inputs lie on, as in Python.
    const on = inputs.filter(isTensor).map(({ device }) => device);
    ctx.devices = [...new Set(['cpu', ...on.filter((device) => device.startsWith('cuda'))])];
    ctx.states = rngStates(ctx.devices).map(([, state]) => state);
    const others = inputs.map((value) =>
      isTensor(value) ? { requiresGrad: value.requiresGrad } : { value },
    );
    const autocast = inTheseModes();
    // In a closure: what is put on ctx itself is searched for tensors.
    ctx.recompute = (tensors) => {
      let next = 0;
      const given = others.map((each) =>
        'value' in each ? each.value : tensors[next++]!.detach().requiresGrad_(each.requiresGrad),
      );
      return {
        inputs: given.map((value) => (isTensor(value) ? value : null)),
        outputs: autocast(() => fn(...given)),
      };
    };
    return fn(...inputs);
  }

  static backward(ctx: Ctx, ...gradients: (Tensor | null)[]): (Tensor | null)[] {
    if (!native.backwardMayNest())
      throw new TorchError(
        'checkpoint',
        'gradients come through a checkpoint by backward() without `inputs` only, not by grad(): parameters inside it get ' +
          'theirs from a backward pass of its own',
      );
    if (isGradEnabled())
      throw new TorchError('checkpoint', 'what lies inside a checkpoint cannot be differentiated twice');
    const { inputs, outputs } = recomputed(ctx);
    const list: readonly unknown[] = Array.isArray(outputs) ? outputs : [outputs];
    const ends = [...list.keys()].filter((i) => {
      const output = list[i];
      return isTensor(output) && output.requiresGrad && gradients[i] != null;
    });
    if (ends.length > 0)
      backward(
        ends.map((i) => list[i] as Tensor),
        { gradTensors: ends.map((i) => gradients[i]!) },
      );
    return [null, null, ...inputs.map((input) => input?.grad ?? null)];
  }
}

function recomputed(ctx: Ctx): ReturnType<Recompute> {
  const now = rngStates(ctx.devices);
  setRngStates(ctx.devices.map((device, i) => [device, ctx.states[i]!]));
  try {
    return enableGrad(() => ctx.recompute(ctx.savedTensors));
  } finally {
    setRngStates(now);
  }
}

/**
 * `fn(...inputs)`, of which only the inputs are kept for the backward pass: it calls `fn` again there, which takes time and
 * saves memory. Random numbers are the same the second time (the CPU's, and those of the devices of the inputs), and so is autocast. `fn` returns a tensor or an array of them; tensors
 * inside arrays and objects among the inputs get no gradient. As PyTorch's torch.utils.checkpoint with
 * `use_reentrant=True`, but that parameters inside `fn` get their gradients though no input requires one.
 *
 * `backward()` throws for results of `torch.grad`, `backward({ inputs })` and second derivatives: checkpoints have none.
 */
export function checkpoint<Args extends unknown[], Result>(
  fn: (...inputs: Args) => Result,
  ...inputs: Args
): Result {
  expectArgument('checkpoint', 'fn', fn, typeof fn === 'function', 'a function');
  const anchor = zeros([], { requiresGrad: true });
  try {
    return Checkpoint.apply(anchor, fn as (...inputs: unknown[]) => unknown, ...inputs) as Result;
  } finally {
    anchor.dispose();
  }
}
