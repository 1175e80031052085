// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// What an application sees when the service refuses. The Chat service's own envelope is none that the SDK knows:
// it has no code then, and the body is its message.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommunicationIdentityClient } from '@azure/communication-identity';
import { free, once, reason, refusal } from '../service.js';

const service = free();
const nobody = '19:00000000000000000000000000000000@thread.v2';
const forbidden = {
  status: 403,
  code: 'Forbidden',
  message: "The initiator doesn't have the permission to perform the requested operation.",
};

test('400: an identifier that is none fails the whole call', async () => {
  const [ada, grace] = [await service.user(), await service.user()];
  const [thread] = await service.thread('Malformed', ada);
  const malformed = { communicationUserId: '8:acs:fakeid' };
  const refused = { status: 400, code: 'BadRequest', message: 'Identifier format is invalid (8:acs:fakeid).' };
  const participants = [{ id: grace.id }, { id: malformed }];
  assert.deepEqual(reason(await refusal(thread.addParticipants({ participants }))), refused);
  assert.deepEqual(reason(await refusal(thread.removeParticipant(malformed))), refused);
  assert.deepEqual(reason(await refusal(ada.chat.createChatThread({ topic: 'x' }, { participants }))), refused);
});

test('400: more than 200 participants in one call', async () => {
  const { chat } = await service.user();
  const guest = (i) => ({ id: { communicationUserId: `8:acs:guest-${i}` } });
  const participants = Array.from({ length: 201 }, (_, i) => guest(i));
  const refused = await refusal(chat.createChatThread({ topic: 'Crowd' }, { participants }));
  assert.deepEqual(reason(refused), { status: 400, code: 'BadRequest', message: undefined });
});

test('400: the Identity service has the envelope that the SDK knows', async () => {
  const refused = await refusal(service.identity.createUserAndToken(['chat'], { tokenExpiresInMinutes: 59 }));
  assert.equal(refused.statusCode, 400);
  assert.equal(refused.code, 'ValidationError');
  assert.equal(refused.message, 'ExpiresInMinutes value 59 is invalid. Value must be within the [60, 1440] interval.');
});

test('401: a token that somebody else made up', async () => {
  const { token } = await service.user();
  const forged = `${token.split('.').slice(0, 2).join('.')}.${Buffer.from('forged').toString('base64url')}`;
  const refused = await refusal(service.chat(forged).createChatThread({ topic: 'x' }));
  assert.equal(refused.statusCode, 401);
  assert.equal(refused.response.bodyAsText, '');
});

test('401: an access key that is not the one', async () => {
  const key = { key: Buffer.from('another key').toString('base64') };
  const refused = await refusal(new CommunicationIdentityClient(service.endpoint, key).createUser());
  assert.equal(refused.statusCode, 401);
});

test('403: a thread of others', async () => {
  const [ada, grace] = [await service.user(), await service.user()];
  const [{ threadId }] = await service.thread('Private', ada);
  const thread = grace.chat.getChatThreadClient(threadId);
  for (const call of [
    () => thread.getProperties(),
    () => thread.sendMessage({ content: 'x' }),
    () => thread.listMessages().next(),
    () => thread.listParticipants().next(),
    () => thread.listReadReceipts().next(),
    () => thread.sendTypingNotification(),
    () => grace.chat.deleteChatThread(threadId),
  ]) {
    assert.deepEqual(reason(await refusal(call())), forbidden);
  }
});

test('403: a token without the scope', async () => {
  const [host, guest] = [await service.user(), await service.user(['chat.join'])];
  const [limited, caller] = [await service.user(['chat.join.limited']), await service.user(['voip'])];
  const [thread] = await service.thread('Scopes', host, guest, limited, caller);
  const of = ({ chat }) => chat.getChatThreadClient(thread.threadId);
  const status = async (call) => reason(await refusal(call)).status;
  const participants = [{ id: await service.identity.createUser() }];
  // To join is to write, and to bring others along.
  await of(guest).sendMessage({ content: 'hello' });
  await of(guest).addParticipants({ participants });
  assert.equal(await status(of(guest).updateTopic('x')), 403);
  assert.equal(await status(guest.chat.createChatThread({ topic: 'x' })), 403);
  assert.equal(await status(guest.chat.deleteChatThread(thread.threadId)), 403);
  // To join within limits is to write only.
  await of(limited).sendMessage({ content: 'hello' });
  assert.equal(await status(of(limited).addParticipants({ participants })), 403);
  assert.equal(await status(of(limited).removeParticipant(guest.id)), 403);
  // To call is none of it.
  assert.equal(await status(of(caller).getProperties()), 403);
  assert.equal(await status(caller.chat.listChatThreads().next()), 403);
});

test('404: a thread that is not there', async () => {
  const { chat } = await service.user();
  const unknown = { status: 404, code: 'NotFound', message: 'The specified thread id was not found.' };
  assert.deepEqual(reason(await refusal(chat.getChatThreadClient(nobody).getProperties())), unknown);
  assert.deepEqual(reason(await refusal(chat.deleteChatThread(nobody))), unknown);
  const malformed = await refusal(chat.getChatThreadClient('sanitized').listParticipants().next());
  assert.deepEqual(reason(malformed), { status: 404, code: 'NotFound', message: undefined });
});

test('404: a message that is not there', async () => {
  const [thread] = await service.thread('Empty', await service.user());
  for (const call of [
    () => thread.getMessage('1'),
    () => thread.updateMessage('1', { content: 'x' }),
    () => thread.deleteMessage('none'),
  ]) {
    assert.equal(reason(await refusal(call())).status, 404);
  }
});

test('a message that is too large', async () => {
  const [thread] = await service.thread('Large', await service.user(['chat'], once));
  await thread.sendMessage({ content: 'x'.repeat(28 * 1024) });
  const refused = await refusal(thread.sendMessage({ content: 'x'.repeat(28 * 1024 + 1) }));
  assert.ok(refused.statusCode === 400 || refused.statusCode === 413, String(refused.statusCode));
});

test('every refusal has what support asks for', async () => {
  const { chat } = await service.user();
  const { response } = await refusal(chat.getChatThreadClient(nobody).getProperties());
  assert.match(response.headers.get('MS-CV'), /^\S{22}\.0$/);
  assert.match(response.headers.get('api-supported-versions'), /2025-03-15/);
});
