"""The optimizers' table: 20 steps of a small net under each option and form, recorded as Python PyTorch takes them.

A case: {class, options, groups, dtype, and what happens on the way}, for optim.run.ts to run. Options carry Python's names; {"tensor": x} stands for a
tensor. late: a parameter that has a gradient only from step 3 on; frozen: one that has none any more from then on; zero:
gradients are filled with zeros between steps; rates: the first group's lr at each step; net: 'complex' for complex parameters, 'given' for
gradients that no network's rounding has a part in.
"""
import torch
from torch import nn
from record import numbers
from trajectory import summary

STEPS = 20

# class: (options that learn something in 20 steps, variations on them, fused forms?)
TABLE = {
    'SGD': (dict(lr=0.1, momentum=0.9), [
        {}, dict(momentum=0), dict(dampening=0.3), dict(weight_decay=0.05), dict(nesterov=True), dict(maximize=True)], True),
    'Adam': (dict(lr=0.02), [
        {}, dict(betas=[0.8, 0.95]), dict(eps=1e-3), dict(weight_decay=0.05), dict(amsgrad=True), dict(maximize=True),
        dict(weight_decay=0.1, decoupled_weight_decay=True), dict(amsgrad=True, maximize=True, weight_decay=0.02, betas=[0.5, 0.6])], True),
    'AdamW': (dict(lr=0.02), [
        {}, dict(weight_decay=0), dict(weight_decay=0.3), dict(betas=[0.8, 0.95], eps=1e-4), dict(amsgrad=True, maximize=True)], True),
    'Adamax': (dict(lr=0.02), [
        {}, dict(betas=[0.7, 0.9]), dict(eps=1e-2), dict(weight_decay=0.05), dict(maximize=True),
        dict(weight_decay=0.05, maximize=True)], False),
    'NAdam': (dict(lr=0.02), [
        {}, dict(betas=[0.7, 0.9]), dict(eps=1e-3), dict(weight_decay=0.05), dict(momentum_decay=0.1), dict(maximize=True),
        dict(weight_decay=0.1, decoupled_weight_decay=True)], False),
    'RAdam': (dict(lr=0.05), [
        {}, dict(betas=[0.7, 0.9]), dict(eps=1e-3), dict(weight_decay=0.05), dict(maximize=True),
        dict(weight_decay=0.1, decoupled_weight_decay=True)], False),
    'RMSprop': (dict(lr=0.01), [
        {}, dict(alpha=0.9), dict(eps=1e-3), dict(weight_decay=0.05), dict(momentum=0.9), dict(centered=True), dict(maximize=True),
        dict(momentum=0.5, centered=True, weight_decay=0.02, maximize=True)], False),
    'Adagrad': (dict(lr=0.1), [
        {}, dict(lr_decay=0.1), dict(weight_decay=0.05), dict(initial_accumulator_value=0.1), dict(eps=1e-3), dict(maximize=True),
        dict(lr_decay=0.05, weight_decay=0.02, maximize=True)], True),
    'Adadelta': (dict(lr=1.0), [
        {}, dict(lr=0.5), dict(rho=0.7), dict(eps=1e-3), dict(weight_decay=0.05), dict(maximize=True)], False),
    'Rprop': (dict(lr=0.01), [
        {}, dict(etas=[0.3, 1.5]), dict(step_sizes=[1e-3, 0.02]), dict(maximize=True)], False),
    'ASGD': (dict(lr=0.1), [
        {}, dict(lambd=0.1), dict(alpha=0.5, lambd=0.2), dict(t0=5), dict(weight_decay=0.05), dict(maximize=True),
        dict(t0=3, weight_decay=0.05, maximize=True)], False),
    'Adafactor': (dict(lr=0.05), [
        {}, dict(beta2_decay=-0.5), dict(eps=[1e-6, 1e-2]), dict(d=2.0), dict(weight_decay=0.1), dict(maximize=True)], False),
}  # fmt: skip


def case(kind, options, **more):
    return {'class': f'optim.{kind}', 'options': options, **more}


