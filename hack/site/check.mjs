// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Checks the files of a built site: each link leads to a file and an anchor that exist, and nothing is loaded from
// another host.

import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { Parser } from 'htmlparser2';

// Attributes with addresses. Only those of a and form are opened by the reader; a browser loads the others by itself.
const attributes = ['href', 'src', 'srcset', 'poster', 'action', 'xlink:href', 'data'];
const isOpened = (name) => name === 'a' || name === 'form';
// Relations of a link element that load nothing.
const passive = ['canonical', 'alternate', 'edit', 'license', 'me'];

export function readPage(html) {
  const ids = new Set();
  const twice = new Set();
  const links = [];
  const styles = [];
  let style = false;
  const parser = new Parser({
    onopentag(name, values) {
      style = name === 'style';
      if (values.id) {
        (ids.has(values.id) ? twice : ids).add(values.id);
      }
      if (values.style) {
        styles.push(values.style);
      }
      if (name === 'link' && passive.includes(values.rel)) {
        return;
      }
      for (const attribute of attributes.filter((one) => values[one] !== undefined)) {
        const addresses = attribute === 'srcset'
          ? values[attribute].split(',').map((one) => one.trim().split(/\s+/)[0])
          : [values[attribute].trim()];
        links.push(...addresses.map((to) => ({ to, isOpened: isOpened(name) })));
      }
    },
    ontext(text) {
      if (style) {
        styles.push(text);
      }
    },
    onclosetag() {
      style = false;
    },
  });
  parser.write(html);
  parser.end();
  return { ids, twice, links, styles };
}

// addressesIn returns what a style sheet loads.
export function addressesIn(css) {
  const urls = [...css.matchAll(/url\(\s*(['"]?)(.*?)\1\s*\)/g)].map(([, , to]) => to);
  const imports = [...css.matchAll(/@import\s+(['"])(.*?)\1/g)].map(([, , to]) => to);
  return [...urls, ...imports].filter((to) => !to.startsWith('data:') && !to.startsWith('#'));
}

// hostsIn returns what a script would load from other hosts, as far as one can see without running it; look.mjs runs it.
export function hostsIn(script) {
  return [...script.matchAll(/(?:import\s*\(|\bfrom|\bimport|fetch\s*\(|importScripts\s*\(|new (?:Worker|WebSocket|EventSource)\s*\()\s*["'`]((?:https?:|wss?:)?\/\/[^"'`]+)/g)]
    .map(([, to]) => to);
}

const isElsewhere = (to) => /^([a-z][a-z0-9+.-]*:)?\/\//i.test(to);

// checkSite checks the directory of one version, which is served below base. Pages with the addresses in missing need not
// exist.
export function checkSite(directory, base, missing = []) {
  const files = readdirSync(directory, { recursive: true }).map((name) => name.split(path.sep).join('/'))
    .filter((name) => statSync(path.join(directory, name)).isFile());
  const read = (name) => readFileSync(path.join(directory, name), 'utf8');
  const pages = new Map(files.filter((name) => name.endsWith('.html')).map((name) => [name, readPage(read(name))]));
  const found = [];
  let count = 0;

  const check = (from, to, opened) => {
    count++;
    if (to.startsWith('data:')) {
      return;
    }
    if (isElsewhere(to) || /^[a-z][a-z0-9+.-]*:/i.test(to)) {
      if (!opened) {
        found.push(`${from} loads ${to} from another host`);
      } else if (!/^(https:\/\/|mailto:)/.test(to)) {
        found.push(`${from} links to ${to}, which is neither https nor an address of mail`);
      }
      return;
    }
    const address = new URL(to, `http://site${base}${from}`);
    const problem = problemOf(address, base, directory, pages);
    if (problem && !missing.includes(address.pathname)) {
      found.push(`${from} links to ${to}: ${problem}`);
    }
  };
  for (const [name, { links, styles, twice }] of pages) {
    links.forEach(({ to, isOpened: opened }) => check(name, to, opened));
    styles.flatMap(addressesIn).forEach((to) => check(name, to, false));
    twice.forEach((id) => found.push(`${name} has the anchor ${id} twice`));
  }
  for (const name of files.filter((one) => one.endsWith('.css'))) {
    addressesIn(read(name)).forEach((to) => check(name, to, false));
  }
  for (const name of files.filter((one) => one.endsWith('.js'))) {
    hostsIn(read(name)).forEach((to) => found.push(`${name} loads ${to} from another host`));
  }
  return { pages: pages.size, links: count, found: [...new Set(found)] };
}

function problemOf({ pathname, hash }, base, directory, pages) {
  if (!pathname.startsWith(base)) {
    return `it is not below ${base}`;
  }
  let name = decodeURI(pathname.slice(base.length));
  if (name === '' || name.endsWith('/')) {
    name += 'index.html';
  }
  if (!existsSync(path.join(directory, name)) || statSync(path.join(directory, name)).isDirectory()) {
    return 'there is no such file';
  }
  const anchor = decodeURIComponent(hash.slice(1));
  if (anchor && pages.has(name) && !pages.get(name).ids.has(anchor)) {
    return 'there is no such anchor';
  }
  return '';
}
