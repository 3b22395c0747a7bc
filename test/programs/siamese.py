import torch
from torch import nn, optim


class SiameseNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        self.fc = nn.Sequential(nn.Linear(2 * 8 * 3 * 3, 16), nn.ReLU(inplace=True), nn.Linear(16, 1))
        self.sigmoid = nn.Sigmoid()
        self.fc.apply(self.init)

    @staticmethod
    def init(module):
        if not isinstance(module, nn.Linear):
            return
        nn.init.xavier_uniform_(module.weight)
        module.bias.data.fill_(0.01)

    def forward(self, first, second):
        output = torch.cat([self.trunk(first), self.trunk(second)], 1)
        return self.sigmoid(self.fc(output))


def losses():
    images = torch.rand(5, 8, 1, 8, 8)
    others = torch.rand(5, 8, 1, 8, 8)
    same = torch.randint(0, 2, (5, 8)).float()
    model = SiameseNetwork()
    criterion = nn.BCELoss()
    adadelta = optim.Adadelta(model.parameters(), lr=1)
    scheduler = optim.lr_scheduler.StepLR(adadelta, step_size=5, gamma=0.7)
    losses = []
    for i in range(10):
        adadelta.zero_grad()
        loss = criterion(model(images[i % 5], others[i % 5]).squeeze(), same[i % 5])
        loss.backward()
        adadelta.step()
        losses.append(loss.item())
        scheduler.step()
    return losses