def cases():
    for kind, (base, variations, fused) in TABLE.items():
        forms = [{}, dict(foreach=True), dict(foreach=False)] + ([dict(fused=True)] if fused else [])
        for form in forms:
            for change in variations[:1] if form == dict(foreach=False) else variations:
                yield case(kind, options={**base, **change, **form})
            if form == dict(foreach=False):
                continue  # what the default chooses on the CPU
            options = {**base, **form}
            yield case(kind, options=options, groups=[
                dict(params=[0, 1], lr=base['lr'] / 2), dict(params=[3, 2], **({} if kind == 'Rprop' else dict(weight_decay=0.1)))])
            yield case(kind, options=options, dtype='float64')
            yield case(kind, options=options, rates=[base['lr'] / (i + 1) for i in range(STEPS)])
            if not (kind == 'SGD' and fused and form):  # whose fused form wants all buffers to be old or new
                yield case(kind, options=options, late=1)
            yield case(kind, options=options, zero=True, frozen=2)
        for form in forms:
            for dtype, changes in [('float64', [{}, variations[-1]]), ('bfloat16', variations), ('float16', [{}, variations[-1]])]:
                # PyTorch's fused SGD leaves most of a parameter in low precision as it is: https://github.com/pytorch/pytorch/issues/191763
                if kind == 'SGD' and form.get('fused') and dtype != 'float64':
                    continue
                for change in changes:
                    yield case(kind, options={**base, **change, **form}, net='given', dtype=dtype)
            if kind == 'SGD' and form.get('fused'):
                continue
            yield case(kind, options={**base, **form}, net='given', dtype='bfloat16', rates=[base['lr'] / (i + 1) for i in range(STEPS)])
            yield case(kind, options={**base, **form}, net='given', dtype='bfloat16', late=1)
            yield case(kind, options={**base, **form}, net='given', dtype='bfloat16', groups=[
                dict(params=[0], lr=base['lr'] / 2), dict(params=[2, 1], **({} if kind == 'Rprop' else dict(weight_decay=0.1)))])
        if kind == 'SGD':
            for dtype, form in [('bfloat16', {}), ('bfloat16', dict(foreach=False)), ('float32', {}), ('float32', dict(fused=True))]:
                yield case(kind, options={**base, 'lr': dict(tensor=0.1), **form}, net='given', dtype=dtype)
        if not (kind == 'SGD'):
            yield case(kind, options={**base, 'lr': dict(tensor=base['lr'])})
            if 'weight_decay' in base or kind not in ('Rprop',):
                yield case(kind, options={**base, 'lr': dict(tensor=base['lr']), 'weight_decay': 0.05})
        if kind not in ('Adafactor',):
            yield case(kind, options=base, net='complex')
    for change in [
        {}, dict(lr=0.5), dict(max_iter=4), dict(max_iter=8, max_eval=5), dict(history_size=3), dict(tolerance_grad=1e-2),
        dict(tolerance_change=1e-3), dict(lr=dict(tensor=0.3)), dict(line_search_fn='strong_wolfe'),
        dict(line_search_fn='strong_wolfe', lr=0.1, max_iter=5), dict(line_search_fn='strong_wolfe', lr=30.0, history_size=2),
        dict(line_search_fn='strong_wolfe', max_eval=7), dict(line_search_fn='strong_wolfe', lr=dict(tensor=2.0)),
    ]:  # fmt: skip
        yield case('LBFGS', options={'lr': 0.1, 'max_iter': 6, **change})
    yield case('LBFGS', options=dict(lr=0.1, max_iter=6, line_search_fn='strong_wolfe'), dtype='float64')
    yield case('LBFGS', options=dict(lr=0.1, max_iter=6), net='complex')
    for options in [dict(lr=0.05), dict(lr=0.05, betas=[0.7, 0.9]), dict(lr=0.05, eps=1e-3), dict(lr=0.05, maximize=True),
                    dict(lr=dict(tensor=0.05))]:  # fmt: skip
        yield case('SparseAdam', options=options, net='embedding')


    for options in [{}, dict(avg_fn=['get_swa_avg_fn']), dict(multi_avg_fn=['get_swa_multi_avg_fn']), dict(avg_fn=['get_ema_avg_fn', 0.9]),
                    dict(multi_avg_fn=['get_ema_multi_avg_fn', 0.9]), dict(multi_avg_fn=['get_ema_multi_avg_fn'])]:  # fmt: skip
        for dtype in ('float32', 'float64'):
            yield {'class': 'optim.swa_utils.AveragedModel', 'options': options, 'dtype': dtype}


    yield {'class': 'optim.swa_utils.update_bn', 'options': {}}
    yield {'class': 'optim.swa_utils.update_bn', 'options': dict(momentum=0.5)}


def title(case):
    def text(value):
        return f'{value["tensor"]} (a tensor)' if isinstance(value, dict) else value
    call = ', '.join(f'{k}={text(v)}' for k, v in case['options'].items())
    words = dict(groups='two groups', rates='the rate changes', late='a parameter that learns later',
                 zero='zeros for gradients', frozen='a parameter that learns no more')
    more = [words.get(k, str(v)) for k, v in case.items() if k not in ('class', 'options')]
    return ', '.join([f'{case["class"].split(".")[-1]}({call})', *more])


def python_options(options):
    return {k: torch.tensor(v['tensor']) if isinstance(v, dict) else tuple(v) if isinstance(v, list) else v for k, v in options.items()}


