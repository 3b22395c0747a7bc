// How tensors are printed: torch.set_printoptions of PyTorch.
import { describe } from '../../core/describe.js';
import { TorchError, ArgumentTypeError } from '../../core/errors.js';

export interface PrintOptions {
  /** Digits after the decimal point of floating-point numbers, 0 to 100. Default 4. */
  precision: number;
  /** Tensors of more elements than this are summarized; Infinity never does. Default 1000. */
  threshold: number;
  /** Elements shown at both ends of each dimension of a summarized tensor. Default 3. */
  edgeitems: number;
  /** Characters of a line. Default 80. */
  linewidth: number;
  /** Scientific notation always (true), never (false), or where PyTorch chooses it (null). Default null. */
  sciMode: boolean | null;
}

const PROFILES = {
  default: { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80 },
  short: { precision: 2, threshold: 1000, edgeitems: 2, linewidth: 80 },
  full: { precision: 4, threshold: Infinity, edgeitems: 3, linewidth: 80 },
} as const;

let current: PrintOptions = { ...PROFILES.default, sciMode: null };

/**
 * Sets how tensors are printed, for this thread: a profile, single options, or a profile and exceptions from it. What is
 * left out stays as it is, but for `sciMode`, which each call sets (left out, to null), as torch.set_printoptions does.
 */
export function setPrintOptions(
  options: Partial<PrintOptions> & { profile?: 'default' | 'short' | 'full' },
): void {
  const { profile, ...given } = options;
  if (profile !== undefined && !Object.hasOwn(PROFILES, profile))
    throw unfit('profile', "'default', 'short' or 'full'", profile);
  const next: PrintOptions = { ...current, ...(profile && PROFILES[profile]), sciMode: null };
  for (const [name, value] of Object.entries<unknown>(given)) {
    if (!Object.hasOwn(EXPECTED, name))
      throw new ArgumentTypeError('setPrintOptions', `there is no option '${name}'`);
    if (value === undefined) continue;
    const [expected, fits] = EXPECTED[name as keyof PrintOptions];
    if (!fits(value)) throw unfit(name, expected, value);
    Object.assign(next, { [name]: value });
  }
  current = next;
}

/** How tensors are printed; may be given to `setPrintOptions` later. */
export function getPrintOptions(): PrintOptions {
  return { ...current };
}

function whole(from: number, to: number): (value: unknown) => boolean {
  return (value) => Number.isInteger(value) && (value as number) >= from && (value as number) <= to;
}

const EXPECTED: Record<keyof PrintOptions, [expected: string, fits: (value: unknown) => boolean]> = {
  precision: ['a whole number from 0 to 100', whole(0, 100)],
  threshold: ['a number of 0 or more', (value) => typeof value === 'number' && value >= 0],
  edgeitems: ['a whole number of 0 or more', whole(0, Infinity)],
  linewidth: [
    'a whole number of 1 or more, or Infinity',
    (value) => value === Infinity || whole(1, Infinity)(value),
  ],
  sciMode: ['true, false or null', (value) => typeof value === 'boolean' || value === null],
};

function unfit(name: string, expected: string, value: unknown): TorchError {
  return new ArgumentTypeError('setPrintOptions', `${name}: expected ${expected}, got ${describe(value)}`);
}
