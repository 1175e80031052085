// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { all, free, kind, reason, refusal } from '../service.js';

const service = free();

test('sendMessage sends text', async () => {
  const [ada, grace] = [await service.user(), await service.user()];
  const [thread, hers] = await service.thread('Plain', ada, grace);
  const { id } = await thread.sendMessage({ content: 'Hello, Grace ✓' });
  const message = await hers.getMessage(id);
  assert.deepEqual(message, {
    id,
    type: 'text',
    sequenceId: '3', // after participantAdded and topicUpdated
    version: id,
    content: { message: 'Hello, Grace ✓' },
    senderDisplayName: '',
    createdOn: new Date(Math.floor(Number(id) / 1000) * 1000),
    sender: kind(ada.id),
  });
});

test('sendMessage sends html with a name and metadata', async () => {
  const ada = await service.user();
  const [thread] = await service.thread('Rich', ada);
  const metadata = { delivered: 'yes', tag: 'ä' };
  const { id } = await thread.sendMessage({ content: '<b>Hello</b>' }, { type: 'html', senderDisplayName: 'Ada L.', metadata });
  const message = await thread.getMessage(id);
  assert.equal(message.type, 'html');
  assert.equal(message.content.message, '<b>Hello</b>');
  assert.equal(message.senderDisplayName, 'Ada L.');
  assert.deepEqual(message.metadata, metadata);
});

test('listMessages has the latest first, and what the service says of the thread', async () => {
  const [ada, grace, alan] = [await service.user(), await service.user(), await service.user()];
  const [thread] = await service.thread('First', ada, grace);
  await thread.sendMessage({ content: 'one' });
  await thread.updateTopic('Second');
  await thread.addParticipants({ participants: [{ id: alan.id, displayName: 'Alan' }] });
  await thread.removeParticipant(grace.id);
  const messages = await all(thread.listMessages());
  assert.deepEqual(messages.map(({ sequenceId }) => sequenceId), ['6', '5', '4', '3', '2', '1']);
  const [removed, added, renamed, sent, named, joined] = messages;
  const initiator = kind(ada.id);
  const since = { shareHistoryTime: new Date(0) };
  assert.equal(removed.type, 'participantRemoved');
  assert.deepEqual(removed.content, { participants: [{ id: kind(grace.id), ...since }], initiator });
  assert.equal(added.type, 'participantAdded');
  assert.deepEqual(added.content, { participants: [{ id: kind(alan.id), displayName: 'Alan', ...since }], initiator });
  assert.equal(renamed.type, 'topicUpdated');
  assert.deepEqual(renamed.content, { topic: 'Second', initiator });
  assert.equal(sent.type, 'text');
  assert.equal(named.type, 'topicUpdated');
  assert.deepEqual(named.content, { topic: 'First', initiator });
  assert.equal(joined.type, 'participantAdded');
  assert.deepEqual(joined.content.participants.map(({ id }) => id), [kind(ada.id), kind(grace.id)]);
  for (const { sender, createdOn, version, id } of [removed, added, renamed, named, joined]) {
    assert.equal(sender, undefined);
    assert.ok(createdOn instanceof Date);
    assert.equal(version, id);
  }
});

test('listMessages reads many pages', async () => {
  const ada = await service.user();
  const [thread] = await service.thread('Long', ada);
  const sent = Array.from({ length: 43 }, (_, i) => `message ${i}`);
  for (const content of sent) await thread.sendMessage({ content });
  const text = (messages) => messages.filter(({ type }) => type === 'text').map(({ content }) => content.message);
  const sizes = async (options) => (await all(thread.listMessages(options).byPage())).map(({ length }) => length);
  assert.deepEqual(text(await all(thread.listMessages({ maxPageSize: 7 }))), sent.toReversed());
  assert.deepEqual(text(await all(thread.listMessages())), sent.toReversed());
  assert.deepEqual(await sizes({ maxPageSize: 7 }), [7, 7, 7, 7, 7, 7, 3]);
  assert.deepEqual(await sizes({ maxPageSize: 200 }), [45]);
  assert.deepEqual(await sizes({ maxPageSize: 15 }), [15, 15, 15]);
});

test('listMessages goes on from a continuation token, whatever was written since', async () => {
  const ada = await service.user();
  const [thread] = await service.thread('Interrupted', ada);
  for (const content of ['one', 'two', 'three', 'four']) await thread.sendMessage({ content });
  const settings = {};
  const first = await thread.listMessages({ maxPageSize: 2 }).byPage(settings).next();
  await thread.sendMessage({ content: 'five' });
  const rest = await all(thread.listMessages({ maxPageSize: 2 }).byPage({ continuationToken: settings.continuationToken }));
  const read = [first.value, ...rest].flat().filter(({ type }) => type === 'text');
  assert.deepEqual(read.map(({ content }) => content.message), ['four', 'three', 'two', 'one']);
});

test('listMessages leaves out what is older than startTime', async () => {
  const ada = await service.user();
  const [thread] = await service.thread('Recent', ada);
  await thread.sendMessage({ content: 'old' });
  await sleep(5);
  const startTime = new Date();
  await sleep(5);
  for (const content of ['new', 'newer', 'newest']) await thread.sendMessage({ content });
  for (const maxPageSize of [undefined, 1]) {
    const read = await all(thread.listMessages({ startTime, maxPageSize }));
    assert.deepEqual(read.map(({ content }) => content.message), ['newest', 'newer', 'new']);
  }
});

test('updateMessage changes text and metadata, and marks it', async () => {
  const [ada, grace] = [await service.user(), await service.user()];
  const [thread, hers] = await service.thread('Edited', ada, grace);
  const { id } = await thread.sendMessage({ content: 'Helo' }, { metadata: { draft: 'yes' } });
  await thread.sendMessage({ content: 'in between' });
  await thread.updateMessage(id, { content: 'Hello', metadata: { draft: 'no' } });
  const message = await hers.getMessage(id);
  assert.equal(message.content.message, 'Hello');
  assert.deepEqual(message.metadata, { draft: 'no' });
  assert.ok(message.editedOn instanceof Date);
  assert.ok(Number(message.version) > Number(id));
  const [latest] = await all(hers.listMessages());
  assert.equal(latest.id, id);
  assert.deepEqual(reason(await refusal(hers.updateMessage(id, { content: 'Hi' }))).status, 403);
});

test('deleteMessage takes the text away and leaves a mark', async () => {
  const [ada, grace] = [await service.user(), await service.user()];
  const [thread, hers] = await service.thread('Deleted', ada, grace);
  const { id } = await thread.sendMessage({ content: 'regretted' });
  assert.equal(reason(await refusal(hers.deleteMessage(id))).status, 403);
  await thread.deleteMessage(id);
  const message = await hers.getMessage(id);
  assert.equal(message.content.message, '');
  assert.ok(message.deletedOn instanceof Date);
  assert.equal(message.sequenceId, '3');
  assert.deepEqual(message.sender, kind(ada.id));
  const [latest] = await all(hers.listMessages());
  assert.equal(latest.id, id);
  assert.ok(latest.deletedOn instanceof Date);
});
