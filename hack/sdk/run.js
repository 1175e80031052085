// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Runs Microsoft's SDK, unchanged, against what was built into bin: first against the emulator, then against a
// demo with the operator in it. The tests are processes of their own, as Node reads NODE_EXTRA_CA_CERTS only when
// it starts, and each emulator makes an authority of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startDemo } from './demo.js';
import { content, Program } from './processes.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));
const interrupted = 130;

// A test that hangs must not hold up the whole suite.
const testTimeout = 90_000;
const startTimeout = 30_000;
const stopTimeout = 30_000;

// The SDK would use a proxy of the caller's otherwise.
const direct = { NO_PROXY: '127.0.0.1', no_proxy: '127.0.0.1' };

const dir = await mkdtemp(join(tmpdir(), 'acs-sdk-'));
const programs = [];
const stopping = new AbortController();
['SIGINT', 'SIGTERM', 'SIGHUP'].forEach((signal) => process.on(signal, () => stopping.abort()));
// The last resort, should this program end in a way that it does not expect.
process.on('exit', () => programs.forEach(({ child }) => child.kill()));

const total = { passed: 0, failed: 0, todo: 0 };
try {
  await everything();
} catch (error) {
  if (!stopping.signal.aborted) console.error(`test-sdk: ${error.message}`);
  total.failed++;
} finally {
  for (const program of programs.reverse()) await program.stop(stopTimeout);
  await rm(dir, { recursive: true, force: true });
}
const ok = total.passed > 0 && total.failed === 0;
const rest = total.todo > 0 ? `, ${total.todo} to do` : '';
console.log(stopping.signal.aborted ? '\nInterrupted.' : `\n${total.passed} passed, ${total.failed} failed${rest}`);
process.exitCode = stopping.signal.aborted ? interrupted : ok ? 0 : 1;

async function everything() {
  // The demo takes longer to start than most of the tests of the emulator take to run.
  const demo = startDemo(root, join(dir, 'demo'), programs);
  demo.catch(() => {}); // is reported when its turn has come
  const emulators = await Promise.all([
    startEmulator('free', '--quotas=off'),
    startEmulator('strict', '--quotas=on'),
    startEmulator('steered', '--quotas=off', '--admin-listen=127.0.0.1:0'),
    startEmulator('specified', '--quotas=off', '--with-kind', '--spec-errors'),
  ]);
  await test(
    'emulator',
    emulators.map(({ ca }) => ca),
    Object.assign({}, ...emulators.map(({ environment }) => environment)),
  );
  const { ca, environment, logs } = await Promise.race([demo, aborted()]);
  if (!(await test('operator', [ca], environment))) console.error(await logs());
}

async function startEmulator(name, ...args) {
  const home = join(dir, name);
  mkdirSync(home);
  const [ca, connection] = [join(home, 'ca.pem'), join(home, 'connection-string')];
  const emulator = new Program(
    'acs-emulator',
    join(root, 'bin/acs-emulator'),
    ['--listen=127.0.0.1:0', `--tls-dir=${home}`, `--connection-string-file=${connection}`, ...args],
    { log: join(home, 'log') },
  );
  programs.push(emulator);
  await emulator.ready(startTimeout, () => content(connection));
  const admin = await adminEndpoint(emulator.log);
  const variable = `ACS_${name.toUpperCase()}`;
  return { ca, environment: { [variable]: connection, ...(admin && { [`${variable}_ADMIN`]: admin }) } };
}

// adminEndpoint reads where the emulator can be steered, as it has found a free port by itself.
async function adminEndpoint(log) {
  const records = (await readFile(log, 'utf8')).trim().split('\n').map((line) => JSON.parse(line));
  return records.find(({ msg }) => msg === 'Serving admin endpoints')?.endpoint;
}

// test runs the tests in a folder and says whether all passed.
async function test(folder, authorities, environment) {
  stopping.signal.throwIfAborted();
  const [bundle, counts] = [join(dir, `${folder}.pem`), join(dir, `${folder}.json`)];
  await writeFile(bundle, (await Promise.all(authorities.map((file) => readFile(file)))).join('\n'));
  console.log(`\nMicrosoft's SDK against the ${folder}\n`);
  const files = readdirSync(join(here, folder)).filter((name) => name.endsWith('.test.js'));
  const runner = spawn(
    process.execPath,
    [
      '--test',
      `--test-timeout=${testTimeout}`,
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      `--test-reporter=${new URL('tally.js', import.meta.url)}`,
      `--test-reporter-destination=${counts}`,
      ...files.map((name) => join(here, folder, name)),
    ],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...direct, ...environment, NODE_EXTRA_CA_CERTS: bundle },
      signal: stopping.signal,
    },
  );
  const [status] = await once(runner, 'exit');
  const { passed, failed, todo } = JSON.parse(await readFile(counts, 'utf8'));
  total.passed += passed;
  total.failed += failed;
  total.todo += todo;
  if (status !== 0 && failed === 0) throw new Error(`the tests of the ${folder} ended with status ${status}`);
  if (passed + failed === 0) throw new Error(`no test of the ${folder} ran`);
  return failed === 0;
}

function aborted() {
  return new Promise((_, reject) => stopping.signal.addEventListener('abort', () => reject(stopping.signal.reason)));
}
