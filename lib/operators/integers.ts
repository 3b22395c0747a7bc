// Lists of integers on their way to an operator: written into memory that the native side reads, as it takes longer to
// read a JavaScript array through Node-API than to run a small operator.
import { native } from '../native/binding.js';

let next = 0;

/**
 * Writes a list into native.integers and says where, as `-(64 * start + length) - 0.5`; gives back what is no list of
 * numbers, or too long a one. The places are taken in turn: a call that is made while the arguments of another are read
 * does not write over them. @internal
 */
export function packed(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  const room = native.integers;
  const { length } = value;
  if (length > 63) return value;
  // A list without elements has a place in the room, too: one behind its end is refused.
  if (next + Math.max(length, 1) > room.length) next = 0;
  const start = next;
  for (let i = 0; i < length; i++) {
    const item: unknown = value[i];
    if (!Number.isSafeInteger(item)) return value;
    room[start + i] = item as number;
  }
  next += length;
  return -(64 * start + length) - 0.5;
}
