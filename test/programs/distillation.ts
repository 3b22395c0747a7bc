// Knowledge distillation: a small network learns from a large one and from the labels.
import torch, { nn, optim } from 'torch-node';
import type { Compile } from './program.js';

const F = nn.functional;
const [TEMPERATURE, SHARE] = [2, 0.25];

export function distillation(compile: Compile): number[] {
  const inputs = torch.randn([10, 16, 12]);
  const labels = torch.randint(0, 5, [10, 16]);
  const teacher = new nn.Sequential(
    new nn.Linear(12, 48),
    new nn.ReLU(),
    new nn.Dropout(0.1),
    new nn.Linear(48, 5),
  );
  const student = new nn.Sequential(new nn.Linear(12, 8), new nn.ReLU(), new nn.Linear(8, 5));
  const crossEntropy = new nn.CrossEntropyLoss();
  const adam = new optim.Adam(student.parameters(), { lr: 1e-2 });
  teacher.eval();
  student.train();
  const step = compile(
    (x, y) => {
      adam.zeroGrad();
      const teacherLogits = torch.noGrad(() => teacher.forward(x));
      const studentLogits = student.forward(x);
      const targets = F.softmax(teacherLogits.div(TEMPERATURE), -1);
      const probabilities = F.logSoftmax(studentLogits.div(TEMPERATURE), -1);
      const softLoss = targets
        .mul(targets.log().sub(probabilities))
        .sum()
        .div(probabilities.size(0))
        .mul(TEMPERATURE ** 2);
      const divergence = F.klDiv(probabilities, targets, { reduction: 'batchmean' });
      const labelLoss = crossEntropy.forward(studentLogits, y);
      const loss = softLoss
        .mul(SHARE)
        .add(labelLoss.mul(1 - SHARE))
        .add(divergence.mul(0.1));
      loss.backward();
      adam.step();
      return loss;
    },
    [inputs.at(0), labels.at(0)],
  );
  const losses: number[] = [];
  for (let i = 0; i < 10; i++) losses.push(step(inputs.at(i), labels.at(i)).item());
  return losses;
}
