// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { tree } from './tree.mjs';

const program = fileURLToPath(new URL('../publish.mjs', import.meta.url));

test('a version is added to the branch, or replaced, and the others stay', (t) => {
  const remote = path.join(tree(t, {}), 'remote.git');
  execFileSync('git', ['init', '--quiet', '--bare', remote]);
  const git = (...args) => execFileSync('git', ['-C', remote, ...args], { encoding: 'utf8' });
  const publish = (version, files) => {
    const site = tree(t, Object.fromEntries(Object.entries(files).map(([name, content]) => [`${version}/${name}`, content])));
    return execFileSync(process.execPath, [program, `--site=${site}`, `--version=${version}`, `--remote=${remote}`], { encoding: 'utf8' });
  };
  const files = () => git('ls-tree', '-r', '--name-only', 'gh-pages').trim().split('\n');

  assert.match(publish('v0.1.0', { 'index.html': 'one', 'a.html': 'a' }), /Published version v0\.1\.0/);
  assert.match(publish('next', { 'index.html': 'n' }), /Published version next/);
  assert.match(publish('next', { 'index.html': 'n' }), /published already/);
  publish('v0.1.0', { 'index.html': 'two', 'b.html': 'b' });
  assert.deepEqual(files(), ['.nojekyll', '404.html', 'index.html', 'next/index.html', 'v0.1.0/b.html', 'v0.1.0/index.html', 'versions.json']);
  assert.equal(git('show', 'gh-pages:v0.1.0/index.html'), 'two');
  assert.deepEqual(JSON.parse(git('show', 'gh-pages:versions.json')), { versions: ['next', 'v0.1.0'], latest: 'v0.1.0' });
  assert.equal(git('rev-list', '--count', 'gh-pages').trim(), '3');
});

test('a version that was not built is refused', (t) => {
  const { status, stderr } = spawnSync(process.execPath, [program, `--site=${tree(t, {})}`, '--remote=nowhere'], { encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(stderr, /build the version first/);
});
