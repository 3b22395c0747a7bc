import math

import torch
from torch import nn, optim

WORDS = 20


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=32):
        super().__init__()
        self.dropout = nn.Dropout(0.1)
        pe = torch.zeros(max_len, d_model)
        position = torch.arange(0, max_len, dtype=torch.float).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2).float() * (-math.log(10000.0) / d_model))
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term)
        self.register_buffer('pe', pe.unsqueeze(0).transpose(0, 1))

    def forward(self, x):
        return self.dropout(x + self.pe[: x.size(0)])


class TransformerModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.pos_encoder = PositionalEncoding(16)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, 0.1), 2)
        self.embedding = nn.Embedding(WORDS, 16)
        self.decoder = nn.Linear(16, WORDS)

    def forward(self, src):
        mask = nn.Transformer.generate_square_subsequent_mask(src.size(0))
        embedded = self.pos_encoder(self.embedding(src) * math.sqrt(16))
        output = self.decoder(self.encoder(embedded, mask=mask))
        return nn.functional.log_softmax(output, -1)


def losses():
    text = torch.randint(0, WORDS, (61, 4))
    model = TransformerModel()
    adam = optim.Adam(model.parameters(), lr=3e-3)
    scheduler = optim.lr_scheduler.StepLR(adam, 4, gamma=0.5)
    losses = []
    for i in range(10):
        data, targets = text[6 * i : 6 * i + 6], text[6 * i + 1 : 6 * i + 7]
        adam.zero_grad()
        output = model(data).view(-1, WORDS)
        loss = nn.functional.nll_loss(output, targets.reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        adam.step()
        scheduler.step()
        losses.append(loss.item())
    return losses
