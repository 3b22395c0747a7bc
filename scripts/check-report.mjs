// Opens reports in headless Chromium and fails where one is not drawn as it should be:
//   node scripts/check-report.mjs report.html ...
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const profile = mkdtempSync(path.join(os.tmpdir(), 'check-report-'));
const flags = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', `--user-data-dir=${profile}`,
]; // prettier-ignore

let failed = false;
for (const file of process.argv.slice(2)) {
  const { status, stdout, error } = spawnSync(
    'chromium',
    [...flags, '--dump-dom', pathToFileURL(path.resolve(file)).href],
    {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    },
  );
  if (error || status !== 0)
    throw new Error(`chromium did not open ${file}: ${error?.message ?? `exit code ${status}`}`);
  const found = {
    plots: stdout.match(/<svg\b/g)?.length ?? 0,
    images: stdout.match(/src="data:image\/png/g)?.length ?? 0,
    rows: stdout.match(/<tr\b/g)?.length ?? 0,
    requests: stdout.match(/(?:src|href)="(?:https?:)?\/\//g)?.length ?? 0,
  };
  const good =
    found.plots >= 3 && found.images + found.plots >= 4 && found.rows >= 21 && found.requests === 0;
  failed ||= !good;
  console.log(`${good ? 'ok' : 'NOT OK'}  ${file}: ${JSON.stringify(found)}`);
}
rmSync(profile, { recursive: true, force: true });
process.exitCode = failed ? 1 : 0;
