// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AzureCommunicationTokenCredential, parseConnectionString } from '@azure/communication-common';
import { ChatClient, ChatThreadClient } from '@azure/communication-chat';
import { CommunicationIdentityClient } from '@azure/communication-identity';
import { free, kind, refusal } from '../service.js';

const service = free();
const { identity } = service;

const minutesLeft = (expiresOn) => Math.round((expiresOn - Date.now()) / 60_000);
const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
const answersTo = async (token) => (await refusal(service.chat(token).listChatThreads().next())).statusCode;

test('createUser gives an id of the resource, and each time another', async () => {
  const [first, second] = await Promise.all([identity.createUser(), identity.createUser()]);
  assert.match(first.communicationUserId, /^8:acs:[0-9a-f-]{36}_[0-9a-f-]{36}$/);
  assert.notEqual(first.communicationUserId, second.communicationUserId);
});

test('createUserAndToken gives a token of a day, or of the length asked for', async () => {
  const day = await identity.createUserAndToken(['chat']);
  assert.match(day.user.communicationUserId, /^8:acs:/);
  assert.equal(minutesLeft(day.expiresOn), 1440);
  const hour = await identity.createUserAndToken(['chat', 'voip'], { tokenExpiresInMinutes: 60 });
  assert.equal(minutesLeft(hour.expiresOn), 60);
  assert.equal(claims(hour.token).exp, Math.floor(hour.expiresOn / 1000));
});

test('getToken gives tokens with each of the scopes', async () => {
  const user = await identity.createUser();
  for (const scope of ['chat', 'chat.join', 'chat.join.limited', 'voip', 'voip.join']) {
    const { token, expiresOn } = await identity.getToken(user, [scope], { tokenExpiresInMinutes: 90 });
    assert.equal(minutesLeft(expiresOn), 90);
    assert.equal(`8:${claims(token).skypeid}`, user.communicationUserId);
  }
  assert.equal(minutesLeft((await identity.getToken(user, ['chat'])).expiresOn), 1440);
});

test('revokeTokens ends all tokens so far, and not later ones', async () => {
  const { id, token, chat } = await service.user();
  const second = await identity.getToken(id, ['chat']);
  assert.equal((await chat.listChatThreads().next()).done, true);
  await identity.revokeTokens(id);
  assert.equal(await answersTo(token), 401);
  assert.equal(await answersTo(second.token), 401);
  const { chat: again } = await service.signIn(id);
  assert.equal((await again.listChatThreads().next()).done, true);
});

test('deleteUser ends the tokens and takes the user out of its threads', async () => {
  const [ada, grace] = [await service.user(), await service.user()];
  const [thread] = await service.thread('Left by deletion', ada, grace);
  await identity.deleteUser(grace.id);
  assert.equal(await answersTo(grace.token), 401);
  assert.equal((await refusal(identity.getToken(grace.id, ['chat']))).statusCode, 404);
  const members = [];
  for await (const { id } of thread.listParticipants()) members.push(id.communicationUserId);
  assert.deepEqual(members, [ada.id.communicationUserId]);
});

test('getTokenForTeamsUser exchanges a token of Entra', async () => {
  const { token, expiresOn } = await identity.getTokenForTeamsUser({
    teamsUserAadToken: 'a token of Entra',
    clientId: '11111111-2222-4333-8444-555555555555',
    userObjectId: '66666666-7777-4888-9999-000000000000',
  });
  assert.equal(claims(token).skypeid, 'orgid:66666666-7777-4888-9999-000000000000');
  assert.ok(expiresOn > new Date());
});

test('a credential fetches the token when it is first needed', async () => {
  const { id } = await service.user();
  let fetched = 0;
  const tokenRefresher = async () => {
    fetched++;
    return (await identity.getToken(id, ['chat'])).token;
  };
  const credential = new AzureCommunicationTokenCredential({ tokenRefresher });
  const chat = new ChatClient(service.endpoint, credential);
  assert.equal(fetched, 0);
  const { chatThread } = await chat.createChatThread({ topic: 'Signed in late' });
  assert.equal((await chat.getChatThreadClient(chatThread.id).getProperties()).topic, 'Signed in late');
  assert.equal(fetched, 1);
  credential.dispose();
});

test('clients can be made of an endpoint and a credential', async () => {
  const { endpoint, credential } = parseConnectionString(service.connectionString);
  const { user, token } = await new CommunicationIdentityClient(endpoint, credential).createUserAndToken(['chat']);
  const { chatThread } = await service.chat(token).createChatThread({ topic: 'Known by its id' });
  const thread = new ChatThreadClient(endpoint, chatThread.id, new AzureCommunicationTokenCredential(token));
  assert.deepEqual((await thread.getProperties()).createdBy, kind(user));
});
