// What the programs beside share: a step is run as it is, or recorded once and replayed.
import torch, { type Tensor } from 'torch-node';

export type Outputs = Tensor | readonly Tensor[] | Readonly<Record<string, Tensor>>;
export type Compile = <I extends readonly Tensor[], O extends Outputs>(
  step: (...inputs: I) => O,
  examples: I,
) => (...inputs: I) => O;

export const eager: Compile = (step) => step;
export const exact: Compile = (step, examples) => {
  const program = torch.compileStep(step, examples, { exact: true });
  return (...inputs) => program.run(...inputs);
};
