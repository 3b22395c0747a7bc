// What a user can mend.

/** An error that the user can mend; its message is all that need be shown. */
export class RunError extends Error {
  override readonly name = 'RunError';
}
