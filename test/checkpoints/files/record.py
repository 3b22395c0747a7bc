"""Makes python.pt beside this file: what torch.save writes for the kinds of values that checkpoints have.

python record.py"""
import os
import torch

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
optimizer = torch.optim.Adam(model.parameters())
model(torch.randn(4, 2)).square().sum().backward()
optimizer.step()
base = torch.arange(12.).reshape(3, 4)
torch.save({
    'model': model.state_dict(), 'optimizer': optimizer.state_dict(), 'parameter': model[0].weight,
    'base': base, 'view': base.t()[1:], 'leaf': torch.ones(2, requires_grad=True),
    'dtypes': [torch.tensor([[0, 1], [1, 0]], dtype=dtype) for dtype in (
        torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16,
        torch.float32, torch.float64, torch.complex64, torch.complex128)],
    'scalar': torch.tensor(2.5), 'none': torch.empty(0, 3), 'expanded': torch.ones(1).expand(4),
    'tuple': (1, 2.5, None, True, 'häuser'), 'list': [1, [2]], 'set': {1, 2}, 'bytes': b'\x00\xff', 'size': torch.Size([1, 2]),
    'dtype': torch.float32, 'device': torch.device('cuda', 1), 'integers': [0, 255, 256, 65536, -1, -129, 2**31, -2**31, 2**53, 2**70, -2**70],
    'floats': [0.5, -0.0, 1e300, float('inf')], 'numbered': {0: 'a', 1: 'b'}, '__proto__': 'a name like another',
}, os.path.join(os.path.dirname(__file__), 'python.pt'))
