// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Both worlds together: what kubectl applies, an application sees through Microsoft's SDK.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { all, demo, kind, reason, refusal } from '../service.js';

const patience = 60_000;
const interval = 500; // well within the quota for lists of messages

const run = promisify(execFile);
const kubectl = async (...args) => (await run(process.env.KUBECTL, args)).stdout.trim();
const patch = (...args) => kubectl('patch', 'chatthread', 'sdk', ...args);
const status = (path) => kubectl('get', 'chatthread', 'sdk', '-o', `jsonpath={.status.${path}}`);

// eventually asks until the answer is not undefined.
async function eventually(what, ask) {
  for (const deadline = Date.now() + patience; Date.now() < deadline; await sleep(interval)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
  }
  throw new Error(`${what}: not seen within ${patience / 1000} s`);
}

describe('a ChatThread and its participants', () => {
  const service = demo();
  let ada, grace, hers;

  const manifest = () => ({
    apiVersion: 'chat.acs-operator.io/v1alpha1',
    kind: 'ChatThread',
    metadata: { name: 'sdk' },
    spec: {
      topic: 'Declared in YAML',
      participants: [ada, grace].map(({ id: { communicationUserId: userID }, name }) => ({ userID, displayName: name })),
    },
  });

  before(async () => {
    [ada, grace] = [{ ...(await service.user()), name: 'Ada Lovelace' }, { ...(await service.user()), name: 'Grace Hopper' }];
    const applied = run(process.env.KUBECTL, ['apply', '-f', '-']);
    applied.child.stdin.end(JSON.stringify(manifest()));
    await applied;
    await kubectl('wait', '--for=condition=Ready', '--timeout=60s', 'chatthread/sdk');
  });

  test('the participant finds the thread, its topic and the others', async () => {
    const item = await eventually('the thread in the list', async () =>
      (await all(grace.chat.listChatThreads())).find(({ topic }) => topic === 'Declared in YAML'),
    );
    assert.equal(item.id, await status('threadID'));
    hers = grace.chat.getChatThreadClient(item.id);
    const { topic, createdBy } = await hers.getProperties();
    assert.equal(topic, 'Declared in YAML');
    const operator = { communicationUserId: await status('serviceUser') };
    assert.deepEqual(createdBy, kind(operator));
    const members = (await all(hers.listParticipants())).map(({ id, displayName }) => `${id.communicationUserId} ${displayName}`);
    for (const { id, name } of [ada, grace]) assert.ok(members.includes(`${id.communicationUserId} ${name}`), members.join());
    assert.equal(members.length, 3);
  });

  test('participants write and read', async () => {
    const his = ada.chat.getChatThreadClient(hers.threadId);
    await his.sendMessage({ content: 'Is this thing on?' }, { senderDisplayName: ada.name });
    await hers.sendMessage({ content: 'It is.' }, { senderDisplayName: grace.name });
    const read = (await all(his.listMessages())).filter(({ type }) => type === 'text');
    assert.deepEqual(
      read.map(({ senderDisplayName, content }) => `${senderDisplayName}: ${content.message}`),
      ['Grace Hopper: It is.', 'Ada Lovelace: Is this thing on?'],
    );
  });

  test('a topic changed in YAML is announced', async () => {
    await patch('--type=merge', '-p', JSON.stringify({ spec: { topic: 'Changed in YAML' } }));
    const message = await eventually('topicUpdated', async () =>
      (await all(hers.listMessages())).find(({ type, content }) => type === 'topicUpdated' && content.topic === 'Changed in YAML'),
    );
    assert.deepEqual(message.content.initiator, kind({ communicationUserId: await status('serviceUser') }));
    assert.equal((await hers.getProperties()).topic, 'Changed in YAML');
  });

  test('a participant taken out of the YAML is shut out', async () => {
    const his = ada.chat.getChatThreadClient(hers.threadId);
    await patch('--type=json', '-p', '[{"op":"remove","path":"/spec/participants/1"}]');
    const message = await eventually('participantRemoved', async () =>
      (await all(his.listMessages())).find(({ type }) => type === 'participantRemoved'),
    );
    assert.deepEqual(message.content.participants.map(({ id }) => id), [kind(grace.id)]);
    for (const call of [() => hers.sendMessage({ content: 'let me in' }), () => hers.getProperties()]) {
      assert.deepEqual(reason(await refusal(call())), {
        status: 403,
        code: 'Forbidden',
        message: "The initiator doesn't have the permission to perform the requested operation.",
      });
    }
    await his.sendMessage({ content: 'among us' });
    const read = (await all(hers.listMessages())).map(({ content }) => content.message);
    assert.ok(read.includes('It is.') && !read.includes('among us'), 'reads what was written before, and nothing later');
  });

  test('a ChatThread deleted is a thread deleted', async () => {
    await kubectl('delete', 'chatthread', 'sdk', '--timeout=60s');
    const [item] = (await all(ada.chat.listChatThreads())).filter(({ id }) => id === hers.threadId);
    assert.ok(item.deletedOn instanceof Date);
    const his = ada.chat.getChatThreadClient(hers.threadId);
    assert.equal((await refusal(his.sendMessage({ content: 'anyone?' }))).statusCode, 404);
  });
});
