// Errors: one class for everything that goes wrong in an operator, a module or an optimizer.

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
  /** ERR_TORCH, ERR_INVALID_ARG_TYPE, ERR_TORCH_OUT_OF_MEMORY, ERR_TORCH_NO_DEVICE. */
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

/** Runs a native call and gives its errors the name of what was called. */
export function named<T>(operator: string, run: () => T, describe: () => readonly string[] = () => []): T {
  try {
    return run();
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
 * function threw.
 */
export function asTorchError(operator: string, error: unknown, describe: () => readonly string[]): unknown {
  const passed = passing;
  passing = undefined;
  if (isTorchError(error) || (passed !== undefined && Object.is(passed.error, error))) return error;
  const { message, code } = error as { message?: string; code?: string };
  return new TorchError(operator, message ?? String(error), {
    arguments: describe(),
    ...(code === undefined ? {} : { code }),
  });
}

function isTorchError(error: unknown): error is TorchError {
  return typeof error === 'object' && error !== null && (error as Error).name === 'TorchError';
}
