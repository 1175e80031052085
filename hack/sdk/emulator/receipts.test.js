// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { all, free, kind, refusal } from '../service.js';

const service = free();

test('sendReadReceipt and listReadReceipts', async () => {
  const [ada, grace] = [await service.user(), await service.user()];
  const [thread, hers] = await service.thread('Read', ada, grace);
  assert.deepEqual(await all(thread.listReadReceipts()), []);
  const sent = await thread.sendMessage({ content: 'read me' });
  const started = Math.floor(Date.now() / 1000) * 1000;
  await hers.sendReadReceipt({ chatMessageId: sent.id });
  const [receipt, ...others] = await all(thread.listReadReceipts());
  assert.deepEqual(others, []);
  assert.deepEqual(receipt.sender, kind(grace.id));
  assert.equal(receipt.chatMessageId, sent.id);
  assert.ok(receipt.readOn >= started && receipt.readOn <= Date.now());
});

test('listReadReceipts reads many pages and skips', async () => {
  const readers = await Promise.all(Array.from({ length: 9 }, () => service.user()));
  const threads = await service.thread('Read by many', ...readers);
  const { id } = await threads[0].sendMessage({ content: 'read me' });
  for (const thread of threads) await thread.sendReadReceipt({ chatMessageId: id });
  const read = async (options) => {
    const pages = await all(threads[0].listReadReceipts(options).byPage());
    return { sizes: pages.map(({ length }) => length), senders: pages.flat().map(({ sender }) => sender) };
  };
  const senders = readers.map((reader) => kind(reader.id));
  assert.deepEqual(await read(), { sizes: [9], senders });
  assert.deepEqual(await read({ maxPageSize: 2 }), { sizes: [2, 2, 2, 2, 1], senders });
  assert.deepEqual(await read({ maxPageSize: 3, skip: 4 }), { sizes: [3, 2], senders: senders.slice(4) });
});

test('a message that is not there cannot be read', async () => {
  const [thread] = await service.thread('Unread', await service.user());
  assert.equal((await refusal(thread.sendReadReceipt({ chatMessageId: '1' }))).statusCode, 404);
});

test('sendTypingNotification, with and without a name', async () => {
  const ada = await service.user();
  const [thread] = await service.thread('Typing', ada);
  assert.equal(await thread.sendTypingNotification(), true);
  assert.equal(await thread.sendTypingNotification(), false); // the SDK itself allows one in 8 seconds
  await thread.sendMessage({ content: 'typed' });
  assert.equal(await thread.sendTypingNotification({ senderDisplayName: 'Ada L.' }), true);
});

test('threads of more than 20 have neither', async () => {
  const ada = await service.user();
  const [thread] = await service.thread('Crowd', ada);
  const { id } = await thread.sendMessage({ content: 'read me' });
  const guests = await Promise.all(Array.from({ length: 20 }, () => service.identity.createUser()));
  await thread.addParticipants({ participants: guests.map((guest) => ({ id: guest })) });
  assert.equal((await refusal(thread.sendReadReceipt({ chatMessageId: id }))).statusCode, 400);
  assert.equal((await refusal(thread.sendTypingNotification())).statusCode, 400);
});
