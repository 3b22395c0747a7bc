"""What the tables of optimizers and schedules have in common: it is no table itself."""
import base64
import numpy as np
import torch
from record import sha256, values


def summary(tensors):
    """Several tensors as one: their shapes, a hash of all values, and some of these. See trajectory.ts."""
    tensors = [torch.view_as_real(t) if t.is_complex() else t for t in tensors]
    flat = torch.cat([t.detach().reshape(-1) for t in tensors])
    every = max(1, flat.numel() // 3)
    found = values(flat)
    return dict(shapes=' '.join('x'.join(map(str, t.shape)) for t in tensors), dtype=str(flat.dtype).removeprefix('torch.'),
                shape=list(flat.shape), sha256=sha256(found)[:16], every=every, slack=10,
                largest=float(f'{np.abs(found[np.isfinite(found)]).max(initial=0):.2g}'),
                data=base64.b64encode(found[::every].tobytes()).decode())


def doubles(numbers):
    """Python floats, all of them."""
    return dict(dtype='float64', shape=[len(numbers)], data=base64.b64encode(torch.tensor(numbers, dtype=torch.float64).numpy().tobytes()).decode())
