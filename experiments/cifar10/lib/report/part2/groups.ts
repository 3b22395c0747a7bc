// What the course compares within its twelve networks.

export interface Group {
  title: string;
  /** Networks by name, with what tells them apart. */
  members: Readonly<Record<string, string>>;
}

export const GROUPS: readonly Group[] = [
  {
    title: 'Activations compared',
    members: { original: 'ReLU', 'leaky-relu': 'leaky ReLU', tanh: 'tanh' },
  },
  {
    title: 'Depth compared: fully connected',
    members: { mlp2: '2 layers', mlp3: '3 layers', mlp4: '4 layers', mlp5: '5 layers' },
  },
  {
    title: 'Depth compared: convolutions',
    members: { conv1: '1 convolution', original: '2 convolutions', conv3: '3 convolutions' },
  },
  {
    title: 'Width compared',
    members: { original: '6 and 16 channels', 'double-channel': '12 and 32 channels' },
  },
  {
    title: 'Learning rates compared',
    members: { 'low-lr': '0.0001', original: '0.001', 'high-lr': '0.01' },
  },
];
