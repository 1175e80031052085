// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { all, free, kind, reason, refusal } from '../service.js';

const service = free();
const users = (count) => Promise.all(Array.from({ length: count }, () => service.identity.createUser()));
const ids = (participants) => participants.map(({ id }) => id.communicationUserId);

test('addParticipants adds one with all that can be said of it', async () => {
  const [ada, grace] = [await service.user(), await service.user()];
  const [thread] = await service.thread('One', ada);
  const shareHistoryTime = new Date('2026-02-03T04:05:06Z');
  const participant = { id: grace.id, displayName: 'Grace', shareHistoryTime, metadata: { desk: '12' } };
  const { invalidParticipants } = await thread.addParticipants({ participants: [participant] });
  assert.equal(invalidParticipants, undefined);
  const [creator, added] = await all(thread.listParticipants());
  assert.deepEqual(creator, { id: kind(ada.id), shareHistoryTime: new Date(0) });
  assert.deepEqual(added, { ...participant, id: kind(grace.id) });
});

test('addParticipants adds many, and changes nothing of who is there', async () => {
  const ada = await service.user();
  const [thread] = await service.thread('Many', ada);
  const guests = await users(199);
  const participants = guests.map((id, i) => ({ id, displayName: `Guest ${i}` }));
  await thread.addParticipants({ participants });
  await thread.addParticipants({ participants: [{ id: guests[0], displayName: 'Another name' }] });
  const members = await all(thread.listParticipants());
  assert.deepEqual(ids(members), [ada.id, ...guests].map(({ communicationUserId }) => communicationUserId));
  assert.deepEqual(members.slice(1).map(({ displayName }) => displayName), participants.map(({ displayName }) => displayName));
});

test('addParticipants says who cannot join and adds the others', async () => {
  const [ada, grace] = [await service.user(), await service.user()];
  const [thread] = await service.thread('Some', ada);
  const stranger = '8:acs:00000000-1111-2222-3333-444444444444_55555555-6666-7777-8888-999999999999';
  const teams = '66666666-7777-4888-9999-000000000000';
  const { invalidParticipants } = await thread.addParticipants({
    participants: [{ id: { communicationUserId: stranger } }, { id: grace.id }, { id: { microsoftTeamsUserId: teams } }],
  });
  assert.deepEqual(
    invalidParticipants.map(({ code, message, target }) => ({ code, message, target })),
    [stranger, `8:orgid:${teams}`].map((target) => ({ code: '403', message: 'Permissions check failed', target })),
  );
  assert.deepEqual(ids(await all(thread.listParticipants())), ids([ada, grace]));
});

test('addParticipants knows phone numbers', async () => {
  const ada = await service.user();
  const [thread] = await service.thread('By phone', ada);
  await thread.addParticipants({ participants: [{ id: { phoneNumber: '+14255550123' }, displayName: 'Phone' }] });
  const [, phone] = await all(thread.listParticipants());
  assert.equal(phone.id.kind, 'phoneNumber');
  assert.equal(phone.id.phoneNumber, '+14255550123');
  assert.equal(phone.id.rawId, '4:+14255550123');
  await thread.removeParticipant({ phoneNumber: '+14255550123' });
  assert.deepEqual(ids(await all(thread.listParticipants())), ids([ada]));
});

test('listParticipants reads many pages and skips', async () => {
  const ada = await service.user();
  const [thread] = await service.thread('Pages', ada);
  const guests = await users(24);
  await thread.addParticipants({ participants: guests.map((id) => ({ id })) });
  const everyone = ids(await all(thread.listParticipants()));
  const read = async (options) => {
    const pages = await all(thread.listParticipants(options).byPage());
    return { sizes: pages.map(({ length }) => length), members: ids(pages.flat()) };
  };
  assert.equal(everyone.length, 25);
  assert.deepEqual(await read({ maxPageSize: 4 }), { sizes: [4, 4, 4, 4, 4, 4, 1], members: everyone });
  assert.deepEqual(await read({ maxPageSize: 10, skip: 20 }), { sizes: [5], members: everyone.slice(20) });
  assert.deepEqual(await read({ maxPageSize: 2, skip: 21 }), { sizes: [2, 2], members: everyone.slice(21) });
  assert.deepEqual(await read({ skip: 25 }), { sizes: [0], members: [] });
});

test('removeParticipant shuts out, and leaves what was read', async () => {
  const [ada, grace] = [await service.user(), await service.user()];
  const [thread, hers] = await service.thread('Left', ada, grace);
  const { id } = await thread.sendMessage({ content: 'for both' });
  await thread.removeParticipant(grace.id);
  await thread.removeParticipant(grace.id); // who is not there cannot be removed, which is fine
  await thread.sendMessage({ content: 'for me' });
  for (const call of [
    () => hers.sendMessage({ content: 'let me in' }),
    () => hers.getProperties(),
    () => hers.listParticipants().next(),
    () => hers.addParticipants({ participants: [{ id: grace.id }] }),
    () => hers.updateTopic('mine'),
  ]) {
    assert.equal(reason(await refusal(call())).status, 403);
  }
  assert.equal((await hers.getMessage(id)).content.message, 'for both');
  const read = (await all(hers.listMessages())).filter(({ type }) => type === 'text');
  assert.deepEqual(read.map(({ content }) => content.message), ['for both']);
  assert.deepEqual((await all(grace.chat.listChatThreads())).map((item) => item.id), [thread.threadId]);
});

test('removeParticipant lets a user leave, its creator too', async () => {
  const [ada, grace] = [await service.user(), await service.user()];
  const [thread, hers] = await service.thread('Gone', ada, grace);
  await thread.removeParticipant(ada.id);
  assert.deepEqual(reason(await refusal(thread.removeParticipant(ada.id))), {
    status: 403,
    code: 'Forbidden',
    message: "The initiator doesn't have the permission to perform the requested operation.",
  });
  assert.deepEqual(ids(await all(hers.listParticipants())), ids([grace]));
});

test('shareHistoryTime says from when on a new participant can read', async () => {
  const [ada, grace, alan] = [await service.user(), await service.user(), await service.user()];
  const [thread, everything] = await service.thread('History', ada, grace);
  const before = await thread.sendMessage({ content: 'before' });
  await sleep(1010 - (Date.now() % 1000)); // the service keeps whole seconds
  const shareHistoryTime = new Date();
  await thread.sendMessage({ content: 'after' });
  await thread.addParticipants({ participants: [{ id: alan.id, shareHistoryTime }] });
  const his = alan.chat.getChatThreadClient(thread.threadId);
  const text = async (client) =>
    (await all(client.listMessages())).filter(({ type }) => type === 'text').map(({ content }) => content.message);
  assert.deepEqual(await text(everything), ['after', 'before']);
  assert.deepEqual(await text(his), ['after']);
  assert.equal((await refusal(his.getMessage(before.id))).statusCode, 404);
});
