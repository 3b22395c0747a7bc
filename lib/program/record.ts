// One recording of a step.
import { types } from 'node:util';
import { handleOf } from '../core/handles.js';
import { isOwnLine, ownPlaces } from '../native/place.js';
import { native } from '../native/binding.js';
import { noGrad } from '../autograd/gradMode.js';
import { TorchError } from '../core/errors.js';
import { operator } from '../operators/operators.js';
import { scope } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { RowSource } from './program.js';
import { lend, Recording, whileRecording } from './recording.js';
import { takeApart, type Template } from './structure.js';

/** A recorded step. */
export interface Recorded {
  readonly handle: number;
  readonly recording: Recording;
  readonly template: Template;
  readonly instructions: readonly { operator: string; where: string }[];
  readonly draws: boolean;
  /** Why no kernels of our own run in it; '' where they do. */
  readonly notFused: string;
  /** Where compileStep was called. */
  readonly where: string;
  dispose(): void;
}

/** Whether steps may be captured; a dry run goes the same way on any device, without capturing. */
export type GraphMode = 'on' | 'off' | 'dry-run';

/** A step as it is recorded. */
export type Step = (...inputs: Tensor[]) => unknown;

/** Records one run of a step; what it changed is put back. */
export function record(step: Step, inputs: readonly Tensor[], exact: boolean, graphs: GraphMode): Recorded {
  const recording = new Recording();
  const caller = lineOf(new Error('where'));
  let template: Template | undefined;
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 100;
  try {
    const handle = native.recordStep(
      () =>
        scope(() => {
          const outputs = whileRecording(recording, () => step(...inputs));
          if (types.isPromise(outputs)) {
            outputs.catch(() => undefined);
            throw new TorchError(
              'compileStep',
              'expected a synchronous function, got one that returns a promise',
            );
          }
          const tensors: Tensor[] = [];
          template = takeApart(outputs, tensors);
          return tensors.map(lend);
        }),
      inputs.map((input) => input[handleOf]),
      ownPlaces(),
      graphs,
    );
    const { instructions, draws } = native.describeProgram(handle);
    // What is captured are the operators, and so is what stands for it in a dry run.
    const notFused = exact || graphs === 'dry-run' ? 'exact was asked for' : native.fuseProgram(handle);
    const recorded = {
      ...{ notFused, handle, recording, template: template!, draws, where: caller },
      instructions: instructions.map(([name, where]) => ({ operator: name, where })),
      dispose: () => {
        native.release(handle);
        recording.dispose();
      },
    };
    native.adopt(recorded, handle);
    return recorded;
  } catch (error) {
    recording.dispose();
    throw explained(error);
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** Records a step with the rows of a set that come from a place in a permutation on. */
export function recordRows(
  step: Step,
  sources: readonly RowSource[],
  permutation: Tensor,
  [from, rows]: readonly [from: number, rows: number],
  exact: boolean,
  graphs: GraphMode,
): Recorded {
  return scope(() => {
    const inputs = noGrad(() => {
      const index = permutation.narrow(0, from, rows);
      return sources.map((source) =>
        source.table === undefined
          ? source.rows.indexSelect(0, index)
          : (operator('torch_node::gather_images').call(source.rows, index, source.table) as Tensor),
      );
    });
    return record(step, inputs, exact, graphs);
  });
}

// Errors of the library's own are told with the line of the step that they come from.
function explained(error: unknown): unknown {
  const { name, message, code } = error as Partial<TorchError>;
  if (
    !types.isNativeError(error) ||
    !/cannot be recorded|changed in place|went into no operator|recorded already/.test(message ?? '')
  )
    return error;
  const [first = '', ...others] = (message ?? '').split('\n');
  return new TorchError('compileStep', [`${first} (${lineOf(error)})`, ...others].join('\n'), {
    cause: error,
    ...(name === 'TorchError' && code !== undefined ? { code } : {}),
  });
}

/** The first line in a stack that is not the library's own, as "at step (file.ts:12:5)". */
export function lineOf({ stack = '' }: Error): string {
  // Lines of functions that are built in, such as Array.map, name no file.
  const lines = stack.split('\n').filter((line) => /^\s+at .*:\d/.test(line) && !line.includes('node:'));
  return (lines.find((line) => !isOwnLine(line)) ?? lines[0] ?? 'at an unknown place').trim();
}
