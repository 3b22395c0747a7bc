#!/usr/bin/env python3
"""Records what modules do with sizes of 0, for ../nn/zeros.test.ts: python recordZeros.py > recorded/zeros.json

Each module below, with each of its sizes at 0, two of them, and all: whether it can be made, with how many warnings and what shapes of
parameters, and what its forward pass gives for an input that fits (shapes; sums, which tell whether values are there)."""
import itertools, json, warnings
import torch
from torch import nn

torch.set_num_threads(1)


def spatial(d, size=6):
    return [size] * d


# class: (sizes by position, options with sizes, the input's shapes from them)
MODULES = {
    'Linear': (dict(in_features=3, out_features=2), {}, lambda a: [[4, a['in_features']]]),
    'LazyLinear': (dict(out_features=2), {}, lambda a: [[4, 3]]),
    'Bilinear': (dict(in1_features=3, in2_features=2, out_features=4), {}, lambda a: [[5, a['in1_features']], [5, a['in2_features']]]),
    'Embedding': (dict(num_embeddings=3, embedding_dim=2), {}, lambda a: []),
    'EmbeddingBag': (dict(num_embeddings=3, embedding_dim=2), {}, lambda a: []),
    'PReLU': ({}, dict(num_parameters=1), lambda a: [[2, max(1, a.get('num_parameters', 1)), 3]]),
    'LayerNorm': (dict(normalized_shape=4), {}, lambda a: [[3, a['normalized_shape']]]),
    'RMSNorm': (dict(normalized_shape=4), {}, lambda a: [[3, a['normalized_shape']]]),
    'GroupNorm': (dict(num_groups=2, num_channels=4), {}, lambda a: [[3, a['num_channels'], 2]]),
    'LocalResponseNorm': (dict(size=2), {}, lambda a: [[2, 3, 4]]),
    'PixelShuffle': (dict(upscale_factor=2), {}, lambda a: [[1, 4, 2, 2]]),
    'PixelUnshuffle': (dict(downscale_factor=2), {}, lambda a: [[1, 1, 4, 4]]),
    'ChannelShuffle': (dict(groups=2), {}, lambda a: [[1, 4, 2, 2]]),
    'Unfold': (dict(kernel_size=2), dict(stride=1, dilation=1), lambda a: [[1, 2, 4, 4]]),
    'Fold': (dict(output_size=4, kernel_size=2), dict(stride=2), lambda a: [[1, 8, 4]]),
    'MultiheadAttention': (dict(embed_dim=4, num_heads=2), dict(kdim=3, vdim=5), lambda a: [[3, 2, a['embed_dim']], [3, 2, a.get('kdim', a['embed_dim'])], [3, 2, a.get('vdim', a['embed_dim'])]]),
    'TransformerEncoderLayer': (dict(d_model=4, nhead=2), dict(dim_feedforward=8), lambda a: [[3, 2, a['d_model']]]),
    'TransformerDecoderLayer': (dict(d_model=4, nhead=2), dict(dim_feedforward=8), lambda a: [[3, 2, a['d_model']]] * 2),
    'AdaptiveLogSoftmaxWithLoss': (dict(in_features=4, n_classes=5, cutoffs=[2]), {}, lambda a: []),
    'FractionalMaxPool2d': (dict(kernel_size=2), dict(output_size=2), lambda a: []),
}
for d in (1, 2, 3):
    conv = lambda a, d=d: [[2, a.get('in_channels', 4), *spatial(d)]]
    for kind in ('Conv', 'ConvTranspose'):
        MODULES[f'{kind}{d}d'] = (dict(in_channels=4, out_channels=2, kernel_size=3), dict(stride=1, dilation=1, groups=1), conv)
        MODULES[f'Lazy{kind}{d}d'] = (dict(out_channels=2, kernel_size=3), {}, conv)
    for kind in ('BatchNorm', 'InstanceNorm'):
        MODULES[f'{kind}{d}d'] = (dict(num_features=4), {}, lambda a, d=d: [[3, a['num_features'], *spatial(d)]])
    for kind in ('MaxPool', 'AvgPool'):
        MODULES[f'{kind}{d}d'] = (dict(kernel_size=2), dict(stride=2, **(dict(dilation=1) if kind == 'MaxPool' else {})), conv)
    MODULES[f'LPPool{d}d'] = (dict(norm_type=2, kernel_size=2), dict(stride=2), conv)
    MODULES[f'AdaptiveAvgPool{d}d'] = MODULES[f'AdaptiveMaxPool{d}d'] = (dict(output_size=3), {}, conv)
    MODULES[f'MaxUnpool{d}d'] = (dict(kernel_size=2), dict(stride=2), lambda a: [])
for kind in ('RNN', 'LSTM', 'GRU'):
    MODULES[kind] = (dict(input_size=3, hidden_size=2), dict(num_layers=2, **(dict(proj_size=1) if kind == 'LSTM' else {})), lambda a: [[4, 2, a['input_size']]])
    MODULES[f'{kind}Cell'] = (dict(input_size=3, hidden_size=2), {}, lambda a: [[4, a['input_size']]])

# Whether bias is left out, and the like, besides.
PLAIN = dict(Linear=dict(bias=False), LSTMCell=dict(bias=False), LayerNorm=dict(elementwise_affine=False), BatchNorm1d=dict(affine=False), GroupNorm=dict(affine=False),
             Conv2d=dict(bias=False), GRU=dict(bias=False))


def shapes(value):
    if isinstance(value, torch.Tensor):
        return [list(value.shape)]
    return [shape for one in value for shape in shapes(one)] if isinstance(value, (list, tuple)) else []


def outcome(kind, args, options, inputs):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        try:
            torch.manual_seed(0)
            module = getattr(nn, kind)(*args, **options)
        except Exception as error:
            return dict(error=f'{type(error).__name__}: {str(error).splitlines()[0][:90] if str(error) else ""}')
        noticed = [str(w.message) for w in caught if 'no-op' in str(w.message)]
    lazy = kind.startswith('Lazy')
    out = dict(warnings=len(noticed))
    if not lazy:
        out['parameters'] = {name: list(p.shape) for name, p in module.named_parameters()}
    if inputs:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')
                out['forward'] = shapes(module(*(torch.ones(shape) for shape in inputs)))
        except Exception as error:
            out['forwardError'] = f'{type(error).__name__}: {str(error).splitlines()[0][:90] if str(error) else ""}'
    return out


def cases():
    for kind, (sizes, options, inputs) in MODULES.items():
        names = [*sizes, *options]
        zeros = [()] + [(name,) for name in names] + list(itertools.combinations(names[:3], 2)) + [tuple(sizes)]
        for zero in dict.fromkeys(zeros):
            for more in [{}] + ([PLAIN[kind]] if kind in PLAIN else []):
                given = {name: 0 if name in zero else value for name, value in sizes.items()}
                named = {name: 0 for name in options if name in zero}
                args, named = list(given.values()), {**named, **more}
                if kind.startswith('Fractional') and 'output_size' not in named:
                    named['output_size'] = 2
                shape = inputs({**given, **named})
                yield [kind, args, named, shape, zero, outcome(kind, args, named, shape)]


print('[\n' + ',\n'.join(json.dumps(case, separators=(',', ':')) for case in cases()) + '\n]')
