// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import test from 'node:test';
import { createMarkdownRenderer } from 'vitepress';
import { onGitHub, repository, resolver, slugify } from '../links.mjs';
import { tree } from './tree.mjs';

const files = {
  'docs/install.md': '# Install\n', 'docs/examples/README.md': '# Recipes\n', 'SUPPORT.md': '', 'config/samples/thread.yaml': '', 'go.mod': '', 'hack/site/landing.md': '',
};
const sources = ['docs/install.md', 'docs/examples/README.md', 'SUPPORT.md', 'hack/site/landing.md', 'docs/faq.md'];

test('anchors are those of GitHub', () => {
  for (const [heading, anchor] of [
    ['After `kubectl delete -k config/default` by accident', 'after-kubectl-delete--k-configdefault-by-accident'],
    ['chat.acs-operator.io/v1alpha1', 'chatacs-operatoriov1alpha1'],
    ['Roles, and a ClusterRole for the rest', 'roles-and-a-clusterrole-for-the-rest'],
    ['A_b – ü', 'a_b--ü'],
  ]) {
    assert.equal(slugify(heading.replaceAll('`', '')), anchor);
  }
});

test('links lead to pages of the site, and others to GitHub', (t) => {
  const resolve = resolver({ sources, ref: 'v1.2.3', missing: ['docs/faq.md'], from: tree(t, files) });
  for (const [file, target, want] of [
    ['docs/examples/README.md', '../install.md#flags', '/install.html#flags'],
    ['docs/install.md', 'examples/README.md', '/examples/'],
    ['docs/install.md', 'examples', '/examples/'],
    ['docs/install.md', '../SUPPORT.md', '/support.html'],
    ['hack/site/landing.md', 'docs/install.md', '/install.html'],
    ['docs/install.md', '../go.mod', `${repository}/blob/v1.2.3/go.mod`],
    ['docs/install.md', '../config/samples', `${repository}/tree/v1.2.3/config/samples`],
    ['docs/install.md', 'faq.md#a', `${repository}/blob/v1.2.3/docs/faq.md#a`],
    ['docs/install.md', '#flags', '#flags'],
    ['docs/install.md', 'https://example.com/a.md', 'https://example.com/a.md'],
  ]) {
    assert.equal(resolve(file, target), want);
  }
  assert.throws(() => resolve('docs/install.md', 'nothing.md'), /docs\/install\.md links to nothing\.md, which does not exist/);
});

const md = await createMarkdownRenderer('.', {
  attrs: { disable: true },
  config: (renderer) => onGitHub(renderer, { sourceOf: (page) => `docs/${page}`, resolve: (file, target) => `${target}?${file}` }),
});
const render = (text) => md.render(text, { path: 'a.md', relativePath: 'a.md', cleanUrls: false });

test('what only VitePress would interpret stays text', () => {
  assert.match(render('a {{ secret }} b'), /<span v-pre>a \{\{ secret \}\} b<\/span>/);
  assert.match(render('smile :tada: 8:acs:1'), /:tada: 8:acs:1/);
  assert.match(render('## Heading {#own}'), /Heading \{#own\}/);
  assert.match(render('`{{ .Kind }}`'), /<code v-pre="">\{\{ .Kind \}\}<\/code>/);
});

test('HTML that GitHub does not show is refused', () => {
  assert.throws(() => render('a <nil> b'), /docs\/a\.md has the HTML <nil>; write it as `<nil>`/);
  assert.throws(() => render('<script>alert(1)</script>'), /has the HTML <script>/);
  assert.match(render('a <br /> b'), /<br>|<br \/>/);
  assert.match(render('<!-- begin -->\n\n| a |\n|---|\n| <pre>b<br>c</pre> |'), /<pre>b<br>c<\/pre>/);
});

test('a language that the site cannot color is plain text', () => {
  assert.match(render('```promql\nup == 0\n```'), /class="language-text/);
  assert.match(render('```yaml\na: 1\n```'), /class="language-yaml/);
});

test('links, diagrams and long cells', () => {
  assert.match(render('[a](b.md)'), /href="b\.md\?docs\/a\.md"|docs\/a\.md/);
  assert.match(render('```mermaid\ngraph TD\n```'), /<Diagram code="graph%20TD%0A" \/>/);
  const cells = render(`| a | b |\n|---|---|\n| short | ${'long '.repeat(12)} |`);
  assert.match(cells, /<td>short<\/td>/);
  assert.match(cells, /<td class="long">/);
});
