import torch
from torch import nn, optim
from torch.nn import functional as F

VOCABULARY, WIDTH, HEADS, LENGTH = 24, 16, 2, 8


class CausalSelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.Linear(WIDTH, 3 * WIDTH)
        self.projection = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        B, T, C = x.size()
        qkv = self.attention(x).view(B, T, 3, HEADS, C // HEADS).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], is_causal=True)
        return self.projection(y.transpose(1, 2).contiguous().view(B, T, C))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1 = nn.LayerNorm(WIDTH)
        self.attention = CausalSelfAttention()
        self.ln2 = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH),
            nn.GELU(approximate='tanh'),
            nn.Linear(4 * WIDTH, WIDTH),
            nn.Dropout(0.1),
        )

    def forward(self, input):
        x = input + self.attention(self.ln1(input))
        return x + self.mlp(self.ln2(x))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(VOCABULARY, WIDTH)
        self.wpe = nn.Embedding(LENGTH, WIDTH)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.ln_f = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.wte.weight = self.head.weight
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.normal_(parameter, mean=0, std=0.02)

    def forward(self, tokens, targets):
        positions = torch.arange(0, tokens.size(1))
        x = self.wte(tokens) + self.wpe(positions)
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.ln_f(x))
        return F.cross_entropy(logits.view(-1, VOCABULARY), targets.reshape(-1), ignore_index=-1)


def losses():
    text = torch.randint(0, VOCABULARY, (10, 4, LENGTH + 1))
    model = GPT()
    parameters = list(model.parameters())
    adamw = optim.AdamW(
        [
            dict(params=[p for p in parameters if p.ndim >= 2], weight_decay=0.1),
            dict(params=[p for p in parameters if p.ndim < 2], weight_decay=0),
        ],
        lr=3e-3,
        betas=(0.9, 0.95),
    )
    losses = []
    for batch in text:
        loss = model(batch[:, :-1], batch[:, 1:])
        adamw.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1)
        adamw.step()
        losses.append(loss.item())
    return losses
