"""The table of mixed precision: forward and backward passes under autocast, and training under a GradScaler, recorded as Python
PyTorch computes them on the CPU.

Cases of "amp.autocast": {net, options}; of "amp.GradScaler": {options, optimizer, infinite: steps at which a gradient is infinite}.
For amp.run.ts to run.
"""
import torch
from torch import nn
from torch.nn import functional as F
from record import encode, numbers
from trajectory import doubles, summary

STEPS = 20


def cases():
    for dtype in ('bfloat16', 'float16'):
        for net in ('linear', 'convolution', 'functions'):
            for more in ({}, dict(cache_enabled=False), dict(enabled=False)):
                yield {'class': 'amp.autocast', 'net': net, 'options': dict(dtype=dtype, **more)}
            yield {'class': 'amp.autocast', 'net': net, 'options': dict(dtype=dtype), 'twice': True}
            yield {'class': 'amp.autocast', 'net': net, 'options': dict(dtype=dtype), 'off_inside': True}
    yield {'class': 'amp.autocast', 'net': 'linear', 'options': {}}
    for optimizer, settings in [('SGD', dict(lr=0.1, momentum=0.9)), ('Adam', dict(lr=0.02)), ('Adam', dict(lr=0.02, fused=True)),
                                ('AdamW', dict(lr=0.02, fused=True, amsgrad=True)), ('Adagrad', dict(lr=0.1, fused=True))]:  # fmt: skip
        for options in (dict(init_scale=1024.0, growth_interval=3), dict(init_scale=100.0, growth_factor=1.5, backoff_factor=0.3, growth_interval=2)):
            for unscale in (False, True):
                yield {'class': 'amp.GradScaler', 'optimizer': [optimizer, settings], 'options': options, 'infinite': [4, 5, 11], 'unscale': unscale}
    yield {'class': 'amp.GradScaler', 'optimizer': ['Adam', dict(lr=0.02)], 'options': dict(enabled=False), 'infinite': [], 'unscale': False}


def title(case):
    more = [k for k in ('twice', 'off_inside', 'unscale') if case.get(k)]
    call = ', '.join(f'{k}={v}' for k, v in case['options'].items())
    if case['class'] == 'amp.autocast':
        return ', '.join([f'autocast({call}) of {case["net"]}', *more])
    kind, settings = case['optimizer']
    return ', '.join([f'GradScaler({call}) with {kind}({", ".join(f"{k}={v}" for k, v in settings.items())})', *more])


def build(net):
    """Parameters, and what gives results, the last of which is the loss."""
    torch.manual_seed(0)
    labels = numbers([4], seed=12, kind='classes', classes=3)
    if net == 'linear':
        x = numbers([4, 5], seed=11)
        model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))
    elif net == 'convolution':
        x = numbers([4, 2, 6, 6], seed=11)
        model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 3))
    else:
        a, b = (nn.Parameter(numbers([3, 3], seed=s)) for s in (21, 22))

        def run():
            product = a @ b
            rows = F.softmax(product, 1)
            joined = torch.cat([product, a], 0)
            added = torch.addmm(b, a, rows)
            power = added.abs().pow(2)
            total = joined.sum() + power.sum() + torch.exp(rows).sum()
            return [product, rows, joined, added, power, total]

        return [a, b], run
    return list(model.parameters()), lambda: [model(x), F.cross_entropy(model(x), labels)]


def record_autocast(case):
    options = dict(case['options'])
    if 'dtype' in options:
        options['dtype'] = getattr(torch, options['dtype'])
    parameters, run = build(case['net'])
    for _ in range(2 if case.get('twice') else 1):
        with torch.autocast('cpu', **options):
            state = [torch.is_autocast_enabled('cpu'), str(torch.get_autocast_dtype('cpu')).removeprefix('torch.')]
            results = run()
            if case.get('off_inside'):
                with torch.autocast('cpu', enabled=False):
                    results[:0] = run()
        results[-1].backward()
    after = [torch.is_autocast_enabled('cpu'), str(torch.get_autocast_dtype('cpu')).removeprefix('torch.')]
    return dict(case, name=title(case), states=[state, after], results=[encode(r) for r in results], gradients=[encode(p.grad) for p in parameters])


def record_scaler(case):
    parameters, run = build('linear')
    kind, settings = case['optimizer']
    optimizer = getattr(torch.optim, kind)(parameters, **settings)
    scaler = torch.amp.GradScaler('cpu', **case['options'])
    losses, scales = [], []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = run()[-1]
        scaler.scale(loss).backward()
        if step in case['infinite']:
            parameters[0].grad[1, 2] = float('inf')
        if case['unscale']:
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_value_(parameters, 0.2)
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.detach())
        scales.append(scaler.get_scale())
    return dict(case, name=title(case), losses=summary([torch.stack(losses)]), parameters=summary(parameters), scales=doubles(scales), state=scaler.state_dict())


def record():
    for case in cases():
        yield record_autocast(case) if case['class'] == 'amp.autocast' else record_scaler(case)
