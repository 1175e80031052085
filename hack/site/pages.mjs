// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Which files of the repository become pages of the site, and in which order: docs/README.md lists them in groups.

import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const index = 'docs/README.md';
export const landing = 'hack/site/landing.md';

// Files whose place on the site does not follow from their path.
const places = new Map([
  [landing, 'index.md'],
  [index, 'pages.md'],
  ['charts/acs-chat-operator/README.md', 'helm-chart.md'],
]);

// placeOf returns the file of a page on the site: docs/flux.md becomes flux.md, and CODE_OF_CONDUCT.md code-of-conduct.md.
export function placeOf(file) {
  return places.get(file) ?? (file.startsWith('docs/')
    ? file.slice('docs/'.length).replace(/(^|\/)README\.md$/, '$1index.md')
    : file.toLowerCase().replaceAll('_', '-'));
}

// addressOf returns the address of a page below the base of the site.
export function addressOf(file) {
  return '/' + placeOf(file).replace(/(^|\/)index\.md$/, '$1').replace(/\.md$/, '.html');
}

// markdownBelow returns the Markdown files below a directory.
export function markdownBelow(directory, from = root) {
  if (!existsSync(path.join(from, directory))) {
    return [];
  }
  return readdirSync(path.join(from, directory), { recursive: true })
    .filter((name) => name.endsWith('.md'))
    .map((name) => path.posix.join(directory, name.split(path.sep).join('/')))
    .sort();
}

export function titleOf(file, from = root) {
  const heading = /^# (.*)$/m.exec(readFileSync(path.join(from, file), 'utf8'));
  if (!heading) {
    throw new Error(`${file} has no heading of the first level`);
  }
  return heading[1].replaceAll('`', '');
}

// readGroups returns the groups of the index, each with its pages. A link to a directory, or to its README, stands for
// all pages below it.
export function readGroups(from = root) {
  const groups = [];
  for (const line of readFileSync(path.join(from, index), 'utf8').split('\n')) {
    if (line.startsWith('## ')) {
      groups.push({ text: line.slice(3), items: [] });
    } else if (line.startsWith('| [')) {
      groups.at(-1).items.push(readRow(line, from));
    }
  }
  return groups;
}

function readRow(line, from) {
  const cell = line.slice(1, line.indexOf('|', 1));
  const [first, ...more] = [...cell.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)]
    .map(([, text, target]) => ({ text, file: path.posix.join('docs', target) }));
  const directories = more.map(({ file }) => file);
  if (first.file.endsWith('/README.md') && first.file.startsWith('docs/')) {
    directories.push(path.posix.dirname(first.file));
  }
  const below = directories.flatMap((directory) => markdownBelow(directory, from)).filter((file) => file !== first.file);
  return { ...first, below: below.map((file) => ({ text: titleOf(file, from), file })), directories };
}

// sourcesOf returns all files of the groups, and the two pages that are in none.
export function sourcesOf(groups) {
  return [landing, index, ...groups.flatMap(({ items }) => items.flatMap(({ file, below }) => [file, ...below.map((b) => b.file)]))];
}

// problemsOf compares the groups with the files below docs: each must be in one group.
export function problemsOf(groups, from = root) {
  const listed = sourcesOf(groups);
  return [
    ...listed.filter((file, i) => listed.indexOf(file) !== i).map((file) => `${index} lists ${file} twice`),
    ...markdownBelow('docs', from).filter((file) => !listed.includes(file)).map((file) => `${index} does not list ${file}`),
  ];
}

// missingOf returns what the index lists and nobody has written yet.
export function missingOf(groups, from = root) {
  const all = [...sourcesOf(groups), ...groups.flatMap(({ items }) => items.flatMap(({ directories }) => directories))];
  return all.filter((file) => !existsSync(path.join(from, file)));
}

// sidebarOf returns the sidebar of the site.
export function sidebarOf(groups, from = root) {
  const isThere = ({ file }) => existsSync(path.join(from, file));
  const item = ({ text, file }) => ({ text, link: addressOf(file) });
  return groups.map(({ text, items }) => ({
    text,
    items: items.filter(isThere).map((one) => (one.below.length > 0
      ? { ...item(one), collapsed: true, items: one.below.map(item) }
      : item(one))),
  }));
}

export function isDirectory(file, from = root) {
  return statSync(path.join(from, file)).isDirectory();
}
