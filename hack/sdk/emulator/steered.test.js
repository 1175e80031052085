// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// What only happens when something goes wrong, or after weeks: the tests bring it about over the admin endpoints.
// They share one emulator, and each leaves it without a fault.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { createIdentifierFromRawId, getIdentifierRawId } from '@azure/communication-common';
import { admin, all, once, reason, refusal, steered } from '../service.js';

const service = steered();
const fault = (what) => admin('POST', '/faults', { times: 1, ...what });

// since gives the requests that a function makes.
async function since(mark, operation) {
  const { requests } = await admin('GET', `/requests?since=${mark}`);
  return requests.filter((request) => request.operation === operation);
}
const now = async () => (await admin('GET', '/requests')).last;

afterEach(() => admin('DELETE', '/faults'));

test('createChatThread makes one thread though its answer is lost', async () => {
  const { id, chat } = await service.user();
  const mark = await now();
  await fault({ operation: 'CreateThread', dropAfter: true });
  const { chatThread } = await chat.createChatThread({ topic: 'Answer lost' });
  const attempts = await since(mark, 'CreateThread');
  assert.equal(attempts.length, 2);
  assert.equal(new Set(attempts.map(({ header }) => header['Repeatability-Request-Id'][0])).size, 1);
  const { threads } = await admin('GET', `/threads?user=${encodeURIComponent(id.communicationUserId)}`);
  assert.deepEqual(threads.map((thread) => thread.id), [chatThread.id]);
});

test('a refusal that may pass is tried again', async () => {
  const { chat } = await service.user();
  const mark = await now();
  await fault({ operation: 'CreateThread', status: 429, header: { 'Retry-After': '1' } });
  const started = Date.now();
  await chat.createChatThread({ topic: 'Throttled' });
  assert.ok(Date.now() - started >= 1000);
  await fault({ operation: 'ListThreads', status: 503 });
  assert.equal((await all(chat.listChatThreads())).length, 1);
  assert.deepEqual((await since(mark, 'CreateThread')).map(({ status }) => status), [429, 201]);
  assert.deepEqual((await since(mark, 'ListThreads')).map(({ status }) => status), [503, 200]);
});

test('a refusal that stays is shown', async () => {
  const { chat } = await service.user(['chat'], once);
  const body = { error: { code: 'ServiceUnavailable', message: 'Try again later.' } };
  await fault({ operation: 'ListThreads', status: 503, body });
  const { statusCode, code, message } = await refusal(chat.listChatThreads().next());
  assert.deepEqual({ statusCode, code, message }, { statusCode: 503, ...body.error });
});

test('an answer that is no JSON, and one that is cut, are errors', async () => {
  const { chat } = await service.user(['chat'], once);
  await chat.createChatThread({ topic: 'x' });
  await fault({ operation: 'ListThreads', garble: true });
  assert.equal((await refusal(chat.listChatThreads().next())).code, 'PARSE_ERROR');
  await fault({ operation: 'ListThreads', truncate: true });
  await refusal(chat.listChatThreads().next());
});

test('a call that takes too long can be given up', async () => {
  const { chat } = await service.user();
  await fault({ operation: 'ListThreads', delay: '30s' });
  const list = chat.listChatThreads({ abortSignal: AbortSignal.timeout(200) });
  await assert.rejects(list.next(), { name: 'AbortError' });
});

test('the emulator gets what the SDK is given', async () => {
  const { chat } = await service.user();
  const mark = await now();
  const { chatThread } = await chat.createChatThread({ topic: 'Seen' }, { idempotencyToken: 'my-own' });
  await chat.getChatThreadClient(chatThread.id).sendTypingNotification({ senderDisplayName: 'Ada L.' });
  const [created] = await since(mark, 'CreateThread');
  assert.deepEqual(created.header['Repeatability-Request-Id'], ['my-own']);
  assert.equal(created.query, 'api-version=2025-03-15');
  const [typing] = await since(mark, 'SendTypingNotification');
  assert.deepEqual(JSON.parse(typing.body), { senderDisplayName: 'Ada L.' });
  assert.equal(typing.threadId, chatThread.id);
});

test('a message of a type that nobody knows yet is read', async () => {
  const [thread] = await service.thread('Ahead of its time', await service.user());
  const { id } = await admin('POST', `/threads/${encodeURIComponent(thread.threadId)}/messages`, { type: 'pollStarted' });
  const [latest] = await all(thread.listMessages());
  assert.deepEqual([latest.id, latest.type], [id, 'pollStarted']);
});

const guid = '66666666-7777-4888-9999-000000000000';
for (const [who, senders] of [
  ['ACS users', [`8:acs:${guid}_${guid}`, `8:spool:${guid}_${guid}`, `8:dod-acs:${guid}_${guid}`, `8:gcch-acs:${guid}_${guid}`]],
  ['Teams users', [`8:orgid:${guid}`, `8:dod:${guid}`, `8:gcch:${guid}`]],
  ['Teams visitors and apps', ['8:teamsvisitor:abc', `28:orgid:${guid}`, `28:dod:${guid}`, `28:gcch:${guid}`]],
  ['users of Teams extensions', [`8:acs:${guid}_${guid}_${guid}`]],
  ['phones and what is not known yet', ['4:+14255550123', '48:unheard-of']],
]) {
  test(`senders are what the SDK takes their ids for: ${who}`, async () => {
    const [thread] = await service.thread('Of all kinds', await service.user());
    const path = `/threads/${encodeURIComponent(thread.threadId)}/messages`;
    for (const sender of senders) await admin('POST', path, { type: 'text', sender, content: 'hello' });
    const read = (await all(thread.listMessages())).slice(0, senders.length).map(({ sender }) => sender);
    const shown = read.toReversed().map((sender) => [getIdentifierRawId(sender), sender.kind]);
    assert.deepEqual(shown, senders.map((sender) => [sender, createIdentifierFromRawId(sender).kind]));
  });
}

// The following move the clock, which does not go back.

test('401: a token that has expired', async () => {
  const { user, token } = await service.identity.createUserAndToken(['chat'], { tokenExpiresInMinutes: 60 });
  const chat = service.chat(token);
  await admin('POST', '/clock', { advance: '59m' });
  assert.deepEqual(await all(chat.listChatThreads()), []);
  await admin('POST', '/clock', { advance: '2m' });
  assert.equal((await refusal(chat.listChatThreads().next())).statusCode, 401);
  assert.deepEqual(await all((await service.signIn(user)).chat.listChatThreads()), []);
});

test('a thread ends with its retention', async () => {
  const { id, chat } = await service.user();
  const create = async (topic, retentionPolicy) => (await chat.createChatThread({ topic }, { retentionPolicy })).chatThread;
  const short = await create('30 days', { kind: 'threadCreationDate', deleteThreadAfterDays: 30 });
  const long = await create('for ever', { kind: 'none' });
  await admin('POST', '/clock', { advance: `${31 * 24}h` });
  const { chat: later } = await service.signIn(id);
  const threads = await all(later.listChatThreads());
  assert.deepEqual(new Map(threads.map((item) => [item.id, item.deletedOn !== undefined])), new Map([[long.id, false], [short.id, true]]));
  const gone = later.getChatThreadClient(short.id).sendMessage({ content: 'too late' });
  assert.equal(reason(await refusal(gone)).status, 404);
});
