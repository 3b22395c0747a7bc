// Anomaly detection: the operator whose backward fails is named, with the place where it was called.
import torch, { type Tensor } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

const { detectAnomaly, isAnomalyEnabled, setDetectAnomaly } = torch.autograd;

let warnings: [message: string, name: string][];
beforeEach(() => {
  warnings = [];
  jest.spyOn(process, 'emitWarning').mockImplementation(((...args: [string, string]) => {
    warnings.push(args);
  }) as typeof process.emitWarning);
});
afterEach(() => jest.restoreAllMocks());

function callsSqrt(x: Tensor): Tensor {
  return x.sqrt();
}

it('tells where the operator was called whose backward gives NaN', () => {
  withoutLeaks(() => {
    const x = torch.tensor([-1, 1], { requiresGrad: true });
    detectAnomaly(() => {
      expect(isAnomalyEnabled()).toBe(true);
      const loss = callsSqrt(x).mul(2).sum();
      expect(() => loss.backward()).toThrow(/Function 'SqrtBackward0' returned nan values in its 0th output/);
      x.grad = null;
      x.mul(2).sum().backward();
      expect(x.grad!.toArray()).toEqual([2, 2]);
    });
    expect(isAnomalyEnabled()).toBe(false);
    x.sqrt().sum().backward();
  });
  expect(warnings.map(([, name]) => name)).toEqual(['AnomalyWarning']);
  expect(warnings[0]![0]).toMatch(
    /^error detected in SqrtBackward0, whose operator was called here:\n {4}at [^\n]*anomaly\.test\.ts:17:\d+\)\n[^\n]*callsSqrt/,
  );
});

it('lets NaN be where told to, and nests', () => {
  withoutLeaks(() => {
    const x = torch.tensor([-1], { requiresGrad: true });
    setDetectAnomaly(true, { checkNan: false });
    x.sqrt().backward();
    detectAnomaly(() => expect(() => x.sqrt().backward()).toThrow(/nan values/));
    x.sqrt().backward();
    expect(isAnomalyEnabled()).toBe(true);
    setDetectAnomaly(false);
    expect(isAnomalyEnabled()).toBe(false);
  });
});

it('leaves the errors of custom operators as they are', () => {
  const error = new Error('mine');
  class Fails extends torch.autograd.Function {
    static forward(_ctx: torch.autograd.FunctionContext, x: Tensor): Tensor {
      return x.mul(2);
    }
    static backward(): Tensor {
      throw error;
    }
  }
  withoutLeaks(() => {
    let thrown: unknown;
    try {
      detectAnomaly(() => Fails.apply(torch.ones([1], { requiresGrad: true })).backward());
    } catch (caught) {
      thrown = caught;
    }
    expect(thrown).toBe(error);
  });
  expect(warnings.map(([text]) => text.split(',')[0])).toEqual(['error detected in FailsBackward']);
});
