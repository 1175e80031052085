// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { all, free, kind, refusal } from '../service.js';

const service = free();

test('createChatThread with a topic only', async () => {
  const { id, chat } = await service.user();
  const started = Math.floor(Date.now() / 1000) * 1000;
  const { chatThread, invalidParticipants } = await chat.createChatThread({ topic: 'Just a topic' });
  assert.match(chatThread.id, /^19:.+@thread\.v2$/);
  assert.equal(chatThread.topic, 'Just a topic');
  assert.ok(chatThread.createdOn >= started && chatThread.createdOn <= Date.now());
  assert.deepEqual(chatThread.createdBy, kind(id));
  assert.equal(chatThread.deletedOn, undefined);
  assert.equal(invalidParticipants, undefined);
});

test('createChatThread with participants, metadata and retention', async () => {
  const [ada, grace] = [await service.user(), await service.user()];
  const shareHistoryTime = new Date('2026-01-02T03:04:05Z');
  const { chatThread } = await ada.chat.createChatThread(
    { topic: 'All options' },
    {
      participants: [
        { id: ada.id, displayName: 'Ada' },
        { id: grace.id, displayName: 'Grace', shareHistoryTime, metadata: { role: 'admiral' } },
      ],
      metadata: { order: '4711', team: 'support' },
      retentionPolicy: { kind: 'threadCreationDate', deleteThreadAfterDays: 60 },
    },
  );
  const thread = ada.chat.getChatThreadClient(chatThread.id);
  assert.equal(thread.threadId, chatThread.id);
  assert.deepEqual(await thread.getProperties(), {
    id: chatThread.id,
    topic: 'All options',
    createdOn: chatThread.createdOn,
    createdBy: kind(ada.id),
    metadata: { order: '4711', team: 'support' },
    retentionPolicy: { kind: 'threadCreationDate', deleteThreadAfterDays: 60 },
  });
  assert.deepEqual(await all(thread.listParticipants()), [
    { id: kind(ada.id), displayName: 'Ada', shareHistoryTime: new Date(0) },
    { id: kind(grace.id), displayName: 'Grace', shareHistoryTime, metadata: { role: 'admiral' } },
  ]);
});

test('createChatThread makes one thread for one idempotencyToken', async () => {
  const { chat } = await service.user();
  const create = async (idempotencyToken) =>
    (await chat.createChatThread({ topic: 'Once' }, { idempotencyToken })).chatThread;
  const token = randomUUID();
  const first = await create(token);
  await sleep(1100); // the next second shows whether it is the same thread
  assert.deepEqual(await create(token), first);
  const ids = [first, await create(randomUUID()), await create(undefined), await create(undefined)].map(({ id }) => id);
  assert.equal(new Set(ids).size, 4);
  assert.deepEqual(new Set((await all(chat.listChatThreads())).map(({ id }) => id)), new Set(ids));
});

test('createChatThread says who cannot join', async () => {
  const [{ chat }, grace] = [await service.user(), await service.user()];
  const stranger = '8:acs:00000000-1111-2222-3333-444444444444_55555555-6666-7777-8888-999999999999';
  const { chatThread, invalidParticipants } = await chat.createChatThread(
    { topic: 'Some may not' },
    { participants: [{ id: { communicationUserId: stranger } }, { id: grace.id }] },
  );
  assert.deepEqual(
    invalidParticipants.map(({ code, target }) => ({ code, target })),
    [{ code: '403', target: stranger }],
  );
  assert.equal((await all(chat.getChatThreadClient(chatThread.id).listParticipants())).length, 2);
});

test('listChatThreads reads many pages, the latest thread first', async () => {
  const { chat } = await service.user();
  const topics = Array.from({ length: 11 }, (_, i) => `Room ${i}`);
  for (const topic of topics) await chat.createChatThread({ topic });
  const pages = await all(chat.listChatThreads({ maxPageSize: 2 }).byPage());
  assert.deepEqual(pages.map(({ length }) => length), [2, 2, 2, 2, 2, 1]);
  assert.deepEqual(pages.flat().map(({ topic }) => topic), topics.toReversed());
  assert.deepEqual(await all(chat.listChatThreads({ maxPageSize: 3 })), pages.flat());
  assert.deepEqual(await all(chat.listChatThreads()), pages.flat());
});

