#!/usr/bin/env python3
"""Records what nn.Module does with assignments, for ../nn/assign.test.ts: python recordAssign.py > recorded/assign.json

classes     for modules of all kinds, what becomes of the state dict when something is assigned to each name that is registered
            in them, the values in the order of "values": "TypeError", or the keys that go and come
sequences   random operations on a small module: which of them raise, and what it holds after each"""
import json, random, warnings
import torch
from torch import nn

warnings.simplefilter('ignore')

VALUES = dict(
    tensor=lambda: torch.ones(2), parameter=lambda: nn.Parameter(torch.ones(2)), null=lambda: None, number=lambda: 5,
    module=lambda: nn.Linear(1, 1), empty=lambda: nn.ReLU(),
)
weight = dict(weight=dict(ones=3))
CLASSES = [
    ['Linear', [2, 3]], ['Linear', [2, 3], dict(bias=False)], ['Bilinear', [2, 3, 4]], ['LazyLinear', [3]],
    *[[f'{kind}{d}d', [2, 4, 3], options] for kind in ('Conv', 'ConvTranspose') for d in (1, 2, 3) for options in ({}, dict(bias=False))],
    *[[f'Lazy{kind}{d}d', [4, 3]] for kind in ('Conv', 'ConvTranspose') for d in (1, 2, 3)],
    *[[f'{lazy}{kind}{d}d', [] if lazy else [4], options] for kind in ('BatchNorm', 'InstanceNorm') for d in (1, 2, 3)
      for lazy in ('', 'Lazy') for options in ({}, dict(affine=True, track_running_stats=True), dict(affine=False, track_running_stats=False))],
    ['LayerNorm', [4]], ['LayerNorm', [4], dict(bias=False)], ['LayerNorm', [4], dict(elementwise_affine=False)],
    ['GroupNorm', [2, 4]], ['GroupNorm', [2, 4], dict(affine=False)], ['RMSNorm', [4]], ['RMSNorm', [4], dict(elementwise_affine=False)],
    ['PReLU', []], ['Embedding', [3, 2]], ['EmbeddingBag', [3, 2]],
    *[[kind, [2, 3], options] for kind in ('RNN', 'LSTM', 'GRU') for options in ({}, dict(num_layers=2, bidirectional=True))],
    ['LSTM', [2, 3], dict(proj_size=2)], *[[f'{kind}Cell', [2, 3], options] for kind in ('RNN', 'LSTM', 'GRU') for options in ({}, dict(bias=False))],
    ['MultiheadAttention', [4, 2]], ['MultiheadAttention', [4, 2], dict(kdim=3, add_bias_kv=True)],
    ['TransformerEncoderLayer', [4, 2, 8]], ['TransformerDecoderLayer', [4, 2, 8]],
    ['Transformer', [4, 2, 1, 1, 8]], ['AdaptiveLogSoftmaxWithLoss', [16, 10, [2, 5]]],
    *[[f'{kind}Loss', [], weight] for kind in ('CrossEntropy', 'NLL', 'BCE', 'BCEWithLogits', 'MultiLabelSoftMargin', 'MultiMargin')],
    ['BCEWithLogitsLoss', [], dict(pos_weight=dict(ones=3))], ['CrossEntropyLoss', []],
]


def made(kind, args, options={}):
    options = {k: torch.ones(v['ones']) if isinstance(v, dict) else v for k, v in options.items()}
    return getattr(nn, kind)(*args, **options)


def classes():
    for case in CLASSES:
        module = made(*case)
        before = list(module.state_dict())
        outcomes = {}
        for kind in ('_parameters', '_buffers', '_modules'):
            for name in getattr(module, kind):
                for make in VALUES.values():
                    changed = made(*case)
                    try:
                        setattr(changed, name, make())
                        after = list(changed.state_dict())
                        outcome = ' '.join([f'-{k}' for k in before if k not in after] + [f'+{k}' for k in after if k not in before])
                    except TypeError:
                        outcome = 'TypeError'
                    outcomes.setdefault(name, []).append(outcome)
        yield [*case, *([{}] if len(case) == 2 else []), outcomes]


NAMES = ['a', 'b', 'c', 'd']
ODD = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'valueOf', '', 'x.y', '0', 'in', 'forward', 'train', '名']


def step(rng):
    op = rng.choice(['assign'] * 4 + ['delete'] + ['parameter', 'buffer', 'module'])
    if op == 'assign':
        return [op, rng.choice(NAMES), rng.choice(list(VALUES))]
    if op == 'delete':
        return [op, rng.choice(NAMES)]
    fitting = dict(parameter=['parameter', 'null'], buffer=['tensor', 'parameter', 'null'], module=['module', 'empty', 'null'])[op]
    value = rng.choice(fitting * 3 + list(VALUES))
    return [op, rng.choice(NAMES * 3 + ODD), value, *([rng.random() < 0.5] if op == 'buffer' else [])]


def apply(m, op, name, value=None, persistent=True):
    if op == 'delete':
        if hasattr(m, name):
            delattr(m, name)
        return
    value = VALUES[value]()
    if op == 'assign':
        return setattr(m, name, value)
    # Here an attribute of None is there; in torch-node a property of null is a place that is free.
    if m.__dict__.get(name, 0) is None:
        delattr(m, name)
    if op == 'buffer':
        m.register_buffer(name, value, persistent)
    else:
        getattr(m, f'register_{op}')(name, value)


def state(m):
    lists = m.named_parameters(recurse=False), m.named_buffers(recurse=False), m.named_children()
    return '|'.join([' '.join(k for k, _ in each) for each in lists] + [' '.join(sorted(m.state_dict()))])


def sequences(count):
    for seed in range(count):
        rng = random.Random(seed)
        m = nn.Module()
        steps, outcomes = [], []
        for _ in range(7):
            steps.append(step(rng))
            try:
                apply(m, *steps[-1])
                outcomes.append(state(m))
            except (TypeError, KeyError):
                outcomes.append('error')
        yield [steps, outcomes]


def lines(name, rows):
    return f'"{name}": [\n' + ',\n'.join(json.dumps(row, ensure_ascii=False, separators=(',', ':')) for row in rows) + '\n]'


print('{' + f'"values": {json.dumps(list(VALUES))},\n' + lines('classes', classes()) + ',\n' + lines('sequences', sequences(300)) + '}')
