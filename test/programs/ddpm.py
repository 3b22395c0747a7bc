import math

import torch
from torch import nn, optim

STEPS = 50


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.time = nn.Embedding(STEPS, 16)
        self.first = nn.Linear(2, 32)
        self.shift = nn.Linear(16, 32)
        self.last = nn.Sequential(nn.SiLU(), nn.Linear(32, 32), nn.SiLU(), nn.Linear(32, 2))

    def forward(self, x, t):
        return self.last(self.first(x) + self.shift(self.time(t)))


def losses():
    angle = torch.rand(10, 64) * (2 * math.pi)
    points = torch.stack([angle.cos(), angle.sin()], -1)
    betas = torch.linspace(1e-4, 0.02, STEPS)
    alpha_bar = torch.cumprod(-betas + 1, 0)
    model = Denoiser()
    adam = optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for x0 in points:
        t = torch.randint(0, STEPS, (x0.size(0),))
        noise = torch.randn_like(x0)
        abar = alpha_bar[t].unsqueeze(1)
        xt = abar.sqrt() * x0 + (-abar + 1).sqrt() * noise
        loss = nn.functional.mse_loss(model(xt, t), noise)
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    return losses
