// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// The versions of the site are the directories beside each other. versions.json lists them for the switcher, and the
// address without a version leads to the latest release.

import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const release = /^v(\d+)\.(\d+)\.(\d+)(?:-(.+))?$/;

// compare orders versions as semver.org says, the newest first.
export function compare(a, b) {
  const [, ...left] = release.exec(a);
  const [, ...right] = release.exec(b);
  for (let i = 0; i < 3; i++) {
    if (left[i] !== right[i]) {
      return Number(right[i]) - Number(left[i]);
    }
  }
  if (!left[3] || !right[3]) {
    return (left[3] ? 1 : 0) - (right[3] ? 1 : 0);
  }
  return comparePre(right[3].split('.'), left[3].split('.'));
}

// comparePre orders what follows the hyphen: numbers by value and before words, and the shorter one first.
function comparePre(a, b) {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    if (a[i] === b[i]) {
      continue;
    }
    if (a[i] === undefined || b[i] === undefined) {
      return a[i] === undefined ? -1 : 1;
    }
    const [isNumber, isOtherNumber] = [/^\d+$/.test(a[i]), /^\d+$/.test(b[i])];
    if (isNumber && isOtherNumber) {
      return Number(a[i]) - Number(b[i]);
    }
    if (isNumber !== isOtherNumber) {
      return isNumber ? -1 : 1;
    }
    return a[i] < b[i] ? -1 : 1;
  }
  return 0;
}

// describeVersions puts the next version first, and finds the latest release that is no candidate.
export function describeVersions(names) {
  const releases = names.filter((name) => release.test(name)).sort(compare);
  const versions = [...(names.includes('next') ? ['next'] : []), ...releases];
  return { versions, latest: releases.find((name) => !name.includes('-')) ?? '' };
}

export function writeVersions(all, base) {
  const names = readdirSync(all, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const described = describeVersions(names);
  writeFileSync(path.join(all, 'versions.json'), `${JSON.stringify(described, null, 2)}\n`);
  const to = `${base}${described.latest || described.versions[0]}/`;
  writeFileSync(path.join(all, 'index.html'), page('acs-chat-operator', `<meta http-equiv="refresh" content="0; url=${to}">`,
    `The documentation is at <a href="${to}">${to}</a>.`));
  writeFileSync(path.join(all, '404.html'), page('Not found', '', `There is no such page. The documentation begins at <a href="${to}">${to}</a>.`));
  return described;
}

function page(title, head, text) {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
${head}
</head>
<body>
<p>${text}</p>
</body>
</html>
`;
}
