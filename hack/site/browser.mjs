// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// A Chromium without a window, steered by the DevTools protocol over pipes: no port, and no library.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const answerTimeout = 30_000;

export class Browser {
  #child;
  #profile = mkdtempSync(path.join(tmpdir(), 'site-look-'));
  #calls = new Map();
  #listeners = new Set();
  #last = 0;
  #rest = '';

  constructor(program) {
    this.#child = spawn(program, [
      '--headless=new', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--no-first-run', '--disable-extensions',
      '--disable-background-networking', '--disable-component-update', '--disable-dev-shm-usage', '--remote-debugging-pipe',
      `--user-data-dir=${this.#profile}`, 'about:blank',
    ], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    this.ended = new Promise((resolve) => {
      this.#child.once('error', (error) => this.#fail(new Error(`${program}: ${error.message}. Name a Chromium: CHROMIUM=…`), resolve));
      this.#child.once('exit', (code) => this.#fail(new Error(`${program} ended with status ${code}`), resolve));
    });
    this.#child.stdio[4].setEncoding('utf8').on('data', (text) => this.#read(text));
    this.#child.stdio[3].on('error', () => {}); // the end of the child tells the callers
  }

  #fail(error, resolve) {
    this.#calls.forEach(({ reject }) => reject(error));
    this.#calls.clear();
    resolve();
  }

  #read(text) {
    const messages = (this.#rest + text).split('\0');
    this.#rest = messages.pop();
    for (const message of messages.map(JSON.parse)) {
      const call = this.#calls.get(message.id);
      this.#calls.delete(message.id);
      if (!call) {
        [...this.#listeners].forEach((listener) => listener(message));
      } else if (message.error) {
        call.reject(new Error(`${call.method}: ${message.error.message}`));
      } else {
        call.resolve(message.result);
      }
    }
  }

  // call calls a method of the protocol, in a page or in the browser.
  call(method, params = {}, sessionId = undefined) {
    return new Promise((resolve, reject) => {
      const id = ++this.#last;
      const timer = setTimeout(() => reject(new Error(`${method}: no answer within ${answerTimeout / 1000} s`)), answerTimeout);
      const done = (settle) => (value) => {
        clearTimeout(timer);
        settle(value);
      };
      this.#calls.set(id, { method, resolve: done(resolve), reject: done(reject) });
      this.#child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  // listen calls a function for each event of a page, until the function that it returns is called.
  listen(sessionId, heard) {
    const listener = (message) => message.sessionId === sessionId && heard(message);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async open() {
    const { targetId } = await this.call('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.call('Target.attachToTarget', { targetId, flatten: true });
    return new Page(this, targetId, sessionId);
  }

  async close() {
    await this.call('Browser.close').catch(() => this.#child.kill());
    await this.ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

class Page {
  #browser;
  #target;
  #session;

  constructor(browser, target, session) {
    this.#browser = browser;
    this.#target = target;
    this.#session = session;
  }

  call(method, params) {
    return this.#browser.call(method, params, this.#session);
  }

  listen(heard) {
    return this.#browser.listen(this.#session, heard);
  }

  // show opens an address with a size and a scheme of colors, and waits until nothing is loaded any more.
  async show(address, { width, height, scheme, isPhone }) {
    await this.call('Page.enable');
    await this.call('Network.enable');
    await this.call('Runtime.enable');
    await this.call('Log.enable');
    await this.call('Page.setLifecycleEventsEnabled', { enabled: true });
    await this.call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: isPhone });
    await this.call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
    // An address that differs in its anchor only would load nothing.
    await this.call('Page.navigate', { url: 'about:blank' });
    const { errorText, loaderId } = await this.call('Page.navigate', { url: address });
    if (errorText) {
      throw new Error(`${address}: ${errorText}`);
    }
    await this.#idle(address, loaderId);
  }

  // #idle waits until a page that is being loaded loads nothing any more.
  #idle(address, loader) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${address}: still loading after ${answerTimeout / 1000} s`)), answerTimeout);
      const stop = this.listen(({ method, params }) => {
        if (method === 'Page.lifecycleEvent' && params.name === 'networkIdle' && params.loaderId === loader) {
          stop();
          clearTimeout(timer);
          resolve();
        }
      });
    });
  }

  // navigated resolves with the address that the page opens next by itself.
  navigated() {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the page opened nothing within ${answerTimeout / 1000} s`)), answerTimeout);
      const stop = this.listen(({ method, params }) => {
        if (method === 'Page.frameNavigated' && !params.frame.parentId) {
          stop();
          clearTimeout(timer);
          resolve(params.frame.url);
        }
      });
    });
  }

  // run evaluates an expression in the page, and waits if it is a promise.
  async run(expression) {
    const { result, exceptionDetails } = await this.call('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) {
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    }
    return result.value;
  }

  // screenshot returns a picture of the window, or of the whole page.
  async screenshot(isWhole) {
    const { cssContentSize: { width, height } } = await this.call('Page.getLayoutMetrics');
    const whole = isWhole ? { captureBeyondViewport: true, clip: { x: 0, y: 0, width, height, scale: 1 } } : {};
    const { data } = await this.call('Page.captureScreenshot', { format: 'png', ...whole });
    return Buffer.from(data, 'base64');
  }

  close() {
    return this.#browser.call('Target.closeTarget', { targetId: this.#target });
  }
}
