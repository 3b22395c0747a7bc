import torch
from torch import nn, optim


def losses():
    real = torch.rand(4, 8, 1, 8, 8) * 2 - 1
    generator = nn.Sequential(
        nn.ConvTranspose2d(8, 16, 4, 1, 0, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(True),
        nn.ConvTranspose2d(16, 1, 4, 2, 1, bias=False),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, 16, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2, True),
        nn.Conv2d(16, 1, 4, 1, 0, bias=False),
        nn.Sigmoid(),
    )
    for module in [*generator.modules(), *discriminator.modules()]:
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.02)
    criterion = nn.BCELoss()
    optimizer_d = optim.Adam(discriminator.parameters(), lr=2e-3, betas=(0.5, 0.999))
    optimizer_g = optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.999))
    losses = []
    for i in range(10):
        images = real[i % 4]
        ones = torch.full((8,), 1.0)
        zeros = torch.full((8,), 0.0)
        discriminator.zero_grad()
        error_real = criterion(discriminator(images).view(-1), ones)
        error_real.backward()
        fake = generator(torch.randn(8, 8, 1, 1))
        error_fake = criterion(discriminator(fake.detach()).view(-1), zeros)
        error_fake.backward()
        optimizer_d.step()
        generator.zero_grad()
        error_g = criterion(discriminator(fake).view(-1), ones)
        error_g.backward()
        optimizer_g.step()
        losses.append((error_real + error_fake + error_g).item())
    return losses
