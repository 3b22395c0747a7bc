import torch
from torch import nn, optim
from torch.nn import functional as F

TEMPERATURE, SHARE = 2, 0.25


def losses():
    inputs = torch.randn(10, 16, 12)
    labels = torch.randint(0, 5, (10, 16))
    teacher = nn.Sequential(nn.Linear(12, 48), nn.ReLU(), nn.Dropout(0.1), nn.Linear(48, 5))
    student = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 5))
    cross_entropy = nn.CrossEntropyLoss()
    adam = optim.Adam(student.parameters(), lr=1e-2)
    teacher.eval()
    student.train()
    losses = []
    for x, y in zip(inputs, labels):
        adam.zero_grad()
        with torch.no_grad():
            teacher_logits = teacher(x)
        student_logits = student(x)
        targets = F.softmax(teacher_logits / TEMPERATURE, -1)
        probabilities = F.log_softmax(student_logits / TEMPERATURE, -1)
        soft_loss = (targets * (targets.log() - probabilities)).sum() / probabilities.size(0) * TEMPERATURE**2
        divergence = F.kl_div(probabilities, targets, reduction='batchmean')
        label_loss = cross_entropy(student_logits, y)
        loss = soft_loss * SHARE + label_loss * (1 - SHARE) + divergence * 0.1
        loss.backward()
        adam.step()
        losses.append(loss.item())
    return losses