def build(net, dtype):
    """Parameters, and what gives the loss."""
    images, labels = numbers([6, 5], seed=11, dtype=dtype, scale=2), numbers([6], seed=12, kind='classes', classes=3)
    torch.manual_seed(0)
    kind = getattr(torch, dtype)
    if net == 'given':
        parameters = [nn.Parameter(numbers(shape, seed=15 + i, dtype=dtype)) for i, shape in enumerate([[3, 17], [5], []])]
        steps = iter(range(STEPS))

        def loss_of():
            step = next(steps)
            return torch.stack([(p * numbers(list(p.shape), seed=100 + 3 * step + i, dtype=dtype)).sum() for i, p in enumerate(parameters)]).sum()
        return parameters, loss_of
    if net == 'embedding':
        table = nn.Parameter(torch.randn(7, 3))
        indices = numbers([6], seed=13, kind='classes', classes=5)
        weights = numbers([6, 3], seed=14)
        return [table], lambda: ((nn.functional.embedding(indices, table, sparse=True) - weights) ** 2).sum()
    if net == 'complex':
        parts = [torch.randn(4, 5), torch.randn(4, 5)]
        parameter = nn.Parameter(torch.complex(*parts))
        return [parameter], lambda: torch.view_as_real(parameter * images[:4]).pow(2).sum() + torch.view_as_real(parameter).sum()
    model = nn.Sequential(nn.Linear(5, 4, dtype=kind), nn.Tanh(), nn.Linear(4, 3, dtype=kind))
    return list(model.parameters()), lambda: nn.functional.cross_entropy(model(images), labels)


def record_case(case):
    """Adds what Python gives: losses of all steps, parameters and state at the end, and the groups' settings."""
    dtype = case.get('dtype') or 'float32'
    parameters, loss_of = build(case.get('net'), dtype)
    groups = case.get('groups')
    given = [dict(g, params=[parameters[i] for i in g['params']]) for g in groups] if groups else parameters
    optimizer = getattr(torch.optim, case['class'].split('.')[-1])(given, **python_options(case['options']))
    losses = []
    for step in range(STEPS):
        if case.get('rates'):
            optimizer.param_groups[0]['lr'] = case['rates'][step]
        if case.get('frozen') is not None and step == 3:
            parameters[case['frozen']].requires_grad_(False)

        def closure():
            optimizer.zero_grad(set_to_none=not case.get('zero'))
            loss = loss_of()
            loss.backward()
            if case.get('late') is not None and step < 3:
                parameters[case['late']].grad = None
            return loss

        if case['class'] == 'optim.LBFGS':
            losses.append(optimizer.step(closure).detach())
        else:
            losses.append(closure().detach())
            optimizer.step()
    state = optimizer.state_dict()
    settings = [{k: v.item() if isinstance(v, torch.Tensor) else v for k, v in g.items() if k not in ('params', 'differentiable')}
                for g in state['param_groups']]
    out = dict(case, name=title(case), losses=summary([torch.stack(losses)]), parameters=summary([p.detach() for p in parameters]),
               state={k: summarize(v) for k, v in by_key(state['state']).items()})
    if case['class'] == 'optim.LBFGS':  # of which on other CPUs nothing else can be compared
        out['first'] = summary(losses[:1])
    # The names of settings, and what groups make of them, are the same in all of an optimizer's cases.
    return dict(out, settings=settings) if groups or case['class'] == 'optim.LBFGS' else out


def record_average(case):
    """The averages of the models of 20 steps."""
    parameters, loss_of = build(None, case['dtype'])
    model = nn.ParameterList(parameters)
    functions = {k: getattr(torch.optim.swa_utils, v[0])(*v[1:]) for k, v in case['options'].items()}
    averaged = torch.optim.swa_utils.AveragedModel(model, **functions)
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss_of().backward()
        optimizer.step()
        averaged.update_parameters(model)
    return dict(case, name=title(case), parameters=summary(list(averaged.parameters())), averaged=averaged.n_averaged.item())


def record_norms(case):
    """The running statistics of batch norms, computed anew over three batches."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4, **case['options']), nn.Tanh(), nn.Linear(4, 3), nn.BatchNorm1d(3, affine=False))
    model(numbers([6, 5], seed=11))
    torch.optim.swa_utils.update_bn([numbers([n, 5], seed=20 + n) for n in (6, 3, 7)], model)
    return dict(case, name=title(case), parameters=summary([b.double() for b in model.buffers()]))


def by_key(state):
    """{parameter: {key: value}} as {key: values in the parameters' order}."""
    keys = {}
    for number in sorted(state):
        for key, value in state[number].items():
            keys.setdefault(key, []).append(value)
    return keys


def summarize(values):
    flat = [x for v in values for x in (v if isinstance(v, list) else [v])]
    tensors = [x for x in flat if isinstance(x, torch.Tensor)]
    return dict(tensors=summary(tensors) if tensors else None, values=[x for x in flat if isinstance(x, (int, float))])


def record():
    kinds = {'AveragedModel': record_average, 'update_bn': record_norms}
    return (kinds.get(case['class'].split('.')[-1], record_case)(case) for case in cases())
