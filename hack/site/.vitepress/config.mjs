// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// The configuration of VitePress. build.mjs starts it, and says by environment variables what to build.

import { defineConfig } from 'vitepress';
import { missingOf, placeOf, readGroups, sidebarOf, sourcesOf } from '../pages.mjs';
import { onGitHub, repository, resolver, slugify } from '../links.mjs';

const { SITE_VERSION: version, SITE_BASE: base, SITE_REF: ref, SITE_SOURCE: source, SITE_OUT: out, SITE_CACHE: cache, SITE_DRAFT: draft } = process.env;

const groups = readGroups();
const sources = sourcesOf(groups);
const sourceOf = new Map(sources.map((file) => [placeOf(file), file]));
const resolve = resolver({ sources, ref, missing: draft ? missingOf(groups) : [] });

export default defineConfig({
  srcDir: source,
  outDir: out,
  cacheDir: cache,
  base: `${base}${version}/`,
  lang: 'en',
  title: 'acs-chat-operator',
  description: 'A Kubernetes operator for the chat threads of Azure Communication Services',
  head: [
    ['link', { rel: 'icon', type: 'image/svg+xml', href: `${base}${version}/icon.svg` }],
    ['meta', { name: 'theme-color', content: '#2f6f6a' }],
  ],
  markdown: {
    attrs: { disable: true },
    anchor: { slugify },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark' },
    config: (md) => onGitHub(md, { sourceOf: (page) => sourceOf.get(page), resolve }),
  },
  // The library of diagrams is large, and loaded only by the page that has one.
  vite: { build: { chunkSizeWarningLimit: 2000 } },
  transformPageData(page) {
    page.frontmatter.source = sourceOf.get(page.relativePath);
    if (page.relativePath === 'api-reference.md') {
      page.frontmatter.outline = [2, 4];
    }
  },
  themeConfig: {
    version,
    // The directory of all versions.
    root: base,
    logo: '/icon.svg',
    nav: [
      { text: 'Quickstart', link: '/quickstart' },
      { text: 'API', link: '/api-reference' },
      { text: 'All pages', link: '/pages' },
    ],
    sidebar: sidebarOf(groups),
    outline: [2, 3],
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: repository }],
    // A function is copied into the pages as it stands here, so it cannot use the constants above.
    editLink: {
      text: 'Edit this page on GitHub',
      pattern: ({ frontmatter }) => `https://github.com/acs-operator/acs-chat-operator/edit/main/${frontmatter.source}`,
    },
    footer: { message: 'Apache License 2.0. The site loads nothing from other hosts.' },
  },
});
