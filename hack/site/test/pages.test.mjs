// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { addressOf, index, markdownBelow, missingOf, placeOf, problemsOf, readGroups, root, sidebarOf, sourcesOf } from '../pages.mjs';
import { tree } from './tree.mjs';

const example = {
  [index]: '# Documentation\n\n## Start\n\n| page | read it to |\n|---|---|\n| [Flux](flux.md) | do |\n'
    + '| [Alerts](alerts.md), with [runbooks](runbooks) | know |\n\n## Use\n\n| [Recipes](examples/README.md) | start |\n| [Support](../SUPPORT.md) | ask |\n',
  'docs/flux.md': '# Flux\n',
  'docs/alerts.md': '# Alerts\n',
  'docs/runbooks/b.md': '# `ThreadsGone`\n',
  'docs/runbooks/a.md': '# Another\n',
  'docs/examples/README.md': '# Recipes\n',
  'docs/examples/teams.md': '# Teams\n',
  'SUPPORT.md': '# Support\n',
  'hack/site/landing.md': '',
};

test('a page has a place and an address', () => {
  for (const [file, place, address] of [
    ['docs/flux.md', 'flux.md', '/flux.html'],
    ['docs/README.md', 'pages.md', '/pages.html'],
    ['docs/examples/README.md', 'examples/index.md', '/examples/'],
    ['docs/runbooks/a.md', 'runbooks/a.md', '/runbooks/a.html'],
    ['CODE_OF_CONDUCT.md', 'code-of-conduct.md', '/code-of-conduct.html'],
    ['charts/acs-chat-operator/README.md', 'helm-chart.md', '/helm-chart.html'],
    ['hack/site/landing.md', 'index.md', '/'],
  ]) {
    assert.equal(placeOf(file), place);
    assert.equal(addressOf(file), address);
  }
});

test('the sidebar is the index, with the pages of a directory below its page', (t) => {
  const from = tree(t, example);
  const groups = readGroups(from);
  assert.deepEqual(sidebarOf(groups, from), [
    { text: 'Start', items: [
      { text: 'Flux', link: '/flux.html' },
      { text: 'Alerts', link: '/alerts.html', collapsed: true, items: [
        { text: 'Another', link: '/runbooks/a.html' }, { text: 'ThreadsGone', link: '/runbooks/b.html' },
      ] },
    ] },
    { text: 'Use', items: [
      { text: 'Recipes', link: '/examples/', collapsed: true, items: [{ text: 'Teams', link: '/examples/teams.html' }] },
      { text: 'Support', link: '/support.html' },
    ] },
  ]);
  assert.deepEqual(problemsOf(groups, from), []);
  assert.deepEqual(missingOf(groups, from), []);
});

test('a page in no group, in two groups, or not written yet is found', (t) => {
  const from = tree(t, { ...example, 'docs/lonely.md': '# Lonely\n', [index]: `${example[index]}| [Again](flux.md) | do |\n| [FAQ](faq.md) | ask |\n` });
  const groups = readGroups(from);
  assert.deepEqual(problemsOf(groups, from), [`${index} lists docs/flux.md twice`, `${index} does not list docs/lonely.md`]);
  assert.deepEqual(missingOf(groups, from), ['docs/faq.md']);
  assert.ok(!JSON.stringify(sidebarOf(groups, from)).includes('faq'));
});

test('each page of this repository is in one group', () => {
  assert.deepEqual(problemsOf(readGroups()), []);
  assert.ok(sourcesOf(readGroups()).length > 25);
});

test('the pages have no syntax that GitHub does not know', () => {
  for (const file of ['README.md', ...markdownBelow('docs')]) {
    const text = readFileSync(path.join(root, file), 'utf8');
    assert.doesNotMatch(text, /^---\n/, `${file} has front matter`);
    const prose = text.replace(/^( *)(```+).*?^\1\2/gms, '').replace(/`[^`]*`/g, '');
    assert.doesNotMatch(prose, /^:::|\[\[toc\]\]|^#+ .*\{#|<script|<Badge|^<<< /im, file);
  }
});

test('the lock file names no registry', () => {
  assert.doesNotMatch(readFileSync(path.join(root, 'hack/site/package-lock.json'), 'utf8'), /"resolved"/);
});
