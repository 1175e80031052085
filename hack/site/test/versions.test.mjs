// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { describeVersions, writeVersions } from '../versions.mjs';
import { tree } from './tree.mjs';

test('the newest version is first, and the latest is no candidate', () => {
  assert.deepEqual(describeVersions(['v0.9.0', 'assets', 'v1.0.0-rc.2', 'next', 'v0.10.1', 'v1.0.0-rc.10', 'v0.10.0', 'v1.0.0-alpha']), {
    versions: ['next', 'v1.0.0-rc.10', 'v1.0.0-rc.2', 'v1.0.0-alpha', 'v0.10.1', 'v0.10.0', 'v0.9.0'],
    latest: 'v0.10.1',
  });
  assert.deepEqual(describeVersions(['v1.0.0-rc.1', 'v1.0.0']).versions, ['v1.0.0', 'v1.0.0-rc.1']);
  assert.deepEqual(describeVersions(['next']), { versions: ['next'], latest: '' });
});

test('the address without a version leads to the latest release, or to the next version', (t) => {
  const all = tree(t, { 'next/index.html': '', 'notes.txt': '' });
  const page = () => readFileSync(path.join(all, 'index.html'), 'utf8');
  writeVersions(all, '/docs/');
  assert.match(page(), /url=\/docs\/next\/"/);
  const later = tree(t, { 'next/index.html': '', 'v0.1.0/index.html': '' });
  writeVersions(later, '/docs/');
  assert.match(readFileSync(path.join(later, 'index.html'), 'utf8'), /url=\/docs\/v0\.1\.0\/"/);
  assert.deepEqual(JSON.parse(readFileSync(path.join(later, 'versions.json'), 'utf8')), { versions: ['next', 'v0.1.0'], latest: 'v0.1.0' });
});
