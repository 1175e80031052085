// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Starting, waiting for and ending the programs that the tests need.

import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const pollInterval = 50;
const tailLines = 20;

// A program whose output goes to a log.
export class Program {
  constructor(name, binary, args, { log, ...options }) {
    this.name = name;
    this.log = log;
    const output = openSync(log, 'w', 0o600);
    this.child = spawn(binary, args, { ...options, stdio: ['ignore', output, output] });
    closeSync(output);
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => resolve(error.message));
      this.child.once('exit', (code, signal) => resolve(signal ?? `status ${code}`));
    });
    this.ended.then((how) => (this.end = how));
  }

  // ready waits until the answer is not undefined, and fails as soon as the program has ended.
  async ready(patience, ask) {
    for (const deadline = Date.now() + patience; ; await sleep(pollInterval)) {
      if (this.end !== undefined) throw new Error(`${this.name} ended: ${this.end}\n${await this.tail()}`);
      const answer = await ask();
      if (answer !== undefined) return answer;
      if (Date.now() > deadline) throw new Error(`${this.name} is not ready after ${patience / 1000} s\n${await this.tail()}`);
    }
  }

  // stop ends the program, gently where it allows that.
  async stop(patience) {
    if (this.end !== undefined) return;
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), patience);
    await this.ended;
    clearTimeout(timer);
  }

  tail() {
    return tail(this.log);
  }
}

// tail gives the last lines of a file, indented.
export async function tail(file) {
  const text = await readFile(file, 'utf8').catch((error) => `(${error.code})`);
  return text.trimEnd().split('\n').slice(-tailLines).map((line) => `  ${line.slice(0, 400)}`).join('\n');
}

// content gives what is in a file, or undefined while there is none.
export async function content(file) {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}
