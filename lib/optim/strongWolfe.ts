// The line search of LBFGS: a step length that fulfils the strong Wolfe conditions, found by bracketing and zooming with cubic
// interpolation, as in Nocedal and Wright, Numerical Optimization, algorithms 3.5 and 3.6. Steps and slopes may be
// tensors, as they are in PyTorch, so that they round as there.
import type { Tensor } from '../tensor/tensor.js';
import { isTensor } from '../tensor/tensor.js';
import {
  larger,
  less,
  lessOrEqual,
  minus,
  numberOf,
  over,
  plus,
  smaller,
  times,
  type Value,
} from './values.js';

/** The loss and the gradient at a step length along the direction. */
export type Evaluate = (t: Value) => { loss: number; gradient: Tensor };

interface Point {
  t: Value;
  loss: number;
  gradient: Tensor;
  slope: Value;
}

const C1 = 1e-4;
const C2 = 0.9;

/**
 * The step length, with the loss and the gradient there and how often `evaluate` was called. `first` is the length to try
 * first, `start` where the search begins (at length 0), `limit` how many points may be tried after the first.
 */
export function strongWolfe(
  evaluate: Evaluate,
  direction: Tensor,
  first: Value,
  start: { loss: number; gradient: Tensor; slope: Tensor },
  toleranceChange: number,
  limit: number,
): { loss: number; gradient: Tensor; t: Value; evaluations: number } {
  const size = direction.abs().max();
  const at = (t: Value): Point => {
    const { loss, gradient } = evaluate(t);
    return { t, loss, gradient, slope: gradient.dot(direction) };
  };
  // Armijo's condition fails: the loss is above the line that starts down from the beginning.
  const isAbove = ({ t, loss }: Point): boolean =>
    less(plus(start.loss, times(times(C1, t), start.slope)), loss);
  const isFlat = ({ slope }: Point): boolean => lessOrEqual(absolute(slope), times(-C2, start.slope));

  let t = first;
  let now = at(t);
  let evaluations = 1;
  let before: Point = { t: 0, ...start };
  let tried = 0;
  let bracket: Point[] | undefined;
  let done = false;
  for (; tried < limit; tried++) {
    if (isAbove(now) || (tried > 1 && now.loss >= before.loss)) bracket = [before, now];
    else if (isFlat(now)) {
      bracket = [now];
      done = true;
    } else if (!less(now.slope, 0)) bracket = [before, now];
    if (bracket !== undefined) break;
    const bounds: [Value, Value] = [plus(t, times(0.01, minus(t, before.t))), times(t, 10)];
    t = cubicMinimum(before, now, bounds);
    before = now;
    now = at(t);
    evaluations++;
  }
  bracket ??= [{ t: 0, ...start }, now];

  let stuck = false;
  let [low, high] = bracket[0]!.loss <= bracket.at(-1)!.loss ? [0, 1] : [1, 0];
  while (!done && tried < limit) {
    const [left, right] = bracket as [Point, Point];
    if (less(times(absolute(minus(right.t, left.t)), size), toleranceChange)) break;
    t = cubicMinimum(left, right);
    const [nearest, farthest] = [smaller(left.t, right.t), larger(left.t, right.t)];
    const margin = times(0.1, minus(farthest, nearest));
    if (less(smaller(minus(farthest, t), minus(t, nearest)), margin)) {
      // Close to the bracket's end: the second time in a row, or beyond it, step inside by a tenth.
      if (stuck || !less(t, farthest) || lessOrEqual(t, nearest)) {
        t = less(absolute(minus(t, farthest)), absolute(minus(t, nearest)))
          ? minus(farthest, margin)
          : plus(nearest, margin);
        stuck = false;
      } else stuck = true;
    } else stuck = false;
    now = at(t);
    evaluations++;
    tried++;
    if (isAbove(now) || now.loss >= bracket[low]!.loss) {
      bracket[high] = now;
      [low, high] = bracket[0]!.loss <= bracket[1]!.loss ? [0, 1] : [1, 0];
    } else {
      if (isFlat(now)) done = true;
      else if (!less(times(now.slope, minus(bracket[high]!.t, bracket[low]!.t)), 0))
        bracket[high] = bracket[low]!;
      bracket[low] = now;
    }
  }
  const found = bracket[low]!;
  return { loss: found.loss, gradient: found.gradient, t: found.t, evaluations };
}

// Where the cubic through two points with their slopes is smallest, within bounds.
function cubicMinimum(a: Point, b: Point, bounds?: [Value, Value]): Value {
  const [least, most] = bounds ?? (lessOrEqual(a.t, b.t) ? [a.t, b.t] : [b.t, a.t]);
  const d1 = minus(plus(a.slope, b.slope), over(3 * (a.loss - b.loss), minus(a.t, b.t)));
  const square = minus(squared(d1), times(a.slope, b.slope));
  if (less(square, 0) || Number.isNaN(numberOf(square))) return over(plus(least, most), 2);
  const d2 = root(square);
  const [from, to] = lessOrEqual(a.t, b.t) ? [a, b] : [b, a];
  const position = minus(
    to.t,
    times(
      minus(to.t, from.t),
      over(minus(plus(to.slope, d2), d1), plus(minus(to.slope, from.slope), times(2, d2))),
    ),
  );
  return smaller(larger(position, least), most);
}

function absolute(a: Value): Value {
  return isTensor(a) ? a.abs() : Math.abs(a);
}
function squared(a: Value): Value {
  return isTensor(a) ? a.pow(2) : a * a;
}
function root(a: Value): Value {
  return isTensor(a) ? a.sqrt() : Math.sqrt(a);
}
