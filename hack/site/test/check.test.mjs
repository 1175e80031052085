// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import test from 'node:test';
import { addressesIn, checkSite, hostsIn } from '../check.mjs';
import { tree } from './tree.mjs';

const base = '/docs/next/';
const check = (t, files, missing) => checkSite(tree(t, files), base, missing).found;

test('a sound site has no problem', (t) => {
  assert.deepEqual(check(t, {
    'index.html': '<link rel="canonical" href="https://example.com/"><link rel="stylesheet" href="/docs/next/a.css">'
      + '<a href="/docs/next/sub/#part">a</a><a href="b.html">b</a><a href="https://example.com">c</a><img src="data:image/png;base64,AA==">',
    'b.html': '<a href="#here">a</a><h2 id="here">b</h2>',
    'sub/index.html': '<a href="../b.html#here">a</a><h2 id="part"></h2>',
    'a.css': '@import "b.css"; a { background: url(\'font.woff2\') } b { mask: url(data:image/svg+xml;utf8,a) }',
    'b.css': '',
    'font.woff2': '',
    'a.js': 'import("./b.js"); const home = "https://example.com";',
  }), []);
});

for (const [name, files, problem] of [
  ['a missing page', { 'a.html': '<a href="/docs/next/b.html">b</a>' }, 'a.html links to /docs/next/b.html: there is no such file'],
  ['a missing anchor', { 'a.html': '<a href="b.html#c">b</a>', 'b.html': '' }, 'a.html links to b.html#c: there is no such anchor'],
  ['a link out of the version', { 'a.html': '<a href="/other/">b</a>' }, 'a.html links to /other/: it is not below /docs/next/'],
  ['a missing picture', { 'a.html': '<img srcset="x.png 2x">' }, 'a.html links to x.png: there is no such file'],
  ['a script from elsewhere', { 'a.html': '<script src="https://cdn.example.com/a.js"></script>' }, 'a.html loads https://cdn.example.com/a.js from another host'],
  ['a font from elsewhere', { 'a.css': 'a { src: url(//fonts.example.com/a) }' }, 'a.css loads //fonts.example.com/a from another host'],
  ['a style in a page', { 'a.html': '<style>@import "https://example.com/a.css"</style>' }, 'a.html loads https://example.com/a.css from another host'],
  ['an import from elsewhere', { 'a.js': 'import("https://cdn.example.com/a.js")' }, 'a.js loads https://cdn.example.com/a.js from another host'],
  ['a link that is not safe', { 'a.html': '<a href="http://example.com/">b</a>' }, 'a.html links to http://example.com/, which is neither https nor an address of mail'],
  ['an anchor that exists twice', { 'a.html': '<h2 id="b"></h2><h2 id="b"></h2>' }, 'a.html has the anchor b twice'],
]) {
  test(`${name} is found`, (t) => assert.deepEqual(check(t, files), [problem]));
}

test('a page that may be missing is no problem', (t) => {
  assert.deepEqual(check(t, { 'a.html': '<a href="b.html#c">b</a>' }, [`${base}b.html`]), []);
});

test('what a style sheet and a script load', () => {
  assert.deepEqual(addressesIn('a{b:url("x")}c{d:url( y )}e{f:url(#g)}'), ['x', 'y']);
  assert.deepEqual(hostsIn('import a from "https://a.example";fetch(`//b.example/x`);new WebSocket("wss://c.example");d("https://e.example")'),
    ['https://a.example', '//b.example/x', 'wss://c.example']);
});
