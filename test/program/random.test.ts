// A hundred random networks: recorded exactly they give eager's bits, and by default what is as near to the truth.
// scripts/fuzz/networks.mjs tries as many as one likes.
import torch from 'torch-node';
import { tryNetwork } from './randomNetworks.js';

it('100 random networks give the same eagerly, recorded exactly and recorded by default', () => {
  const threads = torch.getNumThreads();
  torch.setNumThreads(1);
  try {
    const wrong: string[] = [];
    let fused = 0;
    for (let seed = 1; seed <= 100; seed++) {
      const { words, differences, path } = tryNetwork(seed);
      if (path === 'fused') fused++;
      if (differences.length > 0) wrong.push(`${words}\n  ${differences.join('\n  ')}`);
    }
    console.log(`${fused} of 100 networks were fused`);
    expect(wrong).toEqual([]);
    expect(fused).toBeGreaterThan(10);
  } finally {
    torch.setNumThreads(threads);
  }
});
