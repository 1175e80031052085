// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

import { basename } from 'node:path';

// A reporter that only counts: {"passed":1,"failed":0}. Suites are no tests, and neither is a file, which Node
// reports as a passed test when it holds none.
export default async function* tally(events) {
  let passed = 0;
  let failed = 0;
  for await (const { type, data } of events) {
    if (data?.details?.type === 'suite') continue;
    if (type === 'test:fail') failed++;
    if (type === 'test:pass' && !data.skip && !data.todo && !isFile(data.name)) passed++;
  }
  yield JSON.stringify({ passed, failed });
}

function isFile(name) {
  return basename(name).endsWith('.test.js');
}
