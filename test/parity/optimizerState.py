"""Goes on with a training that torch-node began, and gives it back: for optimizerState.test.ts.

    python optimizerState.py CLASS IN.npz IN.json OUT.npz OUT.json

The npz files hold parameters ("parameter.0") and state tensors ("state.0.exp_avg"); the json files the param_groups and what of
the state are numbers. Prints the losses of ten steps.
"""
import json, sys
import numpy as np
import torch
from torch import nn
from record import numbers

torch.set_num_threads(1)
kind, tensors, rest, tensors_out, rest_out = sys.argv[1:]
given, saved = np.load(tensors), json.load(open(rest))
net = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
parameters = list(net.parameters())
with torch.no_grad():
    for i, parameter in enumerate(parameters):
        parameter.copy_(torch.from_numpy(given[f'parameter.{i}']))
state = {int(k): dict(v) for k, v in saved['state'].items()}
for name in given.files:
    if name.startswith('state.'):
        _, number, key = name.split('.')
        state.setdefault(int(number), {})[key] = torch.from_numpy(given[name])
optimizer = getattr(torch.optim, kind)(parameters, lr=7.0)
optimizer.load_state_dict(dict(state=state, param_groups=saved['param_groups']))
images, labels = numbers([6, 5], seed=11, scale=2), numbers([6], seed=12, kind='classes', classes=3)
losses = []
for _ in range(10):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(net(images), labels)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
out = {f'parameter.{i}': p.detach().numpy() for i, p in enumerate(parameters)}
left = {}
ended = optimizer.state_dict()
for number, entry in ended['state'].items():
    for key, value in entry.items():
        if isinstance(value, torch.Tensor):
            out[f'state.{number}.{key}'] = value.numpy()
        else:
            left.setdefault(number, {})[key] = value
np.savez(tensors_out, **out)
json.dump(dict(state=left, param_groups=ended['param_groups']), open(rest_out, 'w'))
print(json.dumps(losses))
