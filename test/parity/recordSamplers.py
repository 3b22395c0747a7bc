#!/usr/bin/env python3
"""Records the orders of torch.utils.data's samplers, for ../data/samplers.test.ts: python recordSamplers.py > recorded/samplers.json

Of each: what it gives under seed 3, and the number that the default generator gives afterwards."""
import json
import torch
from torch.utils.data import DataLoader, RandomSampler, SubsetRandomSampler, WeightedRandomSampler, random_split

TEN = list(range(10))
seeded = lambda: torch.Generator().manual_seed(8)
calls = dict(
    random=lambda: RandomSampler(TEN),
    more=lambda: RandomSampler(TEN, num_samples=14),
    replacement=lambda: RandomSampler(TEN, replacement=True, num_samples=40),
    generator=lambda: RandomSampler(TEN, generator=seeded()),
    subset=lambda: SubsetRandomSampler([4, 7, 1, 0]),
    weighted=lambda: WeightedRandomSampler([1, 2, 3], 5),
    weightedWithout=lambda: WeightedRandomSampler([1, 2, 3], 2, replacement=False),
    split=lambda: [i for s in random_split(TEN, [0.55, 0.25, 0.2]) for i in [len(s), *s.indices]],
    loader=lambda: [i for b in DataLoader(TEN, batch_size=4, shuffle=True) for i in b.tolist()],
    loaderGenerator=lambda: [i for b in DataLoader(TEN, batch_size=4, shuffle=True, generator=seeded()) for i in b.tolist()],
)
out = {}
for name, call in calls.items():
    torch.manual_seed(3)
    out[name] = [list(map(int, call())), torch.rand(1).item()]
print('{\n' + ',\n'.join(f'"{name}": {json.dumps(value)}' for name, value in out.items()) + '\n}')
