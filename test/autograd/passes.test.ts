// The arguments of backward passes: what works in Python works, and what is an error there is one here; nothing is taken as
// if it had not been given.
import torch, { type Tensor } from 'torch-node';
import { answersOf } from '../support/askPython.js';
import { withoutLeaks } from '../support/leaks.js';

// Arguments are wrong on purpose.
type Loose = (...args: unknown[]) => unknown;
interface Wrong {
  backward: Loose;
  grad: unknown;
  requiresGrad: unknown;
  requiresGrad_: Loose;
}

interface Row {
  /** With x of ones [2, 2], y = 2 x and s its sum; gives gradients, or nothing. */
  readonly run: (x: Wrong, y: Wrong, s: Wrong) => unknown;
  /** The same in Python; none where the form is ours alone. */
  readonly python?: string;
  /** What is raised. */
  readonly throws?: RegExp;
}

const g = (shape: number[], of = 1): Tensor => torch.full(shape, of);
const grad = torch.grad as Loose;
const backward = torch.autograd.backward as Loose;

const rows: Record<string, Row> = {
  'backward()': { run: (_, __, s) => s.backward(), python: 's.backward()' },
  'backward(null)': { run: (_, __, s) => s.backward(null), python: 's.backward(None)' },
  'backward({})': { run: (_, __, s) => s.backward({}) },
  'backward(g)': { run: (_, y) => y.backward(g([2, 2])), python: 'y.backward(g(2, 2))' },
  'backward([g])': { run: (_, y) => y.backward([g([2, 2])]), python: 'y.backward([g(2, 2)])' },
  'backward({ gradient })': { run: (_, y) => y.backward({ gradient: g([2, 2]) }), python: 'y.backward(gradient=g(2, 2))' },
  'backward({ retainGraph: true })': { run: (_, __, s) => { s.backward({ retainGraph: true }); s.backward(); }, python: 's.backward(retain_graph=True); s.backward()' },
  'backward(null, { retainGraph: true })': { run: (_, __, s) => { s.backward(null, { retainGraph: true }); s.backward(); }, python: 's.backward(None, retain_graph=True); s.backward()' },
  'backward({ retainGraph: null })': { run: (_, __, s) => s.backward({ retainGraph: null }), python: 's.backward(retain_graph=None)' },
  'backward() twice': { run: (_, __, s) => { s.backward(); s.backward(); }, python: 's.backward(); s.backward()', throws: /retainGraph: true/ },
  'backward({ retainGraph: false }) twice': { run: (_, __, s) => { s.backward({ retainGraph: false }); s.backward(); }, python: 's.backward(retain_graph=False); s.backward()', throws: /retainGraph: true/ },
  'backward({ inputs: x })': { run: (x, _, s) => s.backward({ inputs: x }), python: 's.backward(inputs=x)' },
  'backward({ inputs: [x] })': { run: (x, _, s) => s.backward({ inputs: [x] }), python: 's.backward(inputs=[x])' },
  'backward({ inputs: null })': { run: (_, __, s) => s.backward({ inputs: null }), python: 's.backward(inputs=None)' },
  'backward(5)': { run: (_, __, s) => s.backward(5), python: 's.backward(5)', throws: /gradient: expected a Tensor.*got 5/ },
  "backward('foo')": { run: (_, __, s) => s.backward('foo'), python: "s.backward('foo')", throws: /gradient: expected a Tensor.*got 'foo'/ },
  'backward([1])': { run: (_, __, s) => s.backward([1]), python: 's.backward([1])', throws: /gradient\[0\]: expected a Tensor, got 1/ },
  'backward(true)': { run: (_, __, s) => s.backward(true), python: 's.backward(True)', throws: /got true; options go by name, as \{ retainGraph: true \}/ },
  'backward(() => 1)': { run: (_, __, s) => s.backward(() => 1), throws: /gradient: expected a Tensor/ },
  'backward(new Map())': { run: (_, __, s) => s.backward(new Map()), throws: /gradient: expected a Tensor/ },
  'backward(generator)': { run: (_, __, s) => s.backward(new torch.Generator()), throws: /gradient: expected a Tensor/ },
  'backward(released)': { run: (_, y) => { const seed = g([2, 2]); seed.dispose(); y.backward(seed); }, throws: /released/ },
  'backward({ gradient: 5 })': { run: (_, __, s) => s.backward({ gradient: 5 }), python: 's.backward(gradient=5)', throws: /gradient: expected a Tensor/ },
  'backward(null, true)': { run: (_, __, s) => s.backward(null, true), throws: /expected an object of options, got true/ },
  'backward(null, null)': { run: (_, __, s) => s.backward(null, null), throws: /expected an object of options, got null/ },
  'backward({ retain_graph: true })': { run: (_, __, s) => s.backward({ retain_graph: true }), throws: /did you mean retainGraph/ },
  'backward({ retainGraph: 1 })': { run: (_, __, s) => s.backward({ retainGraph: 1 }), throws: /retainGraph: expected true or false, got 1/ },
  "backward({ retainGraph: 'yes' })": { run: (_, __, s) => s.backward({ retainGraph: 'yes' }), python: "s.backward(retain_graph='yes')", throws: /retainGraph: expected true or false/ },
  'backward({ createGraph: null })': { run: (_, __, s) => s.backward({ createGraph: null }), python: 's.backward(create_graph=None)', throws: /createGraph: expected true or false/ },
  'backward({ inputs: [] })': { run: (_, __, s) => s.backward({ inputs: [] }), python: 's.backward(inputs=[])', throws: /inputs: expected at least one Tensor/ },
  'backward({ inputs: 5 })': { run: (_, __, s) => s.backward({ inputs: 5 }), python: 's.backward(inputs=5)', throws: /inputs: expected a Tensor/ },
  'backward({ inputs: [5] })': { run: (_, __, s) => s.backward({ inputs: [5] }), python: 's.backward(inputs=[5])', throws: /inputs\[0\]: expected a Tensor, got 5/ },
  'backward({ inputs: [null] })': { run: (_, __, s) => s.backward({ inputs: [null] }), python: 's.backward(inputs=[None])', throws: /inputs\[0\]: expected a Tensor, got null/ },
  'backward() of several elements': { run: (_, y) => y.backward(), python: 'y.backward()', throws: /scalar outputs/ },
  'backward(g) of another shape': { run: (_, y) => y.backward(g([3])), python: 'y.backward(g(3))', throws: /shape/i },
  'grad(y, x, g)': { run: (x, y) => grad(y, x, { gradOutputs: g([2, 2]) }), python: 'torch.autograd.grad(y, x, grad_outputs=g(2, 2))' },
  'grad(y, x, [g])': { run: (x, y) => grad(y, x, { gradOutputs: [g([2, 2])] }), python: 'torch.autograd.grad(y, x, grad_outputs=[g(2, 2)])' },
  'grad(s, x, [null])': { run: (x, _, s) => grad(s, x, { gradOutputs: [null] }), python: 'torch.autograd.grad(s, x, grad_outputs=[None])' },
  'grad(s, x, null)': { run: (x, _, s) => grad(s, x, { gradOutputs: null }), python: 'torch.autograd.grad(s, x, grad_outputs=None)' },
  'grad by position': { run: (x, y) => grad(y, x, g([2, 2]), { retainGraph: true }), python: 'torch.autograd.grad(y, x, g(2, 2), retain_graph=True)' },
  'grad(materializeGrads)': { run: (x, _, s) => grad(s, [x, torch.ones([2], { requiresGrad: true })], { materializeGrads: true }), python: 'torch.autograd.grad(s, [x, torch.ones(2, requires_grad=True)], materialize_grads=True)' },
  'grad(isGradsBatched: false)': { run: (x, _, s) => grad(s, x, { isGradsBatched: false }), python: 'torch.autograd.grad(s, x, is_grads_batched=False)' },
  'grad(isGradsBatched: true)': { run: (x, y) => grad(y, x, { gradOutputs: g([3, 2, 2]), isGradsBatched: true }), throws: /isGradsBatched.*vmap.*torch\.stack/s },
  'grad(y, x, [1])': { run: (x, y) => grad(y, x, { gradOutputs: [1] }), python: 'torch.autograd.grad(y, x, grad_outputs=[1])', throws: /gradOutputs\[0\]: expected a Tensor/ },
  'grad(y, x, 5)': { run: (x, y) => grad(y, x, { gradOutputs: 5 }), python: 'torch.autograd.grad(y, x, grad_outputs=5)', throws: /gradOutputs: expected/ },
  "grad(y, x, 'a')": { run: (x, y) => grad(y, x, { gradOutputs: 'a' }), python: "torch.autograd.grad(y, x, grad_outputs='a')", throws: /gradOutputs: expected/ },
  'grad(y, x, [g, g])': { run: (x, y) => grad(y, x, { gradOutputs: [g([2, 2]), g([2, 2])] }), throws: /gradOutputs: expected one for each of the 1 outputs, got 2/ },
  'grad(y, x, [])': { run: (x, y) => grad(y, x, { gradOutputs: [] }), python: 'torch.autograd.grad(y, x, grad_outputs=[])', throws: /gradOutputs: expected one for each of the 1 outputs, got 0/ },
  'grad(s, [])': { run: (_, __, s) => grad(s, []), python: 'torch.autograd.grad(s, [])', throws: /inputs: expected at least one Tensor/ },
  'grad(s, 5)': { run: (_, __, s) => grad(s, 5), python: 'torch.autograd.grad(s, 5)', throws: /inputs: expected a Tensor/ },
  'grad(s, [5])': { run: (_, __, s) => grad(s, [5]), python: 'torch.autograd.grad(s, [5])', throws: /inputs\[0\]: expected a Tensor/ },
  'grad(s)': { run: (_, __, s) => grad(s), python: 'torch.autograd.grad(s)', throws: /inputs: expected a Tensor/ },
  'grad(5, x)': { run: (x) => grad(5, x), python: 'torch.autograd.grad(5, x)', throws: /outputs: expected a Tensor/ },
  'grad([null], x)': { run: (x) => grad([null], x), python: 'torch.autograd.grad([None], x)', throws: /outputs\[0\]: expected a Tensor/ },
  'grad([], x)': { run: (x) => grad([], x), python: 'torch.autograd.grad([], x)', throws: /outputs: expected at least one Tensor/ },
  "grad(retainGraph: 'a')": { run: (x, _, s) => grad(s, x, { retainGraph: 'a' }), python: "torch.autograd.grad(s, x, retain_graph='a')", throws: /retainGraph: expected true or false/ },
  "grad(allowUnused: 'a')": { run: (x, _, s) => grad(s, x, { allowUnused: 'a' }), python: "torch.autograd.grad(s, x, allow_unused='a')", throws: /allowUnused: expected true or false/ },
  'grad of an unused input': { run: (_, __, s) => grad(s, torch.ones([2], { requiresGrad: true })), python: 'torch.autograd.grad(s, torch.ones(2, requires_grad=True))', throws: /allowUnused: true/ },
  'grad(materializeGrads, not allowUnused)': { run: (x, _, s) => grad(s, x, { materializeGrads: true, allowUnused: false }), python: 'torch.autograd.grad(s, x, materialize_grads=True, allow_unused=False)', throws: /allowUnused/ },
  'autograd.backward(y, g)': { run: (_, y) => backward(y, { gradTensors: g([2, 2]) }), python: 'torch.autograd.backward(y, g(2, 2))' },
  'autograd.backward by position': { run: (_, y) => backward([y], [g([2, 2])], { retainGraph: true }), python: 'torch.autograd.backward([y], [g(2, 2)], retain_graph=True)' },
  'autograd.backward(s, retainGraph)': { run: (_, __, s) => { backward(s, { retainGraph: true }); backward(s); }, python: 'torch.autograd.backward(s, retain_graph=True); torch.autograd.backward(s)' },
  'autograd.backward(inputs: x)': { run: (x, _, s) => backward(s, { inputs: x }), python: 'torch.autograd.backward(s, inputs=x)' },
  'autograd.backward([])': { run: () => backward([]), python: 'torch.autograd.backward([])' },
  'autograd.backward(5)': { run: () => backward(5), python: 'torch.autograd.backward(5)', throws: /tensors: expected a Tensor/ },
  'autograd.backward([5])': { run: () => backward([5]), python: 'torch.autograd.backward([5])', throws: /tensors\[0\]: expected a Tensor/ },
  'autograd.backward(y, 5)': { run: (_, y) => backward(y, { gradTensors: 5 }), python: 'torch.autograd.backward(y, 5)', throws: /gradTensors: expected/ },
  'autograd.backward(y, [5])': { run: (_, y) => backward(y, { gradTensors: [5] }), python: 'torch.autograd.backward(y, [5])', throws: /gradTensors\[0\]: expected a Tensor/ },
  'autograd.backward(y, [])': { run: (_, y) => backward(y, { gradTensors: [] }), python: 'torch.autograd.backward(y, [])', throws: /gradTensors: expected one for each of the 1 tensors, got 0/ },
  'autograd.backward(inputs: [])': { run: (_, __, s) => backward(s, { inputs: [] }), python: 'torch.autograd.backward(s, inputs=[])', throws: /inputs: expected at least one Tensor/ },
  'autograd.backward(inputs: [5])': { run: (_, __, s) => backward(s, { inputs: [5] }), python: 'torch.autograd.backward(s, inputs=[5])', throws: /inputs\[0\]: expected a Tensor/ },
  "autograd.backward(createGraph: 'a')": { run: (_, __, s) => backward(s, { createGraph: 'a' }), python: "torch.autograd.backward(s, create_graph='a')", throws: /createGraph: expected true or false/ },
  'x.grad = g': { run: (x) => { x.grad = g([2, 2]); }, python: "setattr(x, 'grad', g(2, 2))" },
  'x.grad = null': { run: (x) => { x.grad = null; }, python: "setattr(x, 'grad', None)" },
  'x.grad = 5': { run: (x) => { x.grad = 5; }, python: "setattr(x, 'grad', 5)", throws: /expected a Tensor or null, got 5/ },
  'x.grad = [1]': { run: (x) => { x.grad = [1]; }, python: "setattr(x, 'grad', [1])", throws: /expected a Tensor or null, got \[1\]/ },
  'x.grad = undefined': { run: (x) => { x.grad = undefined; }, throws: /expected a Tensor or null, got undefined/ },
  'x.grad of another shape': { run: (x) => { x.grad = g([3]); }, python: "setattr(x, 'grad', g(3))", throws: /shape/ },
  'x.requiresGrad = 5': { run: (x) => { x.requiresGrad = 5; }, python: "setattr(x, 'requires_grad', 5)", throws: /expected true or false, got 5/ },
  'x.requiresGrad_(5)': { run: (x) => { x.requiresGrad_(5); }, python: 'x.requires_grad_(5)', throws: /expected true or false, got 5/ },
}; // prettier-ignore

