// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Opens each page of the built site in Chromium, and fails if one is wider than a phone, logs an error, or asks another
// host. Takes screenshots of some pages, for people: make site-look.

import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Browser } from './browser.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values: options } = parseArgs({
  options: {
    site: { type: 'string', default: 'bin/site/all' },
    base: { type: 'string', default: '/acs-chat-operator/' },
    version: { type: 'string', default: 'next' },
    chromium: { type: 'string', default: 'chromium' },
    out: { type: 'string', default: 'bin/site/screenshots' },
  },
});

const sizes = {
  desktop: { width: 1280, height: 900, isPhone: false },
  phone: { width: 390, height: 844, isPhone: true },
};
const schemes = ['light', 'dark'];
// Each page is opened as on a phone, the width that a page outgrows first.
const phone = { ...sizes.phone, scheme: 'dark' };
const desktop = { ...sizes.desktop, scheme: 'light' };
// The pages of which there are screenshots: the start, much code, a picture, and wide tables; and where to scroll to.
const pictured = {
  index: '', install: '#kustomize', architecture: '#packages', 'api-reference': '#chatthreadspec', chatthread: '#reasons', 'helm-chart': '#values',
};
const types = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.svg': 'image/svg+xml', '.woff2': 'font/woff2',
};

// serve serves the directory of all versions as GitHub Pages would.
function serve(directory) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://site');
    let file = path.join(directory, decodeURI(pathname.slice(options.base.length - 1)));
    if (existsSync(file) && statSync(file).isDirectory()) {
      file = path.join(file, 'index.html');
    }
    if (!pathname.startsWith(options.base) || !file.startsWith(directory) || !existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': types[path.extname(file)] ?? 'application/octet-stream' }).end(readFileSync(file));
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

// overflowing runs in the page, and returns the elements that are wider than the window and cannot be scrolled.
function overflowing() {
  const width = document.documentElement.clientWidth;
  const scrolls = (element) => element && element !== document.body
    && (['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(element).overflowX) || scrolls(element.parentElement));
  const wide = [...document.querySelectorAll('body *')].filter((element) => {
    const { right, left, width: own } = element.getBoundingClientRect();
    return own > 0 && (right > width + 1 || left < -1) && !scrolls(element.parentElement)
      && getComputedStyle(element).visibility !== 'hidden' && getComputedStyle(element).position !== 'fixed';
  }).map((element) => `${element.tagName.toLowerCase()}.${[...element.classList].join('.')} ${element.textContent.trim().slice(0, 40)}`);
  return document.documentElement.scrollWidth > width ? [`the page, by ${document.documentElement.scrollWidth - width} pixels`, ...wide] : wide;
}

// until runs in the page, and waits until an expression is true. It looks at each change of the document.
const until = (expression) => `new Promise((resolve, reject) => {
  const holds = () => { if (${expression}) { observer.disconnect(); clearTimeout(timer); resolve(true); return true; } return false; };
  const observer = new MutationObserver(holds);
  const timer = setTimeout(() => reject(new Error(${JSON.stringify(`not within 15 s: ${expression}`)})), 15000);
  observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  holds();
})`;

// checkPage opens a page, and returns what is wrong with it.
async function checkPage(page, address, view) {
  const problems = [];
  const origin = new URL(address).origin;
  const stop = page.listen(({ method, params }) => {
    if (method === 'Network.requestWillBeSent' && !/^(data|blob|about):/.test(params.request.url) && new URL(params.request.url).origin !== origin) {
      problems.push(`asks ${params.request.url}`);
    } else if (method === 'Runtime.exceptionThrown') {
      problems.push(`throws ${params.exceptionDetails.exception?.description ?? params.exceptionDetails.text}`);
    } else if (method === 'Runtime.consoleAPICalled' && ['error', 'warning', 'assert'].includes(params.type)) {
      problems.push(`logs ${params.args.map(({ value, description }) => value ?? description).join(' ')}`);
    } else if (method === 'Log.entryAdded' && ['error', 'warning'].includes(params.entry.level)) {
      problems.push(`logs ${params.entry.text} ${params.entry.url ?? ''}`);
    }
  });
  await page.show(address, view);
  if (await page.run('document.querySelector(".diagram") !== null')) {
    await page.run(until('document.querySelectorAll(".diagram").length === document.querySelectorAll(".diagram svg").length'));
  }
  problems.push(...(await page.run(`(${overflowing})()`)).map((element) => `overflows at ${view.width} px: ${element}`));
  stop();
  return problems;
}

// checkUse does what a reader does: searches, and opens the same page of another version.
async function checkUse(page, start, versions) {
  await page.show(`${start}install.html`, desktop);
  await page.run('document.querySelector(".DocSearch-Button").click()');
  await page.run(until('document.querySelector(".VPLocalSearchBox input") !== null'));
  await page.run(`(() => {
    const input = document.querySelector(".VPLocalSearchBox input");
    input.value = "ThreadGone";
    input.dispatchEvent(new Event("input"));
  })()`);
  await page.run(until('document.querySelectorAll(".VPLocalSearchBox .result").length > 0'));
  await page.run(until(`[...document.querySelector(".versions select").options].map((o) => o.value).join() === "${versions.join()}"`));
  const other = versions.find((one) => one !== options.version);
  if (other) {
    const opened = page.navigated();
    await page.run(`(() => {
      const select = document.querySelector(".versions select");
      select.value = "${other}";
      select.dispatchEvent(new Event("change"));
    })()`);
    const want = new URL(`../${other}/install.html`, start).href;
    if (await opened !== want) {
      throw new Error(`the switch to ${other} opens ${await opened}, not ${want}`);
    }
  }
}

async function take(page, address, name, place) {
  for (const [size, view] of Object.entries(sizes)) {
    for (const scheme of schemes) {
      await page.show(address + place, { ...view, scheme });
      if (await page.run('document.querySelector(".diagram") !== null')) {
        await page.run(until('document.querySelector(".diagram svg") !== null'));
      }
      writeFileSync(path.join(root, options.out, `${name}-${size}-${scheme}.png`), await page.screenshot(place === ''));
    }
  }
}

async function look(browser, server, directory) {
  const start = `http://127.0.0.1:${server.address().port}${options.base}${options.version}/`;
  const pages = readdirSync(path.join(directory, options.version), { recursive: true }).filter((name) => name.endsWith('.html') && name !== '404.html');
  const { versions } = JSON.parse(readFileSync(path.join(directory, 'versions.json'), 'utf8'));
  const page = await browser.open();
  const found = [];
  for (const name of pages) {
    const views = name.replace('.html', '') in pictured ? [phone, desktop] : [phone];
    for (const view of views) {
      found.push(...(await checkPage(page, start + name, view)).map((problem) => `${name} ${problem}`));
    }
  }
  await checkUse(page, start, versions);
  mkdirSync(path.join(root, options.out), { recursive: true });
  for (const [name, place] of Object.entries(pictured)) {
    await take(page, `${start}${name}.html`, name, place);
  }
  await page.close();
  return { pages: pages.length, found: [...new Set(found)] };
}

const directory = path.resolve(root, options.site);
if (!existsSync(path.join(directory, options.version))) {
  console.error(`site-look: ${path.relative(root, directory)} has no version ${options.version}; run \`make site\` first.`);
  process.exit(1);
}
const server = await serve(directory);
const browser = new Browser(options.chromium);
try {
  const { pages, found } = await look(browser, server, directory);
  found.forEach((problem) => console.error(`site-look: ${problem}`));
  process.exitCode = found.length > 0 ? 1 : 0;
  console.log(`Looked at ${pages} pages; the screenshots are in ${options.out}.`);
} catch (error) {
  console.error(`site-look: ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser.close();
  server.close();
}
