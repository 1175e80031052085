// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Builds one version of the site into a directory of all versions: make site.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { checkSite } from './check.mjs';
import { addressOf, missingOf, placeOf, problemsOf, readGroups, root, sourcesOf } from './pages.mjs';
import { writeVersions } from './versions.mjs';

const { values: options } = parseArgs({
  options: {
    version: { type: 'string', default: '' }, // that of a release, such as v0.1.0
    revision: { type: 'string', default: '' }, // the commit, for links to files
    out: { type: 'string', default: 'bin/site/all' }, // the directory of all versions
    base: { type: 'string', default: '/acs-chat-operator/' }, // where the directory is served
    draft: { type: 'boolean', default: false }, // pages of the index may be missing
  },
});

const work = path.join(root, 'bin/site');
const source = path.join(work, 'source');
const version = options.version || 'next';

function fail(...lines) {
  console.error(lines.map((line) => `site: ${line}`).join('\n'));
  process.exit(1);
}

function prepare(files) {
  rmSync(source, { recursive: true, force: true });
  for (const file of files) {
    cpSync(path.join(root, file), path.join(source, placeOf(file)));
  }
  cpSync(path.join(root, 'hack/site/public'), path.join(source, 'public'), { recursive: true });
  // The pages become modules, which import Vue.
  const modules = path.join(work, 'node_modules');
  rmSync(modules, { force: true });
  symlinkSync(path.join(root, 'hack/site/node_modules'), modules);
}

// build runs VitePress, and fails if it says anything that looks like a warning.
function build(out) {
  const vitepress = path.join(root, 'hack/site/node_modules/vitepress/bin/vitepress.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [vitepress, 'build', path.join(root, 'hack/site')], {
    encoding: 'utf8',
    env: {
      ...process.env,
      NO_COLOR: '1',
      SITE_VERSION: version,
      SITE_BASE: options.base,
      SITE_REF: options.version || options.revision || 'main',
      SITE_SOURCE: source,
      SITE_OUT: out,
      SITE_CACHE: path.join(work, 'cache'),
      SITE_DRAFT: options.draft ? '1' : '',
    },
  });
  const text = stdout + stderr;
  if (status !== 0 || /warn|\(!\)|error|dead link|falling back/i.test(text)) {
    fail('VitePress failed or warned:', ...text.trim().split('\n'));
  }
}

if (options.version && !/^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(options.version)) {
  fail(`VERSION is '${options.version}'. Give a version such as v0.1.0, or none for the next one.`);
}
if (!/^\/([^/]+\/)*$/.test(options.base)) {
  fail(`SITE_BASE is '${options.base}'. It must begin and end with a slash.`);
}
const groups = readGroups();
const missing = missingOf(groups);
const problems = [...problemsOf(groups), ...(options.draft ? [] : missing.map((file) => `docs/README.md lists ${file}, which does not exist`))];
if (problems.length > 0) {
  fail(...problems);
}
if (missing.length > 0) {
  console.log(`A draft: these are missing: ${missing.join(', ')}.`);
}
const files = sourcesOf(groups).filter((file) => !missing.includes(file));
const all = path.resolve(root, options.out);
const out = path.join(all, version);
prepare(files);
rmSync(out, { recursive: true, force: true });
mkdirSync(all, { recursive: true });
build(out);
const { versions } = writeVersions(all, options.base);
const base = `${options.base}${version}/`;
const { pages, links, found } = checkSite(out, base, missing.map((file) => base + addressOf(file).slice(1)));
if (found.length > 0) {
  fail(...found);
}
if (pages < files.length) {
  fail(`${files.length} files became only ${pages} pages.`);
}
console.log(`Built ${pages} pages of version ${version}, and checked ${links} links, into ${path.relative(root, out)}. `
  + `Versions: ${versions.join(', ')}.`);
