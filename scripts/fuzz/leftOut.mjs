// Overloads that the fuzzer does not call, with the reason. Those that end the process or run for ever do so in Python
// PyTorch 2.13 too, called through torch.ops with like arguments (scripts/fuzz/replay.py).

/** By the schema's name. */
export const leftOut = {};
