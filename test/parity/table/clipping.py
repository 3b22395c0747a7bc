"""Gradients kept small: torch.nn.utils.clip_grad_norm_ and its like. Run by clipping.run.ts."""
import torch

SHAPES = [[3, 4], [5], [], [2, 2, 2]]


def gradients(dtypes, scale):
    from record import numbers
    return [numbers(shape, seed=i + 1, scale=scale, dtype=dtype) for i, (shape, dtype) in enumerate(zip(SHAPES, dtypes))]


def calls():
    for foreach in ({}, dict(foreach=False), dict(foreach=True)):
        for norm in (2.0, 1.0, 3.0, 0.5, 0.0, 'inf', '-inf'):
            yield 'clip_grad_norm_', [1.0], dict(foreach, norm_type=norm), {}
        for limit in (100.0, 0.25, 0.0):
            yield 'clip_grad_norm_', [limit], foreach, {}
        yield 'clip_grad_norm_', [0.5], dict(foreach, error_if_nonfinite=True), {}
        yield 'clip_grad_norm_', [1.0], foreach, dict(scale=1e30)
        yield 'clip_grad_norm_', [1.0], foreach, dict(dtypes=['float64'] * 4)
        yield 'clip_grad_norm_', [1.0], foreach, dict(without=[1, 2])
        yield 'clip_grad_norm_', [1.0], foreach, dict(without=[0, 1, 2, 3])
        for limit in (0.25, 2.0, 0.0):
            yield 'clip_grad_value_', [limit], foreach, {}
        yield 'clip_grad_value_', [0.5], foreach, dict(dtypes=['float32', 'float64', 'float32', 'float64'])
        for norm in (2.0, 'inf'):
            yield 'get_total_norm', [], dict(foreach, norm_type=norm), {}


def record():
    from __main__ import encode
    for name, args, options, about in calls():
        about = dict(dict(dtypes=['float32'] * 4, scale=2, without=[]), **about)
        given = gradients(about['dtypes'], about['scale'])
        parameters = [torch.zeros_like(g, requires_grad=True) for g in given]
        for i, (p, g) in enumerate(zip(parameters, given)):
            p.grad = None if i in about['without'] else g
        call = getattr(torch.nn.utils, name)
        python = {k: float(v) if isinstance(v, str) else v for k, v in options.items()}
        result = call(given if name == 'get_total_norm' else parameters, *args, **python)
        words = ', '.join([*map(str, args), *(f'{k}={v}' for k, v in options.items()), *(f'{k} {v}' for k, v in about.items())])
        yield {'class': f'nn.utils.{name}', 'name': f'{name}({words})', 'call': name, 'args': args, 'options': options, 'shapes': SHAPES, **about,
               'result': None if result is None else encode(result), 'gradients': [None if p.grad is None else encode(p.grad) for p in parameters]}
