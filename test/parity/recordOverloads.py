#!/usr/bin/env python3
"""Records what Python PyTorch gives for calls that several overloads may take: recorded/overloads.json.

    python recordOverloads.py

A case is [function, arguments, options, result]. A tensor is {tensor: nested values, dtype}, a result that is a tensor
{dtype, shape, values}, one with names {names, results}; {raises: true} says that Python refuses the call with a
TypeError. JavaScript does not tell 2.0 from 2: numbers that are meant as floats have a fraction.
"""
import json, pathlib

import torch


def t(values, dtype='float32'):
    return dict(tensor=values, dtype=dtype)


A = t([[1, -2, 3], [4, 5, -6]])
B = t([[2, 2, 0.5], [1, -1, 4]])
V = t([3, 1, 2])
I = t([[5, 1, 4], [2, 7, 3]], 'int64')
J = t([2, 3, 1], 'int64')
M = t([[True, False, True], [False, True, True]], 'bool')
S = t([[4, 1], [2, 3]])
ZERO_D = t(2.5)
T = t([[1, 0.5], [2, -1], [0, 4]])
R = t([[3, 1, 1], [3, 1, 1], [2, 2, 3], [3, 1, 1]])
W = t([2.5, -1])
X = t([[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]])

CASES = [
    # numbers and tensors
    ('Tensor.add', [I, 1.5], {}), ('Tensor.add', [I, 2], {}), ('Tensor.add', [A, B], dict(alpha=2)),
    ('Tensor.add', [I, ZERO_D], {}), ('Tensor.add', [I, True], {}), ('torch.add', [I, 1.5], {}), ('torch.add', [1, I], {}),
    ('Tensor.mul', [M, 2], {}), ('Tensor.mul', [M, 2.5], {}), ('torch.sub', [I, J], dict(alpha=3)),
    ('torch.mul', [I, I], {}), ('Tensor.div', [I, 2], {}), ('Tensor.div', [I, J], dict(rounding_mode='floor')),
    ('Tensor.div', [A, B], dict(rounding_mode='trunc')), ('Tensor.div', [A, B], dict(rounding_mode=None)),
    ('torch.div', [A, 4], dict(rounding_mode='floor')), ('Tensor.floor_divide', [I, 2], {}),
    ('Tensor.true_divide', [I, 4], {}), ('Tensor.remainder', [I, 3], {}), ('Tensor.remainder', [A, B], {}),
    ('torch.remainder', [7, I], {}), ('Tensor.fmod', [A, 2.5], {}), ('Tensor.pow', [I, 2], {}), ('Tensor.pow', [I, 0.5], {}),
    ('torch.pow', [2, J], {}), ('torch.pow', [V, V], {}), ('Tensor.eq', [I, 2], {}), ('Tensor.eq', [A, 4.5], {}),
    ('Tensor.ne', [A, B], {}), ('Tensor.ge', [A, True], {}), ('torch.lt', [A, B], {}), ('Tensor.bitwise_and', [I, 6], {}),
    ('Tensor.bitwise_and', [I, J], {}), ('torch.bitwise_or', [1, J], {}), ('Tensor.logical_and', [M, I], {}),
    ('Tensor.clamp', [A, -1, 3.5], {}), ('Tensor.clamp', [A], dict(min=0)), ('Tensor.clamp', [A, B], {}),
    ('Tensor.clamp', [A], dict(max=B)), ('Tensor.clamp_min', [A, 2], {}), ('Tensor.maximum', [A, B], {}),
    ('Tensor.lerp', [A, B, 0.25], {}), ('Tensor.lerp', [A, B, B], {}), ('Tensor.masked_fill', [A, M, 9.5], {}),
    ('Tensor.masked_fill', [A, M, ZERO_D], {}), ('torch.where', [M, A, B], {}), ('torch.where', [M, A, 0.5], {}),
    ('torch.where', [M, 1, I], {}), ('torch.addcmul', [A, A, B], dict(value=0.5)), ('torch.rsub', [A, 1.5], {}),
    ('torch.hypot', [A, B], {}), ('Tensor.copysign', [A, -1.5], {}), ('Tensor.copysign', [A, B], {}),
    ('torch.special.xlog1py', [2, V], {}), ('torch.special.xlog1py', [V, V], {}), ('torch.xlogy', [V, 2.5], {}),
    # dimensions, one or several, and what follows them
    ('Tensor.sum', [A], {}), ('Tensor.sum', [A, 1], {}), ('Tensor.sum', [A, [0, 1]], {}), ('Tensor.sum', [A, 0, True], {}),
    ('Tensor.sum', [I], dict(dtype='float64')), ('torch.sum', [A], dict(dim=1, keepdim=True)), ('Tensor.sum', [M], {}),
    ('Tensor.mean', [A, 0], {}), ('Tensor.mean', [I], dict(dtype='float32')), ('Tensor.prod', [A, 1], dict(keepdim=True)),
    ('Tensor.std', [A], {}), ('Tensor.std', [A, 1], {}), ('Tensor.std', [A, 1, False], {}), ('Tensor.std', [A, False], {}),
    ('Tensor.std', [A], dict(dim=0, correction=0)), ('Tensor.var', [A], dict(correction=0)), ('torch.var_mean', [A, 0], {}),
    ('Tensor.any', [M], {}), ('Tensor.any', [M, 1], {}), ('Tensor.all', [M, [0, 1]], {}), ('Tensor.norm', [A], {}),
    ('Tensor.norm', [A, 1], {}), ('torch.linalg.norm', [S], {}), ('torch.linalg.norm', [S, 'nuc'], {}),
    ('torch.linalg.norm', [S, 1], dict(dim=1)), ('torch.linalg.vector_norm', [A, 3], dict(dim=[0])),
    ('Tensor.argmax', [A], {}), ('Tensor.argmax', [A, 1], {}), ('Tensor.argmax', [A], dict(dim=0, keepdim=True)),
    ('Tensor.amax', [A], {}), ('Tensor.amax', [A, 1], {}), ('Tensor.cumsum', [I, 1], {}),
    ('Tensor.cumsum', [I, 0], dict(dtype='float32')), ('Tensor.softmax', [A, 1], {}),
    ('Tensor.softmax', [I, 1], dict(dtype='float64')), ('Tensor.log_softmax', [A, 0], {}),
    ('Tensor.squeeze', [X], {}), ('Tensor.squeeze', [X, 0], {}), ('Tensor.squeeze', [X, [0, 1]], {}),
    ('Tensor.logsumexp', [A, 1], {}), ('Tensor.count_nonzero', [M], {}), ('Tensor.count_nonzero', [M, 0], {}),
    # one name, other meanings
    ('Tensor.max', [A], {}), ('Tensor.max', [A, B], {}), ('Tensor.max', [A, 1], {}), ('torch.min', [A, 0, True], {}),
    ('Tensor.median', [V], {}), ('Tensor.median', [A, 1], {}), ('Tensor.sort', [A], {}), ('Tensor.sort', [A, 0], {}),
    ('Tensor.sort', [A], dict(descending=True)), ('Tensor.sort', [A], dict(stable=True, dim=0)), ('torch.sort', [V, 0, True], {}),
    ('Tensor.topk', [A, 2], {}), ('Tensor.topk', [A, 1, 0], dict(largest=False)), ('Tensor.kthvalue', [A, 2], {}),
    ('torch.aminmax', [A], dict(dim=0)), ('Tensor.frexp', [V], {}), ('torch.linalg.slogdet', [S], {}),
    ('torch.linalg.qr', [S], dict(mode='r')), ('torch.linalg.eigh', [t([[2, 0], [0, 3]])], {}),
    ('Tensor.view', [A, 3, 2], {}), ('Tensor.view', [A, [6]], {}), ('Tensor.view', [V, 'int32'], {}),
    ('Tensor.expand', [V, 2, 3], {}), ('Tensor.expand', [V, [2, 3]], {}), ('Tensor.repeat', [V, 2, 2], {}),
    ('Tensor.flip', [A, 0], {}), ('Tensor.flip', [A, [0, 1]], {}), ('Tensor.roll', [V, 1], {}), ('Tensor.roll', [A, [1, 2], [0, 1]], {}),
    ('Tensor.tile', [V, [2]], {}), ('Tensor.permute', [A, 1, 0], {}), ('Tensor.movedim', [X, 0, 2], {}),
    ('Tensor.movedim', [X, [0, 1], [3, 2]], {}), ('Tensor.split_with_sizes', [V, [1, 2]], {}), ('Tensor.chunk', [A, 2], dict(dim=1)),
    ('Tensor.unbind', [A], {}), ('Tensor.tensor_split', [V, 2], {}), ('Tensor.tensor_split', [V, [1]], {}),
    ('Tensor.diagonal', [S], {}), ('Tensor.diagonal', [S, 1], {}), ('Tensor.triu', [S, 1], {}), ('Tensor.unflatten', [V, 0, [3, 1]], {}),
    ('Tensor.index_fill', [A, 1, t([0, 2], 'int64'), 7], {}), ('Tensor.index_fill', [A, 1, t([0], 'int64'), ZERO_D], {}),
    ('Tensor.scatter', [A, 1, t([[0], [2]], 'int64'), 9], {}), ('Tensor.scatter', [A, 1, t([[0], [2]], 'int64'), B], {}),
    ('Tensor.scatter', [A, 1, t([[0], [2]], 'int64'), B], dict(reduce='add')),
    ('Tensor.repeat_interleave', [V, 2], {}), ('Tensor.repeat_interleave', [V, t([1, 0, 2], 'int64')], {}),
    ('torch.repeat_interleave', [t([1, 0, 2], 'int64')], {}), ('Tensor.quantile', [V, 0.25], {}),
    ('Tensor.quantile', [V, t([0.25, 0.5])], dict(dim=0)), ('Tensor.bincount', [J], {}), ('Tensor.isclose', [A, A], {}),
    ('torch.isin', [I, J], {}), ('torch.isin', [I, 5], {}), ('torch.isin', [3, J], {}), ('Tensor.nan_to_num', [A, 1.5], {}),
    # lists of tensors, sizes, and functions that make tensors
    ('torch.cat', [[A, B]], {}), ('torch.cat', [[A, B], 1], {}), ('torch.stack', [[V, V]], dict(dim=1)), ('torch.hstack', [[V, V]], {}),
    ('torch.einsum', ['ij,kj->ik', [A, B]], {}),
    ('torch.bucketize', [V, V], {}), ('torch.bucketize', [2, V], dict(right=True)), ('torch.searchsorted', [J, 2], {}),
    ('torch.zeros_like', [I], {}), ('torch.full_like', [I, 3], dict(dtype='float32')), ('Tensor.new_zeros', [I, [2]], {}),
    ('Tensor.new_full', [A, [2, 2], 1.5], {}), ('torch.tril_indices', [2, 2], {}), ('torch.logspace', [0, 2, 3], {}),
    ('torch.linalg.inv', [S], {}), ('torch.linalg.solve', [S, S], {}), ('torch.linalg.matrix_power', [S, 3], {}),
    ('torch.linalg.det', [S], {}), ('torch.linalg.cross', [V, V], {}), ('torch.fft.rfft', [V], {}), ('torch.fft.fft', [V, 2], {}),
    ('torch.fft.irfft', [V], dict(n=4)), ('torch.fft.fftfreq', [4], {}), ('torch.fft.fftshift', [V], dict(dim=0)),
    ('torch.special.expit', [V], {}), ('torch.special.logit', [t([0.25, 0.5])], dict(eps=0.125)), ('torch.special.polygamma', [1, V], {}),
    # torch.nn.functional, with sizes of one number or two
    ('F.conv2d', [X, t([[[[1, 0], [0, 1]]]])], {}), ('F.conv2d', [X, t([[[[1, 0], [0, 1]]]]), t([0.5])], dict(stride=2, padding=1)),
    ('F.conv2d', [X, t([[[[1, 0], [0, 1]]]])], dict(padding='same')), ('F.conv2d', [X, t([[[[1, 0], [0, 1]]]])], dict(stride=[1, 2])),
    ('F.avg_pool2d', [X, 2], {}), ('F.avg_pool2d', [X, [2, 1]], dict(stride=1)), ('F.linear', [A, A], {}), ('F.gelu', [A], {}),
    ('F.gelu', [A], dict(approximate='tanh')), ('F.softplus', [A], dict(beta=2)), ('F.logsigmoid', [A], {}), ('F.one_hot', [J], {}),
    ('F.pixel_unshuffle', [t([[[1, 2], [3, 4]]]), 2], {}), ('F.cosine_similarity', [A, B], dict(dim=1)),
    # what PyTorch implements in Python, by position and by name
    ('torch.nonzero', [A], {}), ('torch.nonzero', [A], dict(as_tuple=False)), ('torch.nonzero', [I], dict(as_tuple=True)),
    ('Tensor.nonzero', [M], {}), ('Tensor.nonzero', [M], dict(as_tuple=True)), ('Tensor.nonzero', [ZERO_D], dict(as_tuple=True)),
    ('torch.nonzero', [], dict(input=M, as_tuple=True)),
    ('torch.tensordot', [A, T, 1], {}), ('torch.tensordot', [A, B], {}), ('torch.tensordot', [A, T], dict(dims=1)),
    ('torch.tensordot', [A, B, 0], {}), ('torch.tensordot', [A, B, [[0], [0]]], {}), ('torch.tensordot', [A], dict(b=B, dims=[[1, 0], [1, 0]])),
    ('torch.tensordot', [A, B, t([[1], [1]], 'int64')], {}), ('torch.tensordot', [A, T, t(1, 'int64')], {}),
    *((f'{space}.norm', [x, *rest], named) for space in ('Tensor', 'torch') for x in (A, X)
      for rest, named in (([], {}), (['fro'], {}), (['fro', -1], {}), (['fro', [-2, -1]], {}), ([1], {}), ([None], {}), ([3.5, 0], {}),
                          ([0.5, [-1], True], {}), ([], dict(p=1)), ([], dict(dim=0)), ([2], dict(dim=[0], keepdim=True)),
                          ([], dict(dtype='float64')), ([], dict(p='nuc', dim=[-1, -2])), (['nuc', [-2, -1]], dict(keepdim=True)))),
    ('Tensor.norm', [A, 'nuc'], {}), ('torch.norm', [S, 'nuc'], dict(dtype='float64')), ('Tensor.norm', [A, 2, 0, True, 'float64'], {}),
    ('torch.norm', [A, 2, 0, True, None, 'float64'], {}), ('torch.norm', [], dict(input=A, p='fro', dim=1)),
    ('torch.einsum', ['ij,kj->ik', A, B], {}), ('torch.einsum', ['ii', S], {}), ('torch.einsum', ['i,j,k->ijk', V, V, V], {}),
    ('torch.einsum', ['ii', [S]], {}),
    ('torch.meshgrid', [V, W], {}), ('torch.meshgrid', [V, V], dict(indexing='xy')), ('torch.meshgrid', [[V, V]], dict(indexing='ij')),
    ('torch.meshgrid', [V], {}), ('torch.meshgrid', [[V, V]], {}),
    ('torch.cdist', [A, B], {}), ('torch.cdist', [A, B, 1.5], {}), ('torch.cdist', [A, B], dict(compute_mode='use_mm_for_euclid_dist')),
    ('torch.cdist', [A], dict(x2=B, p=2.5, compute_mode='donot_use_mm_for_euclid_dist')),
    *((f'{space}.unique', [R, *rest], named) for space in ('Tensor', 'torch')
      for rest, named in (([], {}), ([True, True], {}), ([True, True, True], {}), ([True, False, True], {}), ([], dict(return_inverse=True)),
                          ([], dict(return_counts=True)), ([], dict(return_inverse=True, return_counts=True)), ([], dict(dim=0)),
                          ([True], dict(dim=1, return_counts=True)), ([True, True, True, 0], {}))),
    # torch.unique_consecutive takes its second argument for the third where they are given by position.
    *((f'{space}.unique_consecutive', [R], named) for space in ('Tensor', 'torch')
      for named in ({}, dict(return_inverse=True), dict(return_counts=True), dict(return_inverse=True, return_counts=True), dict(dim=0))),
    *(('Tensor.unique_consecutive', [R, *rest], {}) for rest in ([True], [True, True], [False, True], [True, True, 1])),
    ('torch.chain_matmul', [A, T, A], {}), ('torch.cartesian_prod', [V, V], {}), ('torch.cartesian_prod', [V], {}),
    ('torch.block_diag', [A, V, ZERO_D], {}), ('torch.broadcast_tensors', [A, V], {}), ('torch.broadcast_tensors', [V, ZERO_D, A], {}),
    *((f'torch.atleast_{dims}d', given, {}) for dims in (1, 2, 3) for given in ([ZERO_D], [V, ZERO_D], [[A, V]], [[A]])),
    ('Tensor.size', [A], {}), ('Tensor.size', [A, -1], {}), ('Tensor.size', [A], dict(dim=0)),
    ('Tensor.split', [V, 2], {}), ('Tensor.split', [A], dict(split_size=2, dim=1)), ('Tensor.split', [A, [1, 2], 1], {}),
    ('torch.split', [A, [1, 2]], dict(dim=1)), ('torch.split', [A, 2, 1], {}),
    # refused
    ('torch.nonzero', [A, True], {}), ('Tensor.nonzero', [A], dict(out=I)), ('Tensor.norm', [A, 2, 0, True, 'float64', 1], {}),
    ('torch.cdist', [A], {}), ('torch.cdist', [A, B], dict(mode=1)), ('torch.tensordot', [A], {}), ('torch.tensordot', [A, B, 1, None, 1], {}),
    ('Tensor.unique', [A], dict(inverse=True)), ('torch.meshgrid', [V, V], dict(index='ij')), ('torch.block_diag', [A], dict(dim=1)),
    # what is not a tensor
    ('Tensor.is_floating_point', [A], {}), ('Tensor.dim', [A], {}), ('torch.result_type', [I, 1.5], {}), ('torch.can_cast', ['int64', 'float32'], {}),
    ('torch.promote_types', ['int32', 'float16'], {}), ('Tensor.equal', [A, A], {}),
    # refused
    ('Tensor.maximum', [A, 2], {}), ('Tensor.sort', [A, 'x'], {}), ('Tensor.sum', [A, 1.5], {}), ('Tensor.add', [A, 'x'], {}),
    ('Tensor.add', [A, [1]], {}), ('Tensor.max', [A, True], {}), ('Tensor.cumsum', [A, True], {}), ('Tensor.topk', [A], {}),
    ('torch.relu', [A, 1], {}), ('torch.matmul', [A, 2], {}), ('torch.cat', [A], {}), ('torch.cat', [[A, 1]], {}),
    ('Tensor.softmax', [A, 1], dict(dtype='float32', beta=1)), ('Tensor.squeeze', [A, 0], dict(dim=0)),
    ('torch.linalg.norm', [S, True, 1, 2, 3], {}), ('Tensor.index_select', [A, J, 0], {}), ('Tensor.flip', [A, 0.5], {}),
]


