// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Replaces one version in the branch that GitHub Pages serves, and leaves the others as they are.

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { writeVersions } from './versions.mjs';

const branch = 'gh-pages';

const { values: options } = parseArgs({
  options: {
    site: { type: 'string', default: 'bin/site/all' }, // the directory in which the version was built
    version: { type: 'string', default: 'next' },
    base: { type: 'string', default: '/acs-chat-operator/' },
    remote: { type: 'string' }, // the address of the repository
  },
});
const built = path.join(options.site, options.version);
if (!options.remote || !existsSync(path.join(built, 'index.html'))) {
  console.error(`publish: give --remote, and build the version first: ${path.join(built, "index.html")} must exist.`);
  process.exit(1);
}

const clone = mkdtempSync(path.join(tmpdir(), 'site-publish-'));
const git = (...args) => execFileSync('git', ['-C', clone, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
try {
  git('init', '--quiet', `--initial-branch=${branch}`);
  // The first version of all has no branch yet.
  if (git('ls-remote', '--heads', options.remote, branch).trim() !== '') {
    git('fetch', '--quiet', '--depth=1', options.remote, branch);
    git('reset', '--quiet', '--hard', 'FETCH_HEAD');
  }
  const there = path.join(clone, options.version);
  rmSync(there, { recursive: true, force: true });
  mkdirSync(there);
  cpSync(built, there, { recursive: true });
  writeVersions(clone, options.base);
  // Without this file GitHub would leave out files whose names begin with an underscore.
  writeFileSync(path.join(clone, '.nojekyll'), '');
  git('add', '--all');
  if (git('status', '--porcelain') === '') {
    console.log(`Version ${options.version} is published already.`);
  } else {
    git('-c', 'user.name=site', '-c', 'user.email=site@users.noreply.github.com', 'commit', '--quiet', `--message=Publish ${options.version}`);
    git('push', '--quiet', options.remote, `HEAD:refs/heads/${branch}`);
    console.log(`Published version ${options.version}.`);
  }
} finally {
  rmSync(clone, { recursive: true, force: true });
}
