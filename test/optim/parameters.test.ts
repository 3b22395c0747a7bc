// What an optimizer takes for parameters, and what it says of everything else.
import torch, { nn, optim } from 'torch-node';

const p = (...shape: number[]): nn.Parameter => new nn.Parameter(torch.ones(shape));
const complex = (): nn.Parameter => new nn.Parameter(torch.complex(torch.ones([2]), torch.ones([2])));

/** A parameter whose gradient is sparse. */
function sparse(): nn.Parameter {
  const table = p(7, 3);
  const indices = torch.tensor([1, 2, 2], { dtype: 'int64' });
  (torch.ops.call('aten::embedding', [table, indices, -1, false, true]) as torch.Tensor).sum().backward();
  return table;
}
function dense(parameter: nn.Parameter): nn.Parameter {
  parameter.grad = torch.onesLike(parameter.detach());
  return parameter;
}

describe('the parameters of an optimizer', () => {
  const net = new nn.Linear(2, 2);
  const wrong: [what: string, params: unknown, message: RegExp][] = [
    [
      'a module',
      net,
      /^SGD: expected an array of parameters or of groups, got .*Linear.*: pass its parameters, as net.parameters\(\)/,
    ],
    [
      'a module that can be gone over',
      new nn.Sequential(net),
      /got .*Sequential.*: pass its parameters, as net.parameters\(\)/,
    ],
    ['modules', [net, net], /got .*Linear.*: pass its parameters, as net.parameters\(\)/],
    ['a module in a group', [{ params: net }], /got .*Linear.*: pass its parameters, as net.parameters\(\)/],
    [
      'modules in a group',
      [{ params: [p(1), net] }],
      /got .*Linear.*: pass its parameters, as net.parameters\(\)/,
    ],
    ['a class', nn.Linear, /: pass the parameters of a module, as net.parameters\(\)/],
    ['a method', net.parameters.bind(net), /: call it, as net.parameters\(\)/],
    ['a tensor', p(1), /: pass an array, \[parameter\]/],
    ['a group', { params: [p(1)] }, /: pass an array of groups, \[\{ params: net.parameters\(\) \}\]/],
    ['nothing', undefined, /got undefined/],
    ['a number', 7, /got 7/],
    ['numbers', [7], /parameter 0: expected a Tensor, got 7/],
    [
      'parameters without names beside some with',
      [['a', p(1)], p(1)],
      /some parameters have names and some have none/,
    ],
    [
      'a group without names after one with',
      [{ params: [['a', p(1)]] }, { params: [p(1)] }],
      /all groups of parameters have to be with names, or all without: a group without names cannot be added/,
    ],
    [
      'a group with names after one without',
      [{ params: [p(1)] }, { params: [['a', p(1)]] }],
      /a group with names cannot be added/,
    ],
  ];
  it.each(wrong)('are not %s', (_, params, message) => {
    expect(() => new optim.SGD(params as never)).toThrow(message);
  });

  it('may be a ParameterList, as in Python', () => {
    expect(new optim.SGD(new nn.ParameterList([p(1), p(2)])).paramGroups[0]!.params.length).toBe(2);
  });

  // As Python refuses them; what each says begins like Python's words.
  const refused: [run: () => unknown, message: RegExp][] = [
    ...(['SGD', 'Adam', 'AdamW', 'Adagrad'] as const).map((kind): [() => unknown, RegExp] => [
      () => new optim[kind]([dense(complex())], { fused: true }).step(),
      /fused: true requires all parameters to be floating-point tensors, and parameter 0 is complex64/,
    ]),
    ...(['SGD', 'Adagrad'] as const).map((kind): [() => unknown, RegExp] => [
      () => new optim[kind]([sparse()], { fused: true }).step(),
      /does not support sparse gradients/,
    ]),
    ...(['Adam', 'AdamW'] as const).map((kind): [() => unknown, RegExp] => [
      () => new optim[kind]([sparse()]).step(),
      /does not support sparse gradients, please consider SparseAdam instead/,
    ]),
    ...(['Adadelta', 'Adafactor', 'Adamax', 'ASGD', 'NAdam', 'RAdam', 'RMSprop', 'Rprop'] as const).flatMap(
      (kind) =>
        [false, true].map((foreach): [() => unknown, RegExp] => [
          () => new optim[kind]([sparse()], { foreach }).step(),
          new RegExp(`^${kind}: does not support sparse gradients`),
        ]),
    ),
    [
      () => new optim.Adagrad([sparse()], { weightDecay: 0.1 }).step(),
      /weightDecay: the option is not compatible/,
    ],
    [() => new optim.Adafactor([dense(complex())]).step(), /Adafactor: does not support complex parameters/],
    [
      () => new optim.SparseAdam([complex()]),
      /SparseAdam: does not support complex parameters: parameter 0 of group 0/,
    ],
    [
      () => new optim.SparseAdam([new nn.Parameter(torch.ones([2, 2]).toSparse())]),
      /SparseAdam: requires dense parameter tensors: parameter 0 of group 0 is sparse/,
    ],
    [
      () => new optim.SparseAdam([dense(p(2))]).step(),
      /does not support dense gradients, please consider Adam instead/,
    ],
  ];
  it('are of the kinds that Python takes', () => {
    for (const [run, message] of refused) expect(run).toThrow(message);
  });
});
