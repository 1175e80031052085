// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

test('the program in docs/emulator.md runs as it stands there', async (t) => {
  const page = readFileSync(new URL('../../../docs/emulator.md', import.meta.url), 'utf8');
  const [, program] = page.match(/^```js\n(.*?)^```/ms);
  const dir = mkdtempSync(join(tmpdir(), 'acs-sdk-docs-'));
  t.after(() => rmSync(dir, { recursive: true }));
  symlinkSync(process.env.ACS_FREE, join(dir, 'connection-string'));
  symlinkSync(fileURLToPath(new URL('../node_modules', import.meta.url)), join(dir, 'node_modules'));
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program], { cwd: dir });
  assert.match(stdout, /text .*Hello, all/);
});
