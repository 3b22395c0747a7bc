import torch
from torch import nn, optim


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1, groups=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
        )
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        return self.fc(torch.flatten(self.features(x), 1))


def losses():
    images = torch.rand(5, 8, 3, 8, 8)
    labels = torch.randint(0, 2, (5, 8))
    pretrained = ConvNet()
    model = ConvNet()
    model.load_state_dict(pretrained.state_dict())
    for parameter in model.parameters():
        parameter.requires_grad = False
    model.fc = nn.Sequential(nn.Dropout(0.2), nn.Linear(16, 2))
    sgd = optim.SGD(model.fc.parameters(), lr=0.1, momentum=0.9)
    scheduler = optim.lr_scheduler.ExponentialLR(sgd, 0.9)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    model.train()
    model.features.eval()
    losses = []
    for i in range(10):
        sgd.zero_grad()
        loss = criterion(model(images[i % 5]), labels[i % 5])
        loss.backward()
        sgd.step()
        losses.append(loss.item())
        scheduler.step()
    return losses
