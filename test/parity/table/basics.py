"""Linear layers, activations, losses, containers and initialisation."""


def case(name, args=(), inputs=None, options=None, **more):
    made = {'class': f'nn.{name}', 'args': list(args), 'options': options or {}, **more}
    return made if inputs is None else dict(made, inputs=inputs)


def cases():
    x = dict(shape=[4, 5], scale=3)
    for inplace in ({}, dict(inplace=True)):
        yield case('ReLU', [], [x], inplace)
    yield case('Linear', [5, 3], [x])
    yield case('Linear', [5, 3], [x], dict(bias=False), seed=3)
    yield case('Linear', [5, 3], [dict(x, dtype='float64')], dict(dtype='float64'))
    yield case('Sequential', [{'class': 'nn.Linear', 'args': [5, 3]}, {'class': 'nn.Tanh'}], [x])