test('listChatThreads goes on from a continuation token', async () => {
  const { chat } = await service.user();
  for (const topic of ['old', 'middle', 'new']) await chat.createChatThread({ topic });
  const settings = {};
  const first = await chat.listChatThreads({ maxPageSize: 1 }).byPage(settings).next();
  const rest = await all(chat.listChatThreads({ maxPageSize: 1 }).byPage({ continuationToken: settings.continuationToken }));
  assert.deepEqual([first.value, ...rest].flat().map(({ topic }) => topic), ['new', 'middle', 'old']);
});

test('listChatThreads leaves out what was last active before startTime', async () => {
  const { chat } = await service.user();
  await chat.createChatThread({ topic: 'before' });
  await sleep(5);
  const startTime = new Date();
  await sleep(5);
  for (const topic of ['after', 'later']) await chat.createChatThread({ topic });
  assert.deepEqual((await all(chat.listChatThreads({ startTime }))).map(({ topic }) => topic), ['later', 'after']);
  assert.deepEqual((await all(chat.listChatThreads({ startTime, maxPageSize: 1 }))).map(({ topic }) => topic), ['later', 'after']);
  assert.deepEqual(await all(chat.listChatThreads({ startTime: new Date(Date.now() + 60_000) })), []);
});

test('listChatThreads shows the latest activity first, and when it was', async () => {
  const ada = await service.user();
  const [quiet] = await service.thread('quiet', ada);
  const [busy] = await service.thread('busy', ada);
  await quiet.sendMessage({ content: 'not so quiet' });
  const threads = await all(ada.chat.listChatThreads());
  assert.deepEqual(threads.map(({ id }) => id), [quiet.threadId, busy.threadId]);
  assert.ok(threads[0].lastMessageReceivedOn instanceof Date);
});

test('deleteChatThread ends a thread for all', async () => {
  const [ada, grace] = [await service.user(), await service.user()];
  const [thread, hers] = await service.thread('Short-lived', ada, grace);
  await ada.chat.deleteChatThread(thread.threadId);
  for (const { chat } of [ada, grace]) {
    const [item, ...others] = await all(chat.listChatThreads());
    assert.equal(item.id, thread.threadId);
    assert.ok(item.deletedOn instanceof Date);
    assert.deepEqual(others, []);
  }
  assert.equal((await refusal(hers.sendMessage({ content: 'too late' }))).statusCode, 404);
});

test('updateTopic', async () => {
  const [ada, grace] = [await service.user(), await service.user()];
  const [thread, hers] = await service.thread('Before', ada, grace);
  await thread.updateTopic('After');
  assert.equal((await hers.getProperties()).topic, 'After');
});

test('updateProperties changes what is named and merges metadata', async () => {
  const { chat } = await service.user();
  const { chatThread } = await chat.createChatThread({ topic: 'Start' }, { metadata: { kept: '1', changed: '1' } });
  const thread = chat.getChatThreadClient(chatThread.id);
  await thread.updateProperties({ metadata: { changed: '2', added: '2' } });
  let { topic, metadata, retentionPolicy } = await thread.getProperties();
  assert.deepEqual({ topic, metadata }, { topic: 'Start', metadata: { kept: '1', changed: '2', added: '2' } });
  assert.equal(retentionPolicy, undefined);
  await thread.updateProperties({ topic: 'End', retentionPolicy: { kind: 'threadCreationDate', deleteThreadAfterDays: 90 } });
  ({ topic, metadata, retentionPolicy } = await thread.getProperties());
  assert.deepEqual({ topic, metadata }, { topic: 'End', metadata: { kept: '1', changed: '2', added: '2' } });
  assert.deepEqual(retentionPolicy, { kind: 'threadCreationDate', deleteThreadAfterDays: 90 });
  await thread.updateProperties({ retentionPolicy: { kind: 'none' } });
  assert.deepEqual((await thread.getProperties()).retentionPolicy, { kind: 'none' });
});
