"""What a sample of the module database gives to a module, sorted as torch-node takes it: what PyTorch requires by position, the rest by
name."""
import contextlib, inspect

from values import keep  # first: see there

from torch import nn

# Their signatures in Python are (*args, **kwargs).
RECURRENT = ['input_size', 'hidden_size', 'num_layers', 'bias', 'batch_first', 'dropout', 'bidirectional', 'proj_size']
# What torch-node takes by position though PyTorch has a default for it.
BY_POSITION = dict(LeakyReLU=1, Softmax=1, Softmin=1, LogSoftmax=1)


def bound(kind, args, kwargs):
    """The arguments of a constructor."""
    if kind in (nn.RNN, nn.LSTM, nn.GRU):
        names = [name for name in RECURRENT]
        if kind is nn.RNN:
            names.insert(3, 'nonlinearity')
        required = 2
    else:
        parameters = [p for p in inspect.signature(kind.__init__).parameters.values()][1:]
        if any(p.kind is p.VAR_POSITIONAL for p in parameters):
            return args, kwargs
        names = [p.name for p in parameters]
        required = sum(p.default is p.empty and p.kind is not p.VAR_KEYWORD for p in parameters)
        required = BY_POSITION.get(kind.__name__, required)
    given = dict(zip(names, args), **kwargs)
    if kind is nn.LinearCrossEntropyLoss and given.get('options', 0) is None:
        del given['options']  # a class of settings that torch-node does without
    positional = [given.pop(name) for name in names[:required] if name in given]
    return positional, given


def given_forward(kind, forward_input):
    args, call = keep(list(forward_input.args)), keep(dict(forward_input.kwargs))
    parameters = list(inspect.signature(kind.forward).parameters.values())[1:]
    for p in parameters[len(args) :]:
        if p.default is not p.empty or p.name not in call:
            break
        args.append(call.pop(p.name))
    return args, call


@contextlib.contextmanager
def remember():
    """Modules that samples hand to others know what they were made of."""
    kinds = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
    before = [kind.__init__ for kind in kinds]

    def wrapped(kind, init):
        def __init__(self, *args, **kwargs):
            init(self, *args, **kwargs)
            kwargs = {k: v for k, v in kwargs.items() if k != 'device'}
            self.given = bound(kind, keep(list(args)), keep(kwargs))
        __init__.__signature__ = inspect.signature(init)
        return __init__

    for kind, init in zip(kinds, before):
        kind.__init__ = wrapped(kind, init)
    try:
        yield
    finally:
        for kind, init in zip(kinds, before):
            kind.__init__ = init


def title(sample):
    """A sample in words."""
    import torch

    def text(value):
        if isinstance(value, torch.Tensor):
            return f'[{", ".join(map(str, value.shape))}]'
        if isinstance(value, (list, tuple)):
            return '[' + ', '.join(map(text, value)) + ']'
        return getattr(value, '__name__', type(value).__name__) if callable(value) else repr(value)

    def call(given):
        return ', '.join([*map(text, given.args), *(f'{k}={text(v)}' for k, v in given.kwargs.items() if v is not None)])

    return f'({call(sample.constructor_input)}) of {call(sample.forward_input)}'
