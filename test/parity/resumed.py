"""Trainings that stop in the middle and go on elsewhere, for resumed.test.ts.

    python resumed.py go-on FOLDER    # goes on with what torch-node saved as FOLDER/NUMBER.pt, and prints what came of it

record.py writes recorded/resumed.json, what comes of the trainings, and resumed.pt, what torch.save makes of each in the middle.
A case: {optimizer, options, groups, schedules: [[class, args, options]...]}, names as in Python. Gradients are the same on every machine.
"""
import json, pathlib, sys
import torch
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE / 'table'))
import schedules
from record import encode, numbers
from optim import TABLE, python_options

BEFORE, AFTER = 7, 9
SHAPES = [[3, 5], [5], [], [2, 2]]
# A group takes every second parameter.
GROUPS = [dict(lr=0.05), dict(lr=0.2)]


def cases():
    for kind, (base, variations, fused) in TABLE.items():
        forms = [{}, dict(foreach=True)] + ([dict(fused=True)] if fused else [])
        for form in forms:
            yield dict(optimizer=kind, options={**base, **form}, groups=GROUPS)
        yield dict(optimizer=kind, options={**base, **variations[-1]}, groups=GROUPS)
        yield dict(optimizer=kind, options={**base, 'lr': dict(tensor=0.05)} if kind != 'SGD' else base)
        if kind != 'Adafactor':
            yield dict(optimizer=kind, options=base, complex=True)
        yield dict(optimizer=kind, options=base, groups=GROUPS, late=1)
    yield dict(optimizer='LBFGS', options=dict(lr=0.1, max_iter=3))
    yield dict(optimizer='LBFGS', options=dict(lr=0.1, max_iter=3, line_search_fn='strong_wolfe', history_size=2))
    yield dict(optimizer='SparseAdam', options=dict(lr=0.05), sparse=True)
    for kind, args, options in schedules.TABLE:
        yield dict(optimizer='SGD', options=dict(momentum=0.9), groups=GROUPS, schedules=[[kind, args, options]])
        yield dict(optimizer='Adam', options=dict(lr=dict(tensor=0.1)), schedules=[[kind, without_lists(kind, args), without_lists(kind, options)]])
    for milestones in ([5, 9, 9, 9, 12], [9, 5, 12, 9], [0, 7, 7, 8, 8], [20, 20], []):
        yield dict(optimizer='SGD', options=dict(momentum=0.5), groups=GROUPS, schedules=[['MultiStepLR', [milestones], dict(gamma=0.5)]])
        yield dict(optimizer='SGD', options=dict(momentum=0.5), groups=GROUPS, schedules=[['MultiStepLR', [milestones], dict(gamma=0.5)]], numbered=True)
        inner = [schedules.schedule('MultiStepLR', milestones, gamma=0.5), schedules.schedule('MultiStepLR', [2, 2, 3], gamma=0.7)]
        yield dict(optimizer='AdamW', options=dict(lr=0.1), groups=GROUPS, schedules=[['SequentialLR', [inner, [10]], {}]])
        yield dict(optimizer='AdamW', options=dict(lr=0.1), groups=GROUPS, schedules=[['ChainedScheduler', [inner], {}]])
    # Two schedules of one optimizer, saved side by side.
    yield dict(optimizer='SGD', options=dict(momentum=0.5), groups=GROUPS,
               schedules=[['MultiStepLR', [[9, 9]], {}], ['ReduceLROnPlateau', [], dict(patience=1)]])


def without_lists(kind, given):
    """For one group alone: a list of one for each group is one of one."""
    if kind in ('MultiStepLR', 'SequentialLR', 'ChainedScheduler'):
        return given
    if isinstance(given, dict):
        return {k: v[:1] if isinstance(v, list) else v for k, v in given.items()}
    return [v[:1] if isinstance(v, list) else v for v in given]


