// A jest reporter whose last line is "N passed, N failed", with the skipped ones where there are any. Puts the same numbers at
// the end of the file TORCH_NODE_TEST_SUMMARY, for who adds several runs up.
import { appendFileSync } from 'node:fs';

export default class Summary {
  onRunComplete(_contexts, { numPassedTests, numFailedTests, numPendingTests, numRuntimeErrorTestSuites }) {
    // A file that could not be run at all has no tests to count, and counts as one failure.
    const failed = numFailedTests + numRuntimeErrorTestSuites;
    const skipped = numPendingTests > 0 ? `, ${numPendingTests} skipped` : '';
    process.stdout.write(`\n${numPassedTests} passed, ${failed} failed${skipped}\n`);
    const file = process.env.TORCH_NODE_TEST_SUMMARY;
    const numbers = { passed: numPassedTests, failed, skipped: numPendingTests };
    if (file) appendFileSync(file, `${JSON.stringify(numbers)}\n`);
  }
}
