// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// The service was recorded to send no kind in identifiers, and errors in an envelope of its own. Should a later
// version do as its specification says, the SDK must find that at the emulator as well.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { all, kind, refusal, specified } from '../service.js';

const service = specified();

test('identifiers with a kind are the same to the SDK', async () => {
  const [ada, grace] = [await service.user(), await service.user()];
  const [thread, hers] = await service.thread('With kind', ada, grace);
  const { id } = await hers.sendMessage({ content: 'hello' });
  await thread.sendReadReceipt({ chatMessageId: id });
  await thread.addParticipants({ participants: [{ id: { phoneNumber: '+14255550123' } }] });
  assert.deepEqual((await thread.getProperties()).createdBy, kind(ada.id));
  assert.deepEqual((await thread.getMessage(id)).sender, kind(grace.id));
  assert.deepEqual((await all(thread.listReadReceipts()))[0].sender, kind(ada.id));
  const kinds = (await all(thread.listParticipants())).map((participant) => participant.id.kind);
  assert.deepEqual(kinds, ['communicationUser', 'communicationUser', 'phoneNumber']);
});

test('errors as specified have their code and message', async () => {
  const [ada, grace] = [await service.user(), await service.user()];
  const [{ threadId }] = await service.thread('Private', ada);
  const shown = async (call) => {
    const { statusCode, code, message } = await refusal(call);
    return { statusCode, code, message };
  };
  assert.deepEqual(await shown(grace.chat.getChatThreadClient(threadId).getProperties()), {
    statusCode: 403,
    code: 'Forbidden',
    message: "The initiator doesn't have the permission to perform the requested operation.",
  });
  const unknown = grace.chat.getChatThreadClient('19:00000000000000000000000000000000@thread.v2');
  assert.equal((await shown(unknown.getProperties())).statusCode, 404);
  await service.identity.revokeTokens(grace.id);
  const revoked = await shown(grace.chat.listChatThreads().next());
  assert.deepEqual([revoked.statusCode, revoked.code], [401, 'Unauthorized']);
});
