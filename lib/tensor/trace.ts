// Where live tensors were made, for whoever looks for a leak.
import { describeTensor } from '../core/handles.js';
import { expectNoMore } from '../core/options.js';
import { isOwnLine } from '../native/place.js';

interface Traced {
  readonly disposed: boolean;
  [describeTensor](): string;
}

interface Origin {
  tensor: WeakRef<Traced>;
  /** As text: an Error whose stack nobody has read yet keeps the tensors alive that its calls were made on. */
  stack: string;
}

/** A tensor that is still alive. */
export interface LiveTensor {
  /** As in "float32 [2, 3]". */
  tensor: string;
  /** The calls that made it, innermost first, without those inside torch-node. */
  madeAt: string[];
}

let origins: Origin[] | undefined;
let pruneAt = 0;

/**
 * From now on remembers for each new tensor of this thread where it was made, or stops doing so and forgets. A tensor then
 * costs some tens of microseconds more: for debugging.
 */
export function traceTensors(on = true): void {
  expectNoMore('traceTensors', arguments, 1);
  origins = on ? [] : undefined;
  pruneAt = 4096;
}

/**
 * The tensors made since `traceTensors()` that are still alive, oldest first: neither disposed of, nor released by a
 * scope, nor collected.
 */
export function liveTensors(): LiveTensor[] {
  expectNoMore('liveTensors', arguments, 0);
  prune();
  return (origins ?? []).flatMap(({ tensor, stack }) => {
    const alive = tensor.deref();
    return alive === undefined ? [] : [{ tensor: alive[describeTensor](), madeAt: callers(stack) }];
  });
}

/** @internal */
export function traceTensor(tensor: Traced): void {
  if (origins === undefined) return;
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 30;
  origins.push({ tensor: new WeakRef(tensor), stack: new Error().stack ?? '' });
  Error.stackTraceLimit = stackTraceLimit;
  if (origins.length >= pruneAt) prune();
}

function prune(): void {
  origins = origins?.filter(({ tensor }) => tensor.deref()?.disposed === false);
  pruneAt = Math.max(4096, 2 * (origins?.length ?? 0));
}

/** The lines of a stack that are not torch-node's own, innermost first. @internal */
export function callers(stack: string): string[] {
  return stack
    .split('\n')
    .slice(1)
    .map((line) => line.trim().replace(/^at /, ''))
    .filter((line) => !isOwnLine(line) && !/\bnode:(internal|async_hooks)/.test(line));
}
