"""The schedules' table: learning rates and momenta of 24 epochs under each option, recorded as Python PyTorch gives them.

A case: {class, args, options, optimizer}, for schedules.run.ts to run. Options carry Python's names. {"function": name} is one of FUNCTIONS, and
{"schedule": [class, args, options]} a schedule of the same optimizer.
"""
import math
import torch
from trajectory import doubles

EPOCHS = 24
FUNCTIONS = {
    'power': lambda epoch: 0.95**epoch,
    'half': lambda epoch: 0.5 if epoch % 4 == 0 else 0.9,
    'sine': lambda x: 0.5 * (1 + (x % 5) / 4),
}
METRICS = [1, 0.9, 0.8, 0.8, 0.79999, 0.8, 0.7, 0.7, 0.7, 0.71, 0.7, 0.7, 0.7, 0.6, 0.65, 0.64, 0.63, 0.62, 0.61, 0.6, 0.6, 0.6, 0.6, 0.6]


def function(name):
    return dict(function=name)


def schedule(kind, *args, **options):
    return dict(schedule=[kind, list(args), options])


TABLE = [
    ('LambdaLR', [function('power')], {}), ('LambdaLR', [[function('power'), function('half')]], {}),
    ('MultiplicativeLR', [function('half')], {}), ('MultiplicativeLR', [[function('half'), function('power')]], {}),
    ('StepLR', [5], {}), ('StepLR', [3], dict(gamma=0.7)), ('StepLR', [1], dict(gamma=0.9)),
    ('MultiStepLR', [[3, 9, 15]], {}), ('MultiStepLR', [[2, 2, 7]], dict(gamma=0.3)),
    ('ConstantLR', [], {}), ('ConstantLR', [], dict(factor=0.7, total_iters=9)),
    ('LinearLR', [], {}), ('LinearLR', [], dict(start_factor=0.1, end_factor=0.9, total_iters=13)),
    ('LinearLR', [], dict(start_factor=1.0, end_factor=0.0, total_iters=20)),
    ('ExponentialLR', [0.9], {}), ('ExponentialLR', [1.05], {}),
    ('PolynomialLR', [], {}), ('PolynomialLR', [], dict(total_iters=17, power=2.5)), ('PolynomialLR', [], dict(total_iters=30, power=0.7)),
    ('CosineAnnealingLR', [10], {}), ('CosineAnnealingLR', [7], dict(eta_min=0.003)), ('CosineAnnealingLR', [40], dict(eta_min=1e-4)),
    ('CosineAnnealingWarmRestarts', [5], {}), ('CosineAnnealingWarmRestarts', [3], dict(T_mult=2, eta_min=0.001)),
    ('OneCycleLR', [0.5], dict(total_steps=24)), ('OneCycleLR', [[0.5, 0.2]], dict(epochs=5, steps_per_epoch=6, pct_start=0.4)),
    ('OneCycleLR', [0.5], dict(total_steps=30, anneal_strategy='linear', three_phase=True)),
    ('OneCycleLR', [0.5], dict(total_steps=25, div_factor=10.0, final_div_factor=100.0, base_momentum=0.7, max_momentum=0.9, three_phase=True)),
    ('OneCycleLR', [0.5], dict(total_steps=25, cycle_momentum=False)),
    ('CyclicLR', [0.01, 0.1], dict(step_size_up=4)), ('CyclicLR', [0.01, 0.1], dict(step_size_up=3, step_size_down=7, mode='triangular2')),
    ('CyclicLR', [[0.01, 0.02], [0.1, 0.3]], dict(step_size_up=5, mode='exp_range', gamma=0.93)),
    ('CyclicLR', [0.01, 0.1], dict(step_size_up=5, scale_fn=function('sine'), scale_mode='iterations', base_momentum=0.6, max_momentum=0.95)),
    ('CyclicLR', [0.01, 0.1], dict(step_size_up=5, scale_fn=function('sine'), cycle_momentum=False)),
    ('ReduceLROnPlateau', [], dict(patience=2)), ('ReduceLROnPlateau', [], dict(patience=1, factor=0.5, cooldown=3, threshold=1e-3)),
    ('ReduceLROnPlateau', [], dict(patience=0, mode='max', threshold_mode='abs', threshold=0.05, min_lr=[0.01, 0.001])),
    ('ReduceLROnPlateau', [], dict(patience=0, threshold_mode='abs', threshold=0.05, factor=0.3, min_lr=1e-3)),
    ('ReduceLROnPlateau', [], dict(patience=1, mode='max', factor=0.9, eps=0.005)),
    ('SequentialLR', [[schedule('ConstantLR', factor=0.1, total_iters=4), schedule('ExponentialLR', 0.9)], [5]], {}),
    ('SequentialLR', [[schedule('LinearLR', total_iters=6), schedule('CosineAnnealingLR', 9), schedule('StepLR', 2, gamma=0.5)], [6, 15]], {}),
    ('ChainedScheduler', [[schedule('ConstantLR', factor=0.1, total_iters=4), schedule('ExponentialLR', 0.9)]], {}),
    ('SWALR', [0.05], {}), ('SWALR', [0.05], dict(anneal_epochs=6, anneal_strategy='linear')), ('SWALR', [[0.05, 0.01]], dict(anneal_epochs=0)),
]  # fmt: skip


