// `torch-node doctor`: says what was found on this machine and whether it works.
import type { Command } from 'commander';
import { errorText } from '../files/cache.js';
import { findLibtorch } from '../install/locate.js';
import { loadAddon, type LoadInfo } from '../native/load.js';
import { systemGlibc } from '../native/platform.js';

/** What the doctor found. `error` is there when something does not work; what comes after it is then unknown. */
export interface Findings {
  ok: boolean;
  platform: string;
  node: string;
  napi: number;
  /** The glibc of this system; null where there is none. */
  glibc: string | null;
  addon: ({ file: string } & LoadInfo['built']) | null;
  libtorch: LoadInfo['libtorch'] | null;
  /** The devices that can be used, as in ['cpu', 'cuda:0']. */
  devices: string[];
  threads: number | null;
  /** The loss of a tiny training step. */
  trainingStep: { ok: boolean; loss: number } | null;
  error: string | null;
}

/** Adds the command `doctor`. Its exit code is 0 when a tiny training step works, else 1. */
export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('say what was found on this machine and whether it works')
    .option('--json', 'print it as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const findings = await examine();
      console.log(json ? JSON.stringify(findings, null, 2) : describe(findings));
      process.exitCode = findings.ok ? 0 : 1;
    });
}

/** Looks at everything there is to know. Does not throw: what does not work is told in the findings. */
export async function examine(): Promise<Findings> {
  const findings: Findings = {
    ok: false,
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    napi: Number(process.versions.napi),
    glibc: systemGlibc() ?? null,
    addon: null,
    libtorch: null,
    devices: [],
    threads: null,
    trainingStep: null,
    error: null,
  };
  try {
    const { info } = loadAddon();
    findings.addon = { file: info.addon, ...info.built };
    findings.libtorch = info.libtorch;
    await exercise(findings);
    findings.ok = findings.trainingStep?.ok === true;
    if (!findings.ok) findings.error = `The loss of a training step is ${findings.trainingStep?.loss}.`;
  } catch (error) {
    findings.error = errorText(error);
    findings.libtorch ??= findQuietly();
  }
  return findings;
}

async function exercise(findings: Findings): Promise<void> {
  // Imported here, since the import alone fails where the addon does not load.
  const { default: torch, nn, optim } = await import('../index.js');
  const cuda = Array.from({ length: torch.cuda.deviceCount() }, (_, index) => `cuda:${index}`);
  findings.devices = ['cpu', ...cuda];
  findings.threads = torch.getNumThreads();
  torch.manualSeed(0);
  const net = new nn.Linear(4, 2);
  const sgd = new optim.SGD(net.parameters(), { lr: 0.1 });
  const labels = torch.zeros([8], { dtype: 'int64' });
  const loss = new nn.CrossEntropyLoss().forward(net.forward(torch.randn([8, 4])), labels);
  loss.backward();
  sgd.step();
  const value = loss.item();
  findings.trainingStep = { ok: Number.isFinite(value) && value > 0, loss: value };
}

function findQuietly(): LoadInfo['libtorch'] | null {
  try {
    return findLibtorch().found ?? null;
  } catch {
    return null; // What it would say is in the error already.
  }
}

function describe(findings: Findings): string {
  const { libtorch, trainingStep: step } = findings;
  const addon = findings.addon ?? undefined;
  const rows: [name: string, text: string | undefined][] = [
    ['platform', findings.platform],
    ['node', `${findings.node}, Node-API ${findings.napi}`],
    ['glibc', findings.glibc ?? 'none'],
    ['addon', addon?.file ?? 'not loaded'],
    ['', addon && `built ${addon.built} by ${addon.compiler} with libtorch ${addon.libtorch}`],
    ['', addon && `needs Node-API ${addon.napi} and glibc ${addon.glibc}`],
    ['libtorch', libtorch ? `${libtorch.version}, ${libtorch.variant} (${libtorch.how})` : 'none found'],
    ['', libtorch?.folder],
    ['devices', findings.devices.join(', ') || 'unknown'],
    ['threads', String(findings.threads ?? 'unknown')],
    ['training step', step ? `${step.ok ? 'works' : 'fails'}, loss ${step.loss.toFixed(4)}` : 'not tried'],
  ];
  const lines = rows.flatMap(([name, text]) => (text ? `${name.padEnd(15)}${text}` : []));
  return [...lines, '', findings.ok ? 'All is well.' : (findings.error ?? 'Something is wrong.')].join('\n');
}
