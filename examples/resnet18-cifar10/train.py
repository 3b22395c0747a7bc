#!/usr/bin/env python3
"""train.mjs in Python: the same network, the same numbers drawn, the same steps.

    python train.py --data FOLDER [--steps 200] [--batch 128] [--width 64] [--lr 0.1] [--seed 0] [--device cpu|cuda] [--out FILE]

FOLDER holds CIFAR-10's binary files (data_batch_1.bin ...). Pictures are cropped and flipped one by one, as torchvision's
transforms do it for single images; --threads is the number of threads of an operator.
"""
import argparse, json, pathlib, time

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

p = argparse.ArgumentParser()
p.add_argument('--data', type=pathlib.Path, required=True)
for name, default in (('steps', 200), ('batch', 128), ('width', 64), ('seed', 0), ('threads', None)):
    p.add_argument(f'--{name}', type=int, default=default)
p.add_argument('--lr', type=float, default=0.1)
p.add_argument('--device', default='cpu')
p.add_argument('--out', type=pathlib.Path)
a = p.parse_args()


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential() if stride == 1 and inputs == outputs else nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))  # fmt: skip

    def forward(self, x):
        inner = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(inner)) + self.shortcut(x))


class ResNet18(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        stages, inputs = [], width
        for stage in range(4):
            outputs = width * 2**stage
            stages += [Block(inputs, outputs, 1 if stage == 0 else 2), Block(outputs, outputs, 1)]
            inputs = outputs
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(8 * width, 10)

    def forward(self, x):
        return self.head(self.stages(self.stem(x)).mean((2, 3)))


def augment(images):
    padded = F.pad(images, (4, 4, 4, 4))
    places = [(int(torch.randint(0, 9, ())), int(torch.randint(0, 9, ()))) for _ in images]
    cropped = torch.stack([one[:, top : top + 32, left : left + 32] for one, (top, left) in zip(padded, places)])
    turned = torch.stack([one.flip(-1) if torch.rand(1) < 0.5 else one for one in cropped])
    mean = torch.tensor([0.4914, 0.4822, 0.4465]).view(-1, 1, 1)
    std = torch.tensor([0.247, 0.2435, 0.2616]).view(-1, 1, 1)
    return turned.float().mul_(1 / 255).sub(mean).div_(std)


if a.threads:
    torch.set_num_threads(a.threads)
records = np.concatenate([np.fromfile(a.data / f'data_batch_{n}.bin', np.uint8).reshape(-1, 3073) for n in range(1, 6)])
labels = torch.from_numpy(records[:, 0].astype(np.int64))
images = torch.from_numpy(records[:, 1:].copy()).view(-1, 3, 32, 32)

torch.manual_seed(a.seed)
net = ResNet18(a.width).to(a.device)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
sgd = torch.optim.SGD(net.parameters(), lr=a.lr, momentum=0.9, weight_decay=5e-4, nesterov=True)
schedule = torch.optim.lr_scheduler.OneCycleLR(sgd, a.lr, total_steps=a.steps)
loader = DataLoader(TensorDataset(images, labels), batch_size=a.batch, shuffle=True, drop_last=True)

losses, began = [], time.time()
while len(losses) < a.steps:
    for x, y in loader:
        x, y = augment(x).to(a.device), y.to(a.device)
        sgd.zero_grad()
        with torch.autocast(a.device, dtype=torch.bfloat16):
            loss = criterion(net(x), y)
        loss.backward()
        sgd.step()
        schedule.step()
        losses.append(loss.item())
        if len(losses) % 10 == 0 or len(losses) == 1:
            print(f'step {len(losses)}: loss {losses[-1]:.4f}, {(time.time() - began) / len(losses):.2f} s a step', flush=True)
        if len(losses) == a.steps:
            break
if a.out:
    a.out.write_text(json.dumps(losses))
