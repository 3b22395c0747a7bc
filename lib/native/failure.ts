// The error that is thrown when the native part cannot be loaded: what is wrong, and possible solutions.

/** An error whose message ends in a list of what can be done. Its code is ERR_TORCH_NODE_LOAD. */
export function failure(what: string, solutions: string[], cause?: unknown): Error {
  const error = new Error(
    `${what}\nPossible solutions:\n${solutions.map((solution) => `  - ${solution}`).join('\n')}`,
    { cause },
  );
  return Object.assign(error, { code: 'ERR_TORCH_NODE_LOAD' });
}
