// Modes of a thread, as autograd's and autocast's: a function runs in one, and with it its generators and its awaits.
import { createHook, executionAsyncResource } from 'node:async_hooks';
import { types } from 'node:util';
import { expectFunction } from './checks.js';
import { TorchError } from './errors.js';

/** Sets a mode and gives what takes it back. @internal */
export type Enter = () => () => void;

/**
 * Runs a function in a mode. An async function stays in it over its awaits, and so does all that it starts; whoever runs
 * meanwhile does not. Of a generator each step runs in it, and what its caller does in between does not.
 *
 * @throws TorchError for a function that is not async and gives a promise: what goes on behind it would not run in the mode.
 *   @internal
 */
export function inMode<T>(where: string, enter: Enter, run: () => T): T {
  expectFunction(where, 'run', run);
  if (types.isAsyncFunction(run) && !types.isGeneratorFunction(run)) return following(enter, run);
  const leave = enter();
  let result: T;
  try {
    result = run();
  } finally {
    leave();
  }
  if (typeof result !== 'object' || result === null) return result;
  if (types.isGeneratorObject(result)) return stepwise(enter, result) as T;
  if (typeof (result as { then?: unknown }).then === 'function')
    throw new TorchError(
      where,
      'expected a synchronous or an async function, got another one that gives a promise, whose awaits cannot be followed: ' +
        `write ${where}(async () => await ...)`,
    );
  return result;
}

// ---- generators ----

type Steps = Generator | AsyncGenerator;

/** A generator whose steps run in a mode. */
function stepwise(enter: Enter, steps: Steps): Steps {
  const isAsync = Symbol.asyncIterator in steps;
  const step = <T>(run: () => T): T => {
    if (isAsync) return following(enter, run);
    const leave = enter();
    try {
      return run();
    } finally {
      leave();
    }
  };
  // Of the same prototype, so that it is iterable, and disposable where generators are; its own methods come first.
  return Object.assign(Object.create(Object.getPrototypeOf(steps) as object) as object, {
    next: (...values: [] | [unknown]) => step(() => steps.next(...(values as [unknown]))),
    return: (value: unknown) => step(() => steps.return(value)),
    throw: (error: unknown) => step(() => steps.throw(error)),
  }) as unknown as Steps;
}

// ---- async functions ----

/** The modes that an asynchronous call is in, innermost first. */
interface Modes {
  readonly enter: Enter;
  readonly outer: Modes | undefined;
}

const modesOf = Symbol('torch-node.modes');
type Resource = { [modesOf]?: Modes };

let current: Modes | undefined;
let calls = 0; // asynchronous calls in a mode that have not ended
const entered: { readonly leave: readonly (() => void)[]; readonly before: Modes | undefined }[] = [];

// Callbacks and reactions of promises run in the modes of what made them. On only while there are such calls.
const hook = createHook({
  init(_id, _type, _trigger, resource: Resource) {
    if (current !== undefined) resource[modesOf] = current;
  },
  before() {
    const modes = (executionAsyncResource() as Resource)[modesOf];
    entered.push({ leave: enterAll(modes), before: current });
    current = modes;
  },
  after() {
    const last = entered.pop();
    if (last === undefined) return; // it began before the hook was on
    current = last.before;
    for (const leave of last.leave) leave();
    if (calls === 0 && entered.length === 0) hook.disable();
  },
});

/** The outermost first; gives what leaves them, the innermost first. */
function enterAll(modes: Modes | undefined): (() => void)[] {
  if (modes === undefined) return [];
  const leave = enterAll(modes.outer);
  leave.unshift(modes.enter());
  return leave;
}

function following<T>(enter: Enter, run: () => T): T {
  const before = current;
  calls++;
  hook.enable();
  current = { enter, outer: before };
  const leave = enter();
  let result: T;
  try {
    result = run();
  } catch (error) {
    calls--;
    throw error;
  } finally {
    leave();
    current = before;
  }
  const ended = (): void => {
    calls--;
    if (calls === 0 && entered.length === 0) hook.disable();
  };
  void (result as Promise<unknown>).then(ended, ended);
  return result;
}
