// Overloads that the fuzzer does not call, with the reason.

/** By the schema's name. */
export const leftOut = {};