def decode(value):
    if isinstance(value, dict):
        return torch.tensor(value['tensor'], dtype=getattr(torch, value['dtype']))
    if isinstance(value, list):
        return [decode(item) for item in value]
    return getattr(torch, value) if isinstance(value, str) and value in DTYPES else value


DTYPES = ['int32', 'int64', 'float16', 'float32', 'float64']


def encode(value):
    if isinstance(value, torch.Tensor):
        flat = torch.view_as_real(value) if value.is_complex() else value
        return dict(dtype=str(value.dtype).removeprefix('torch.'), shape=list(value.shape), values=flat.flatten().tolist())
    if isinstance(value, torch.dtype):
        return str(value).removeprefix('torch.')
    if isinstance(value, (list, tuple)):
        results = [encode(item) for item in value]
        fields = getattr(type(value), '__match_args__', ())
        return dict(names=list(fields), results=results) if fields else results
    return value


def call(name, arguments, options):
    space, function = name.rsplit('.', 1)
    target = {'Tensor': torch.Tensor, 'F': torch.nn.functional, 'torch': torch, 'torch.linalg': torch.linalg,
              'torch.fft': torch.fft, 'torch.special': torch.special}[space]
    try:
        options = {name: decode(value) for name, value in options.items()}
        return encode(getattr(target, function)(*map(decode, arguments), **options))
    except TypeError:
        return dict(raises=True)


cases = [[name, arguments, options, call(name, arguments, options)] for name, arguments, options in CASES]
lines = ',\n'.join(json.dumps(case) for case in cases)
path = pathlib.Path(__file__).resolve().parent / 'recorded/overloads.json'
path.write_text(f'{{"torch": {json.dumps(torch.__version__)}, "cases": [\n{lines}\n]}}\n')
print(f'{len(cases)} cases, {sum(case[3] == dict(raises=True) for case in cases)} of them refused')
