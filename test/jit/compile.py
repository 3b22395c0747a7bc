"""Compiles a small model ahead of time, and writes what Python computes with it.

    python test/jit/compile.py FOLDER
"""

import json
import os
import sys

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x, y):
        return {"activations": torch.relu(self.linear(x)) + y, "sum": x.sum()}


torch.set_num_threads(1)
torch.manual_seed(0)
x = torch.arange(12.0).reshape(3, 4) / 7
y = torch.ones(3)
program = torch.export.export(Net(), (x, y), dynamic_shapes=({0: torch.export.Dim("batch")}, None))
package = os.path.join(sys.argv[1], "model.pt2")
torch._inductor.aoti_compile_and_package(program, package_path=package)
result = torch._inductor.aoti_load_package(package)(x, y)
with open(os.path.join(sys.argv[1], "model.json"), "w") as file:
    json.dump({"activations": result["activations"].tolist(), "sum": result["sum"].item()}, file)
