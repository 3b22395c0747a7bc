"""Goes on with a training that torch-node began, from its checkpoint, and leaves one of its own: for checkpoints.test.ts.

    python checkpoints.py MODEL OPTIMIZER IN.pt OUT.pt

Prints the losses of ten steps before and of ten after the checkpoint that it writes.
"""
import json, os, sys
import torch
from torch import nn
from record import numbers
sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'table'))
import models

torch.set_num_threads(1)
name, kind, given, out = sys.argv[1:]
model = models.resnet18(num_classes=10) if name == 'resnet18' else models.GPT(8, 13, 2, 2, 16)
checkpoint = torch.load(given, weights_only=True)
model.load_state_dict(checkpoint['model'])
optimizer = getattr(torch.optim, kind)(model.parameters(), lr=7.0)
optimizer.load_state_dict(checkpoint['optimizer'])
if name == 'resnet18':
    inputs, labels = numbers([2, 3, 32, 32], seed=5), numbers([2], seed=6, kind='classes', classes=10)
else:
    tokens = numbers([3, 9], seed=5, kind='classes', classes=13)
    inputs, labels = tokens[:, :-1], tokens[:, 1:]


def steps():
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        output = model(inputs)
        loss = nn.functional.cross_entropy(output if output.dim() == 2 else output.transpose(1, 2), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


before = steps()
torch.save({'model': model.state_dict(), 'optimizer': optimizer.state_dict(), 'steps': 10}, out)
print(json.dumps([before, steps()]))
