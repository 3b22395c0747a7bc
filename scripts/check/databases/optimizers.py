#!/usr/bin/env python3
"""Takes 20 steps with every combination of the options that PyTorch's optimizer database tries, and writes down what came of them.

    python optimizers.py --out FOLDER

For each OptimizerInfo of optim_db there is NUMBER.json: all combinations of the values that its inputs have, in each form (a loop,
foreach, fused), for each variant: dtypes, two groups of which a parameter learns later, a tensor for a learning rate, sparse gradients.
A case: {class, options, variant} and "hash", of all parameters and their state as float64, with some values of the parameters; or
"error", what Python raises. See test/parity/optimizerCases.ts for the other side.
"""
import functools, itertools, pathlib, sys

from values import drive  # first: see there

sys.path.append(str(pathlib.Path(__file__).resolve().parents[3] / 'test/parity'))
import torch
from record import numbers, sha256
from torch.testing._internal.common_optimizers import optim_db

STEPS = 20
SHAPES = [[3, 17], [5], []]
MATRICES = [[3, 17], [4, 2]]
TABLE = [[7, 3]]
KEPT = 4  # values of the parameters


@functools.lru_cache(maxsize=None)
def made(shape, seed, variant):
    if variant == 'complex64':
        return torch.complex(numbers(list(shape), seed=seed), numbers(list(shape), seed=seed + 50))
    return numbers(list(shape), seed=seed).to(getattr(torch, variant if variant in ('float64', 'bfloat16') else 'float32'))


def combinations(info):
    """All combinations of the values that options have in the database's inputs, or have not."""
    seen = {}
    for one in info.optim_inputs_func('cpu'):
        for name, value in one.kwargs.items():
            known = seen.setdefault(name, [])
            if str(value) not in map(str, known):
                known.append(value)
    lists = [[(name, None), *((name, value) for value in values)] for name, values in seen.items()]
    for chosen in itertools.product(*lists):
        yield {name: value for name, value in chosen if value is not None}


def cases(info):
    name = info.optim_cls.__name__
    forms = [{}] + [{form: True} for form in info.supported_impls if form in ('foreach', 'fused')]
    variants = ['float32', 'float64', 'bfloat16', 'groups', 'rate'] + ['complex64'] * info.supports_complex + ['sparse'] * info.supports_sparse
    if info.only_supports_sparse_grads:
        variants = ['sparse']
    if name == 'LBFGS':
        variants = ['float32', 'float64', 'complex64', 'sparse']
    for options, form, variant in itertools.product(combinations(info), forms, variants):
        # PyTorch's fused SGD leaves most of a parameter in low precision as it is: pytorch/pytorch issue 191763.
        if name == 'SGD' and 'fused' in form and variant == 'bfloat16':
            continue
        if variant == 'rate' and isinstance(options.get('lr'), torch.Tensor):
            continue
        yield name, {**options, **form}, variant


def numbers_in(state):
    """Tensors and numbers of a state, by the parameters' order and the names' order, as float64."""
    if isinstance(state, torch.Tensor):
        state = state.to_dense() if state.is_sparse else state
        return [(torch.view_as_real(state) if state.is_complex() else state).double().reshape(-1)]
    if isinstance(state, bool) or state is None:
        return []
    if isinstance(state, (int, float)):
        return [torch.tensor([state], dtype=torch.float64)]
    if isinstance(state, dict):
        state = [state[name] for name in sorted(state)]
    return [found for one in state for found in numbers_in(one)]


def run(name, options, variant):
    shapes = MATRICES if name == 'Muon' else TABLE if variant == 'sparse' else SHAPES
    shapes = tuple(map(tuple, shapes))
    parameters = [torch.nn.Parameter(made(shape, 1 + i, variant).clone()) for i, shape in enumerate(shapes)]
    if variant == 'rate':
        options = {**options, 'lr': torch.tensor([options.get('lr', 0.01)])}
    given = parameters
    if variant == 'groups':
        given = [dict(params=parameters[:1], lr=0.02), dict(params=parameters[1:])]
    options = {k: v.clone() if isinstance(v, torch.Tensor) else v for k, v in options.items()}
    optimizer = getattr(torch.optim, name)(given, **options)

    def closure():
        loss = 0.0
        for i, (p, shape) in enumerate(zip(parameters, shapes)):
            p.grad = p.detach() - made(shape, 100 + 7 * step + i, variant)
            loss = loss + (p.grad.abs() ** 2).sum() / 2
            if variant == 'sparse':
                indices = torch.tensor([[step % 7, (3 * step) % 7, step % 7]])
                p.grad = torch.sparse_coo_tensor(indices, p.grad[indices[0]], p.shape)
        return loss

    for step in range(STEPS):
        if name == 'LBFGS':
            optimizer.step(closure)
        else:
            closure()
            if variant == 'groups' and step < 3:
                parameters[-1].grad = None  # which learns later
            optimizer.step()
    finals = torch.cat(numbers_in([p.detach() for p in parameters]))
    everything = torch.cat([finals, *numbers_in(optimizer.state_dict()['state'])])
    every = max(1, finals.numel() // KEPT)
    return dict(hash=sha256(everything.numpy())[:12], size=everything.numel(), values=[float(f'{x:.7g}') for x in finals[::every][:KEPT].tolist()])


def entry(info, _):
    out = dict(kind='optimizer', dtype='', cases=[], skipped={})
    for name, given, variant in cases(info):
        case = {'class': name, 'options': {k: [v.item()] if isinstance(v, torch.Tensor) else v for k, v in given.items()}, 'variant': variant}
        try:
            case.update(run(name, given, variant))
        except Exception as error:
            case['error'] = f'{type(error).__name__}: {str(error).splitlines()[0][:100]}'
        out['cases'].append(case)
    return out, {}


drive([(info.optim_cls.__name__, info) for info in optim_db], entry)
