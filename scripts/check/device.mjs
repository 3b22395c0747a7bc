// `npm run test:device`: the tests that name a device, on the simulated accelerator of test/device, with its kernels at once
// and with each of them late. Further arguments go to jest. TORCH_NODE_SIMULATED_DELAYS=0,500 are the delays in microseconds.
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { buildSimulated, whyNotHere } from '../build/device.mjs';
import { jest } from './jest.mjs';

/** Runs them; gives the exit code. Where the accelerator cannot be built here, says so and gives 0. */
export function testDevice(args, summary) {
  const why = whyNotHere();
  if (why !== undefined) {
    console.log(`\nleft out: the tests on the simulated accelerator: ${why}`);
    return 0;
  }
  const library = buildSimulated();
  const delays = (process.env.TORCH_NODE_SIMULATED_DELAYS ?? '0,500').split(',');
  let code = 0;
  for (const delay of delays) {
    console.log(`\n== on the simulated accelerator, every kernel ${delay} microseconds late`);
    code ||= jest(['--config', 'jest.device.config.mjs', ...args], {
      TORCH_NODE_SIMULATED: '1',
      TORCH_NODE_SIMULATED_LIBRARY: library,
      TORCH_NODE_SIMULATED_DELAY: delay,
      ...(summary === undefined ? {} : { TORCH_NODE_TEST_SUMMARY: summary }),
    });
  }
  return code;
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = testDevice(process.argv.slice(2));
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