const BEFORE = `
x = torch.ones(2, 2, requires_grad=True)
y = x * 2
s = y.sum()
g = torch.ones
`;

/** The gradients that come back, or that x has then. */
function outcome({ run }: Row): unknown {
  const x = torch.ones([2, 2], { requiresGrad: true });
  const y = x.mul(2);
  const result = run(x as unknown as Wrong, y as unknown as Wrong, y.sum() as unknown as Wrong);
  const lists = (value: unknown): unknown => (value as Tensor | null)?.toArray() ?? null;
  return Array.isArray(result) ? result.map(lists) : lists(x.grad);
}

describe('a backward pass', () => {
  for (const [name, row] of Object.entries(rows))
    it(`${name} ${row.throws === undefined ? 'works' : 'is an error'}`, () => {
      torch.scope(() => {
        if (row.throws === undefined) expect(() => outcome(row)).not.toThrow();
        else expect(() => outcome(row)).toThrow(row.throws);
        if (row.throws !== undefined)
          expect(() => outcome(row)).toThrow(expect.objectContaining({ name: 'TorchError' }));
      });
    });

  it('leaves nothing behind', () => {
    withoutLeaks(() => {
      for (const row of Object.values(rows))
        try {
          outcome(row);
        } catch {
          // The errors are the matter of the tests above.
        }
    });
  });

  it('gives what Python gives, and refuses what Python refuses', () => {
    const asked = Object.entries(rows).filter(([, { python }]) => python !== undefined);
    const python = asked.map(([, row]) => {
      const given = row.python!;
      return given.startsWith('torch.autograd.grad') ? given : `${given}; x.grad`;
    });
    const answers = answersOf('passes', python, BEFORE);
    torch.scope(() => {
      const differing = asked.filter(([, row], i) => {
        const answer = answers[i]!;
        if ('raises' in answer || row.throws !== undefined)
          return !('raises' in answer) || row.throws === undefined;
        return JSON.stringify(outcome(row)) !== JSON.stringify(answer.value);
      });
      expect(differing.map(([name]) => name)).toEqual([]);
    });
  });
});
