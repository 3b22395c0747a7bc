// What a module says of an input that does not fit it.
import { describe } from '../../core/describe.js';
import { TorchError } from '../../core/errors.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import type { AnyModule } from '../module.js';
import { AXES, type Dims } from './sizes.js';

/** An error that says what was given, what is expected and what to do. @internal */
export function misfit(module: AnyModule, input: Tensor, expected: string, advice?: string): TorchError {
  return new TorchError(
    module.constructor.name,
    `the input has the shape [${input.shape.join(', ')}], expected is ${expected}${advice === undefined ? '' : `; ${advice}`}`,
    { arguments: [`input: ${describe(input)}`, `module: ${module.toString()}`] },
  );
}

/**
 * Throws a TorchError unless the input has `dims` spatial dimensions behind its channels, with a batch or without, and
 * the channels that the module takes (`undefined`: as many as there are). @internal
 */
export function expectSpatial(
  module: AnyModule,
  input: Tensor,
  dims: Dims,
  channels: number | undefined,
  advice?: (channels: number) => string,
): void {
  const { shape } = expectTensor(module.constructor.name, 'input', input);
  const given = shape.at(-dims - 1);
  const fits = shape.length === dims + 1 || shape.length === dims + 2;
  if (fits && (channels === undefined || given === channels)) return;
  const each = `${channels ?? 'C'}, ${AXES[dims]}]`;
  throw misfit(
    module,
    input,
    `[N, ${each} or [${each}`,
    fits && given !== undefined ? advice?.(given) : undefined,
  );
}
