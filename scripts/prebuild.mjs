// Makes the prebuilt binary for this platform: prebuilds/<platform>-<arch>/ with the addon, the helper that loads
// libtorch, and what they were built with.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const release = path.join(root, 'build', 'Release');
const prebuilds = path.join(root, 'prebuilds', `${process.platform}-${process.arch}`);
const env = { ...process.env };

// node-gyp wants Node's headers, although nothing here uses them; those of the running Node spare a download.
const prefix = path.resolve(process.execPath, '..', '..');
if (existsSync(path.join(prefix, 'include', 'node', 'common.gypi'))) env.npm_config_nodedir ??= prefix;
// Given by `npm run`; without it prebuildify looks on the PATH.
if (env.npm_config_node_gyp) env.PREBUILD_NODE_GYP ??= env.npm_config_node_gyp;

rmSync(prebuilds, { recursive: true, force: true });
const prebuildify = createRequire(import.meta.url).resolve('prebuildify/bin.js');
const args = [prebuildify, '--napi', '--strip', '--tag-libc'];
const { status } = spawnSync(process.execPath, args, { cwd: root, env, stdio: 'inherit' });
if (status !== 0) process.exit(1);

mkdirSync(prebuilds, { recursive: true });
copyFileSync(path.join(release, 'torch_node_preload.node'), path.join(prebuilds, 'torch_node_preload.node'));
// Where libtorch lay on this machine is of no use on another one.
const { folder: _, ...info } = JSON.parse(readFileSync(path.join(release, 'torch_node.json'), 'utf8'));
writeFileSync(path.join(prebuilds, 'torch_node.json'), `${JSON.stringify(info, null, 2)}\n`);
