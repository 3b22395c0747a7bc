// Errors: TorchError for everything that goes wrong in an operator, a module or an optimizer, and a class and a code for each
// kind that a program may want to tell from the others.
import { inOurNames } from './messages.js';

/**
 * An error from libtorch, or a value that cannot be given to it.
 *
 * `message` begins with what was called, goes on with libtorch's words and ends with the arguments' dtypes and
 * shapes. The stack is the JavaScript caller's.
 */
export class TorchError extends Error {
  override readonly name = 'TorchError';
  /** What was called: an operator such as "aten::add.Tensor", or a function such as "Tensor.item". */
  readonly operator: string;
  /** The arguments in words, as "self: float32 [2, 3]". */
  readonly arguments: readonly string[];
  /** The kind: ERR_TORCH, or the code of a class below. */
  readonly code: string;

  constructor(
    operator: string,
    message: string,
    options: { arguments?: readonly string[]; code?: string; cause?: unknown } = {},
  ) {
    const args = options.arguments ?? [];
    const list = args.map((text) => `\n  ${text}`).join('');
    super(
      `${operator}: ${message}${list}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.operator = operator;
    this.arguments = args;
    this.code = options.code ?? 'ERR_TORCH';
  }
}

interface Details {
  arguments?: readonly string[];
  cause?: unknown;
}

/** A value of another kind than expected. `code` is ERR_INVALID_ARG_TYPE, Node's own for this. */
export class ArgumentTypeError extends TorchError {
  constructor(operator: string, message: string, details: Details = {}) {
    super(operator, message, { ...details, code: 'ERR_INVALID_ARG_TYPE' });
  }
}

/** A number outside its bounds. `code` is ERR_OUT_OF_RANGE, Node's own for this. */
export class OutOfRangeError extends TorchError {
  constructor(operator: string, message: string, details: Details = {}) {
    super(operator, message, { ...details, code: 'ERR_OUT_OF_RANGE' });
  }
}

/** An option that does not exist. `code` is ERR_TORCH_UNKNOWN_OPTION. */
export class UnknownOptionError extends TorchError {
  constructor(operator: string, message: string, details: Details = {}) {
    super(operator, message, { ...details, code: 'ERR_TORCH_UNKNOWN_OPTION' });
  }
}

/** A device that this machine, or the libtorch in use, does not have. `code` is ERR_TORCH_NO_DEVICE. */
export class NoDeviceError extends TorchError {
  constructor(operator: string, message: string, details: Details = {}) {
    super(operator, message, { ...details, code: 'ERR_TORCH_NO_DEVICE' });
  }
}

/** Memory that could not be had, on the host or on a device. `code` is ERR_TORCH_OUT_OF_MEMORY. */
export class OutOfMemoryError extends TorchError {
  constructor(operator: string, message: string, details: Details = {}) {
    super(operator, message, { ...details, code: 'ERR_TORCH_OUT_OF_MEMORY' });
  }
}

const CLASSES: Readonly<
  Record<string, new (operator: string, message: string, details: Details) => TorchError>
> = {
  ERR_INVALID_ARG_TYPE: ArgumentTypeError,
  ERR_OUT_OF_RANGE: OutOfRangeError,
  ERR_TORCH_UNKNOWN_OPTION: UnknownOptionError,
  ERR_TORCH_NO_DEVICE: NoDeviceError,
  ERR_TORCH_OUT_OF_MEMORY: OutOfMemoryError,
};

/** Runs a native call and gives its errors the name of what was called. */
export function named<T>(operator: string, run: () => T, describe: () => readonly string[] = () => []): T {
  try {
    return run();
  } catch (error) {
    throw asTorchError(operator, error, describe);
  }
}

/**
 * named() for a call that goes on in the background. What it throws at once is thrown at once; what its promise rejects with
 * gets the stack of whoever awaits it.
 */
export function namedAsync<T>(
  operator: string,
  run: () => Promise<T>,
  describe: () => readonly string[] = () => [],
): Promise<T> {
  return renamed(operator, named(operator, run, describe), describe);
}

async function renamed<T>(
  operator: string,
  promise: Promise<T>,
  describe: () => readonly string[],
): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw asTorchError(operator, error, describe);
  }
}

// What a user's function threw, as long as it is on its way through native code.
let passing: { readonly error: unknown } | undefined;

/**
 * Marks what a user's function threw that native code called: the call around it lets it through as it is. @internal
 */
export function passOn(error: unknown): unknown {
  passing = { error };
  return error;
}

/**
 * A TorchError for something caught; TorchErrors pass through, so that the innermost name stays, and so does what a user's
 * function threw. What the native side says is told in the names that there are here; `known` holds names of arguments.
 */
export function asTorchError(
  operator: string,
  error: unknown,
  describe: () => readonly string[],
  known: readonly string[] = [],
): unknown {
  const passed = passing;
  passing = undefined;
  if (isTorchError(error) || (passed !== undefined && Object.is(passed.error, error))) return error;
  const { message, code } = error as { message?: string; code?: string };
  const Kind = CLASSES[code ?? ''];
  const details = { arguments: describe() };
  const text = message ?? String(error);
  const words = code?.startsWith('ERR_') === true ? inOurNames(text, known) : text;
  return Kind === undefined
    ? new TorchError(operator, words, { ...details, ...(code === undefined ? {} : { code }) })
    : new Kind(operator, words, details);
}

function isTorchError(error: unknown): error is TorchError {
  return typeof error === 'object' && error !== null && (error as Error).name === 'TorchError';
}
