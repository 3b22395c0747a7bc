// Matchers for Jest and Vitest: `expect.extend(torch.testing.matchers)`.
import { closeness, type CloseOptions } from './index.js';

interface Outcome {
  readonly pass: boolean;
  readonly message: () => string;
}

/**
 * `expect(x).toBeCloseTensor(y, { rtol, atol })` passes where `assertClose` does, and `expect(x).toEqualTensor(y)` where all values
 * are equal, NaN to NaN. For Jest and Vitest: `expect.extend(torch.testing.matchers)` in a file of their setup.
 */
export const matchers = {
  toBeCloseTensor(received: unknown, expected: unknown, options?: CloseOptions): Outcome {
    return outcome(received, expected, options, 'close');
  },
  toEqualTensor(
    received: unknown,
    expected: unknown,
    options?: Omit<CloseOptions, 'rtol' | 'atol'>,
  ): Outcome {
    return outcome(received, expected, { equalNan: true, ...options, rtol: 0, atol: 0 }, 'equal');
  },
};

function outcome(
  received: unknown,
  expected: unknown,
  options: CloseOptions | undefined,
  what: string,
): Outcome {
  const differs = closeness(received, expected, options);
  return {
    pass: differs === undefined,
    message: () =>
      `${differs ?? `expected values that are not ${what}, but they are`}\n\nexpected: ${String(expected)}\nreceived: ${String(received)}`,
  };
}