def case(kind, **more):
    place = 'swa_utils' if kind == 'SWALR' else 'lr_scheduler'
    return {'class': f'optim.{place}.{kind}', **more}


def cases():
    for kind, args, options in TABLE:
        yield case(kind, args=args, options=options, optimizer='SGD')
        if kind in ('OneCycleLR', 'CyclicLR') and options.get('cycle_momentum', True):
            yield case(kind, args=args, options=options, optimizer='Adam')
    for kind, args, options in TABLE:  # learning rates that are tensors
        if kind in ('ExponentialLR', 'CosineAnnealingLR', 'LinearLR', 'LambdaLR', 'PolynomialLR', 'CosineAnnealingWarmRestarts', 'StepLR'):
            yield case(kind, args=args, options=options, optimizer='Adam', tensor=True)
    for kind, args, options in TABLE:  # by the epoch's number, which uses the closed form
        if kind in ('StepLR', 'MultiStepLR', 'ConstantLR', 'LinearLR', 'ExponentialLR', 'PolynomialLR', 'CosineAnnealingLR', 'CosineAnnealingWarmRestarts'):
            yield case(kind, args=args, options=options, optimizer='SGD', numbered=True)
    for kind, args, options in TABLE:  # a group that is added after some epochs
        for more in [{}, dict(numbered=True)] if kind in ('StepLR', 'MultiStepLR', 'CosineAnnealingLR') else [{}]:
            yield case(kind, args=args, options=options, optimizer='Adam', added=3, **more)


def made(value, optimizer):
    if isinstance(value, list):
        return [made(one, optimizer) for one in value]
    if isinstance(value, dict) and 'function' in value:
        return FUNCTIONS[value['function']]
    if isinstance(value, dict) and 'schedule' in value:
        return build(*value['schedule'], optimizer)
    return value


def build(kind, args, options, optimizer):
    place = torch.optim.swa_utils if kind == 'SWALR' else torch.optim.lr_scheduler
    args = [made(one, optimizer) for one in args]
    first = [] if kind == 'ChainedScheduler' else [optimizer]
    return getattr(place, kind)(*first, *args, **{k: made(v, optimizer) for k, v in options.items()})


def record_case(case):
    kind = case['class'].split('.')[-1]
    a, b = (torch.nn.Parameter(torch.zeros(2)) for _ in range(2))
    rate = torch.tensor if case.get('tensor') else float
    settings = dict(momentum=0.9) if case['optimizer'] == 'SGD' else {}
    optimizer = getattr(torch.optim, case['optimizer'])([dict(params=[a], lr=rate(0.1)), dict(params=[b], lr=rate(0.02))], **settings)
    scheduler = build(kind, case['args'], case['options'], optimizer)
    rates, momenta = [], []

    def note():
        for group, last in zip(optimizer.param_groups, scheduler.get_last_lr()):
            assert float(last) == float(group['lr'])
            rates.append(float(group['lr']))
            momenta.append(group['betas'][0] if 'betas' in group else group['momentum'])

    def step(epoch):
        if kind == 'ReduceLROnPlateau':
            scheduler.step(METRICS[epoch])
        elif case.get('numbered'):
            scheduler.step(epoch + 1)
        else:
            scheduler.step()

    note()
    for epoch in range(EPOCHS):
        optimizer.step()
        if epoch == case.get('added'):
            optimizer.add_param_group(dict(params=[torch.nn.Parameter(torch.zeros(2))], lr=0.7))
            try:
                for epoch in range(epoch, EPOCHS):
                    step(epoch)
                    note()
            except (ValueError, KeyError, RuntimeError) as error:
                return dict(case, name=title(case), rates=doubles(rates), error=str(error))
            break
        step(epoch)
        note()
    return dict(case, name=title(case), rates=doubles(rates), momenta=doubles(momenta), state=state_of(scheduler))


def state_of(scheduler):
    left_out = ('_is_initial', '_get_lr_called_within_step', '_scale_fn_ref')

    def plain(value):
        if isinstance(value, dict):
            return {str(k): plain(v) for k, v in value.items() if k not in left_out}
        if isinstance(value, (list, tuple)):
            return [plain(v) for v in value]
        if isinstance(value, torch.Tensor):
            return value.item()
        return str(value) if isinstance(value, float) and math.isinf(value) else value

    return plain(scheduler.state_dict())


def title(case):
    def text(value):
        if isinstance(value, dict) and 'function' in value:
            return value['function']
        if isinstance(value, dict) and 'schedule' in value:
            kind, args, options = value['schedule']
            return call(kind, args, options)
        return '[' + ', '.join(map(text, value)) + ']' if isinstance(value, list) else str(value)

    def call(kind, args, options):
        return f'{kind}(' + ', '.join([*map(text, args), *(f'{k}={text(v)}' for k, v in options.items())]) + ')'

    notes = [case['optimizer']] + (['tensor rates'] if case.get('tensor') else []) + (['by number'] if case.get('numbered') else []) + (['a group is added'] if 'added' in case else [])
    return f'{call(case["class"].split(".")[-1], case["args"], case["options"])} of {", ".join(notes)}'


def record():
    return map(record_case, cases())
