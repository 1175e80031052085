// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { all, once, refusal, strict } from '../service.js';

const service = strict();

// tooMany checks a refusal for quota and gives the seconds to wait.
function tooMany(error) {
  assert.equal(error.statusCode, 429);
  assert.equal(error.code, 'TooManyRequests');
  assert.equal(error.message, 'Rate limit exceeded.');
  assert.match(error.response.headers.get('Retry-After'), /^[1-9][0-9]?$/);
  return Number(error.response.headers.get('Retry-After'));
}

test('429: what is refused has Retry-After', async () => {
  const [ada, grace] = [await service.user(['chat'], once), await service.user(['chat'], once)];
  const [thread] = await service.thread('Renamed', ada, grace);
  for (let i = 0; i < 5; i++) await thread.updateTopic(`Name ${i}`);
  assert.ok(tooMany(await refusal(thread.updateTopic('One too many'))) <= 10);
  assert.equal((await thread.getProperties()).topic, 'Name 4');
});

test('429: each quota counts by itself', async () => {
  const [ada, grace] = [await service.user(['chat'], once), await service.user(['chat'], once)];
  const [thread, hers] = await service.thread('Busy', ada, grace);
  for (let i = 0; i < 10; i++) await thread.sendMessage({ content: `message ${i}` });
  tooMany(await refusal(thread.sendMessage({ content: 'one too many' })));
  tooMany(await refusal(hers.sendMessage({ content: 'of the thread, whoever sends' })));
  const [other] = await service.thread('Idle', ada);
  await other.sendMessage({ content: 'of another thread' });
  for (let i = 0; i < 10; i++) await thread.listParticipants().next();
  tooMany(await refusal(thread.listParticipants().next()));
  await hers.listParticipants().next(); // of each user
  assert.equal((await all(thread.listMessages())).filter(({ type }) => type === 'text').length, 10);
});

test('429: by itself the SDK waits as long as Retry-After says, and is let in', async () => {
  const ada = await service.user();
  const [thread] = await service.thread('Patient', ada);
  const started = Date.now();
  for (let i = 0; i < 5; i++) await thread.updateTopic(`Name ${i}`);
  await thread.updateTopic('In the end');
  assert.ok(Date.now() - started >= 10_000); // in which 5 are allowed
  assert.equal((await thread.getProperties()).topic, 'In the end');
});
