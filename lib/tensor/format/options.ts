// How tensors are printed: torch.set_printoptions of PyTorch.
import { expectArgument, expectInteger, expectNumber, expectOneOf } from '../../core/checks.js';
import { expectNoMore, options } from '../../core/options.js';

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
  given: Partial<PrintOptions> & { profile?: 'default' | 'short' | 'full' },
): void {
  const where = 'setPrintOptions';
  expectNoMore(where, arguments, 1);
  const {
    profile,
    sciMode = null,
    ...rest
  } = options(where, given, ['profile', 'precision', 'threshold', 'edgeitems', 'linewidth', 'sciMode']);
  if (profile !== undefined) expectOneOf(where, 'profile', profile, ['default', 'short', 'full']);
  const numbers = { ...current, ...(profile && PROFILES[profile]) };
  for (const [name, value] of Object.entries(rest) as [string, unknown][])
    if (value !== undefined) Object.assign(numbers, { [name]: value });
  const { precision, threshold, edgeitems, linewidth } = numbers;
  const mode: unknown = sciMode;
  expectArgument(where, 'sciMode', mode, mode === null || typeof mode === 'boolean', 'true, false or null');
  current = {
    precision: expectInteger(where, 'precision', precision, 0, 100),
    threshold: expectNumber(where, 'threshold', threshold, { least: 0 }),
    edgeitems: expectInteger(where, 'edgeitems', edgeitems),
    linewidth: linewidth === Infinity ? linewidth : expectInteger(where, 'linewidth', linewidth, 1),
    sciMode,
  };
}

/** How tensors are printed; may be given to `setPrintOptions` later. */
export function getPrintOptions(): PrintOptions {
  expectNoMore('getPrintOptions', arguments, 0);
  return { ...current };
}