class Training:
    def __init__(self, case):
        self.case = case
        if case.get('sparse'):
            self.parameters = [nn.Parameter(numbers([7, 3], seed=1))]
        else:
            self.parameters = [nn.Parameter(made(shape, 1 + i, case)) for i, shape in enumerate(SHAPES)]
        groups = case.get('groups')
        given = [dict(g, params=self.parameters[n :: len(groups)]) for n, g in enumerate(groups)] if groups else self.parameters
        self.optimizer = getattr(torch.optim, case['optimizer'])(given, **python_options(case['options']))
        self.schedules = [schedules.build(*spec, self.optimizer) for spec in case.get('schedules', [])]
        self.step = 0

    def loss(self):
        if self.case.get('sparse'):
            indices = numbers([4], seed=self.step, kind='classes', classes=7)
            return (nn.functional.embedding(indices, self.parameters[0], sparse=True) ** 2).sum()
        return torch.stack([square(p - made(list(p.shape), 100 + 7 * self.step + i, self.case)) for i, p in enumerate(self.parameters)]).sum()

    def go(self, steps):
        rates, momenta = [], []
        for _ in range(steps):
            def closure():
                self.optimizer.zero_grad()
                loss = self.loss()
                loss.backward()
                if self.case.get('late') is not None and self.step < BEFORE + 2:
                    self.parameters[self.case['late']].grad = None
                return loss
            self.optimizer.step(closure)
            self.step += 1
            for schedule in self.schedules:
                if type(schedule).__name__ == 'ReduceLROnPlateau':
                    schedule.step(schedules.METRICS[self.step])
                else:
                    schedule.step(self.step) if self.case.get('numbered') else schedule.step()
            for group in self.optimizer.param_groups:
                rates.append(float(group['lr']))
                momenta.append(group['betas'][0] if 'betas' in group else group.get('momentum') or 0)
        return dict(rates=doubles(rates), momenta=doubles(momenta), parameters=[encode(real(p)) for p in self.parameters])

    def state_dict(self):
        return dict(parameters=[p.detach() for p in self.parameters], step=self.step, optimizer=self.optimizer.state_dict(),
                    schedules=[s.state_dict() for s in self.schedules])

    def load_state_dict(self, saved):
        with torch.no_grad():
            for p, value in zip(self.parameters, saved['parameters'], strict=True):
                p.copy_(value)
        self.optimizer.load_state_dict(saved['optimizer'])
        for schedule, state in zip(self.schedules, saved['schedules'], strict=True):
            schedule.load_state_dict(state)
        self.step = saved['step']


def made(shape, seed, case):
    if case.get('complex'):
        return torch.complex(numbers(shape, seed=seed), numbers(shape, seed=seed + 50))
    return numbers(shape, seed=seed)


def real(p):
    return torch.view_as_real(p) if p.is_complex() else p


def square(x):
    return (real(x) ** 2).sum()


def doubles(values):
    return encode(torch.tensor(values, dtype=torch.float64))


def plain(value):
    """A state as the same text whichever way it was made; what Python does without is left out."""
    if isinstance(value, dict):
        left_out = ('_is_initial', '_get_lr_called_within_step', '_scale_fn_ref', 'differentiable')
        items = [(repr(k), plain(v)) for k, v in value.items() if k not in left_out]
        return [type(value).__name__, sorted(items)]
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, torch.Tensor):
        return [str(value.dtype), list(value.shape), value.tolist() if not value.is_complex() else real(value).tolist()]
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def record(folder):
    """The cases with what comes of them; writes what is saved in the middle."""
    done, saved = [], []
    for case in cases():
        training = Training(case)
        training.go(BEFORE)
        saved.append(copied(training.state_dict()))
        done.append(dict(case, name=title(case), **training.go(AFTER)))
    torch.save(saved, folder / 'resumed.pt')
    return done


def copied(value):
    if isinstance(value, dict):
        out = value.copy()
        for k, v in value.items():
            out[k] = copied(v)
        return out
    if isinstance(value, (list, tuple)):
        return type(value)(map(copied, value))
    return value.clone() if isinstance(value, torch.Tensor) else value


def title(case):
    parts = [f'{case["optimizer"]}({case["options"]})']
    parts += [schedules.title(dict({'class': kind}, args=args, options=options, optimizer='it')) for kind, args, options in case.get('schedules', [])]
    parts += [k for k in ('groups', 'complex', 'sparse', 'late', 'numbered') if case.get(k) is not None]
    return ', '.join(parts).replace(' of it', '')


def go_on(folder):
    """What comes of each training that was saved here, and where its state is not what Python's own is."""
    for number, case in enumerate(cases()):
        own = Training(case)
        own.go(BEFORE)
        saved = torch.load(folder / f'{number}.pt', weights_only=True)
        out = {}
        if case['optimizer'] != 'LBFGS':
            for key in ('optimizer', 'schedules'):
                ours, theirs = plain(saved[key]), plain(own.state_dict()[key])
                if ours != theirs:
                    out.setdefault('differs', []).append([key, str(ours), str(theirs)])
        training = Training(case)
        training.load_state_dict(saved)
        print(json.dumps(dict(training.go(AFTER), **out)))


if __name__ == '__main__':
    torch.set_num_threads(1)
    go_on(pathlib.Path(sys.argv[2]))
