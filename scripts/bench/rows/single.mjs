// Rows of small things: Part 1's eager step with one and two threads, single operators, memory, start-up, checkpoints.
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { amountOf, inTurn, median } from '../numbers.mjs';
import { compileCpp } from '../peers.mjs';
import { peers, run } from '../processes.mjs';
import { compared as comparedTo } from './compared.mjs';

/** Measurements by name, each a function that gives rows. */
export function singleRows(bench) {
  const { quick, rounds, python, ours, theirs, about, folder, reference, temporary } = bench;
  const compared = (...cells) => comparedTo(python, ...cells);

  /** With one thread both sides compute the same bits; a side that does other work is not compared in time. */
  async function unequalLosses() {
    const settings = { folder, threads: 1, steps: 20 };
    const [a, b] = [(await ours('losses', settings)).losses, (await theirs('losses', settings)).losses];
    const i = a.findIndex((loss, step) => !Object.is(loss, b[step]));
    return i < 0 && a.length === b.length
      ? undefined
      : `not timed: with one thread the loss of step ${i + 1} is ${a[i]} here and ${b[i]} there`;
  }

  return {
    async step() {
      const both = (side, threads) => async () =>
        (await side('step', { folder, threads, warmup: 50, steps: quick ? 100 : 400 })).us / 1000;
      const none = async () => undefined;
      const peer = (threads) => (python.command ? both(theirs, threads) : none);
      const names = [
        `Training step, eager, ours with its default of ${about.threads} threads`,
        'Training step, eager, one thread each',
      ];
      const gate = python.command ? await unequalLosses() : undefined;
      if (gate)
        return names.map((name) => ({ name, ours: '–', theirs: '–', ratio: gate, target: '–', met: 'no' }));
      // One process more a round than sides: Python runs with one and with two threads, and its better one counts.
      const [usual, python1, one, python2] = await inTurn(rounds, [
        both(ours, about.threads),
        peer(1),
        both(ours, 1),
        peer(2),
      ]);
      const [best, threads] =
        median(python2) < median(python1) ? [python2, 'two threads'] : [python1, 'one thread'];
      const first = compared(names[0], 'ms', usual, best, 0.85);
      if (python.command) first.theirs += ` (${threads})`;
      return [
        { ...first, samples: { ...first.samples, python1, python2 } },
        compared(names[1], 'ms', one, python1),
      ];
    },

    async add() {
      const count = quick ? 200_000 : 1_000_000;
      const [mine, peers] = await inTurn(rounds, [
        async () => (await ours('add', { count })).ns,
        async () => (python.command ? (await theirs('add', { count })).ns : undefined),
      ]);
      return [compared('`a.add(b)` on 8 floats, in a scope', 'ns', mine, peers, 0.8)];
    },

    async operators() {
      const cpp = await compileCpp('peer.cpp', about.folder);
      const count = quick ? 40_000 : 200_000;
      const none = async () => undefined;
      const [mine, peers, loops] = await inTurn(rounds, [
        async () => (await ours('operators', { count })).ns,
        python.command ? async () => (await theirs('operators', { count })).ns : none,
        cpp.command
          ? async () => JSON.parse((await run(cpp.command, ['operators', String(count)])).text).ns
          : none,
      ]);
      return Object.keys(mine[0]).map((name) => {
        const of = (runs) => runs.map((ns) => ns?.[name]);
        const row = compared(`\`${name.replace(' grad', '`, its gradient recorded')}${name.includes('grad') ? '' : '`'}`, 'ns', of(mine), of(peers), 0.8); // prettier-ignore
        if (!cpp.command) return { ...row, theirs: `${row.theirs}; C++: ${cpp.missing}` };
        const over = of(mine).map((ns, i) => ns - of(loops)[i]);
        return {
          ...row,
          theirs: `${row.theirs}; C++ ${amountOf(of(loops), 'ns')}`,
          ratio: `${row.ratio}; C++ ${median(over) < 0 ? '-' : '+'} ${Math.abs(median(over)).toFixed(0)} ns`,
          target: `${row.target}; C++ + 250 ns`,
          met: `${row.met}; ${median(over) <= 250 ? 'yes' : 'no'}`,
          samples: { ...row.samples, cpp: of(loops) },
        };
      });
    },

    async loop() {
      const count = quick ? 1_000_000 : 10_000_000;
      const [runs] = await inTurn(Math.min(rounds, 3), [() => ours('loop', { count })]);
      const mb = runs.map((each) => each.mb);
      const name = `${(count / 1e6).toFixed(0)} million of them in one loop, no scope: growth of resident memory`;
      const amount = `${Math.max(...mb).toFixed(0)} MB (${median(runs.map((each) => each.ns)).toFixed(0)} ns each)`;
      const met = Math.max(...mb) < 64 ? 'yes' : 'no';
      return [{ name, ours: amount, theirs: '–', ratio: '–', target: '< 64 MB', met, samples: { mb } }];
    },

    async import() {
      const [mine, peers] = await inTurn(rounds + 1, [
        async () => (await ours('firstStep')).seconds,
        async () => (python.command ? (await theirs('firstStep')).seconds : undefined),
      ]);
      // The first round reads the libraries from the disk.
      return [
        compared('Process start to first finished training step', 's', mine.slice(1), peers.slice(1), 0.4),
      ];
    },

    async memory() {
      const program = existsSync(`${reference}/train.py`)
        ? [
            `${reference}/train.py`,
            '--data',
            folder,
            '--models',
            'original',
            '--epochs',
            '1',
            '--threads',
            '2',
          ]
        : [path.join(peers, 'peer.py'), 'part1', JSON.stringify({ folder, threads: 2 })];
      const mine = async () => {
        const out = await mkdtemp(path.join(temporary, 'run-'));
        const args = ['--data', folder, '--epochs', '1', '--threads', '2', '--out', out, '--json'];
        return (await run(process.execPath, ['bin/torch-node.js', 'cifar10', 'part1', ...args])).peakMb;
      };
      const peer = async () => (python.command ? (await run(python.command, program)).peakMb : undefined);
      const lists = await inTurn(quick ? 1 : Math.min(rounds, 3), [mine, peer]);
      if (lists[0].includes(undefined))
        throw new Error('peak memory is read from /proc, which this system lacks');
      return [compared('Part 1 whole, one epoch: peak resident memory', 'MB', ...lists, 0.7)];
    },

    async checkpoint() {
      const file = path.join(temporary, 'big.safetensors');
      await ours('writeSafetensors', { file });
      const none = async () => ({});
      const [mine, peers] = await inTurn(rounds + 1, [
        () => ours('readSafetensors', { file }),
        python.command ? () => theirs('readSafetensors', { file }) : none,
      ]);
      await rm(file);
      // The first round brings the file into the system's cache.
      const row = (name, unit, key, target, factor = 1) =>
        compared(name, unit, ...[mine, peers].map((runs) => runs.slice(1).map((each) => factor * each[key])), target); // prettier-ignore
      return [
        row('Loading a safetensors file of 500 MB and reading every value once', 'ms', 'read', 1.2, 1000),
        row('Loading alone, which maps the file', 'ms', 'load', 1.2, 1000),
        row('The same process whole: peak resident memory', 'MB', 'peakMb', 1.2),
      ];
    },
  };
}
