// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

import { h } from 'vue';
import DefaultTheme from 'vitepress/theme';
import Diagram from './Diagram.vue';
import OtherVersion from './OtherVersion.vue';
import Versions from './Versions.vue';
import Way from './Way.vue';
import './style.css';

export default {
  extends: DefaultTheme,
  Layout: () => h(DefaultTheme.Layout, null, {
    'nav-bar-content-after': () => h(Versions),
    'nav-screen-content-after': () => h(Versions, { class: 'on-screen' }),
    'doc-before': () => h(OtherVersion),
  }),
  enhanceApp({ app }) {
    app.component('Diagram', Diagram);
    app.component('Way', Way);
  },
};
