// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

import { basename } from 'node:path';

// A reporter that only counts: {"passed":1,"failed":0,"todo":0}. Suites are no tests, and neither is a file, which
// Node reports as a passed test when it holds none.
export default async function* tally(events) {
  let passed = 0;
  let failed = 0;
  let todo = 0;
  for await (const { type, data } of events) {
    if (!['test:pass', 'test:fail'].includes(type) || data.details?.type === 'suite' || data.skip) continue;
    if (data.todo) todo++;
    else if (type === 'test:fail') failed++;
    else if (!isFile(data.name)) passed++;
  }
  yield JSON.stringify({ passed, failed, todo });
}

function isFile(name) {
  return basename(name).endsWith('.test.js');
}
