// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// A demo (hack/demo) in a directory of its own, so that one that runs already is left alone.

import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { content, Program, tail } from './processes.js';

const startTimeout = 110_000;

// What the demo says once everything is up.
const invitation = 'Try it, in another terminal';

// startDemo gives what the tests need once a control plane, the emulator and the operator are up.
export async function startDemo(root, dir, programs) {
  // The demo finds what it needs, and keeps its state, below the current directory.
  mkdirSync(join(dir, 'bin'), { recursive: true });
  for (const name of ['config', 'hack', 'bin/acs-emulator', 'bin/manager']) symlinkSync(join(root, name), join(dir, name));
  const assets = process.env.KUBEBUILDER_ASSETS || join(root, 'bin/controlplane');
  const demo = new Program('demo', join(root, 'bin/demo'), [], {
    log: join(dir, 'log'),
    cwd: dir,
    env: { ...process.env, DEMO: '', KUBEBUILDER_ASSETS: assets },
  });
  programs.push(demo);
  const state = join(dir, 'bin/demo-state');
  await demo.ready(startTimeout, async () => (await content(demo.log)).includes(invitation) || undefined);
  return {
    ca: join(state, 'acs/ca.pem'),
    environment: {
      ACS_DEMO: join(state, 'acs/connection-string'),
      KUBECTL: join(assets, 'kubectl'),
      KUBECONFIG: join(state, 'kubeconfig'),
      HOME: dir, // for kubectl's cache
    },
    logs: async () => `\nThe end of the operator's log:\n${await tail(join(state, 'logs/operator.log'))}`,
  };
}
