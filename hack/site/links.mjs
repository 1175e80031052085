// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// The pages are written for GitHub. This makes the same Markdown work on the site: links between files become links
// between pages, links to other files lead to GitHub, and text that only VitePress would interpret stays text.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { addressOf, isDirectory, root } from './pages.mjs';

export const repository = 'https://github.com/acs-operator/acs-chat-operator';

// slugify makes the anchors of GitHub. hack/docs checks the links of the Markdown with the same rule.
export function slugify(heading) {
  return heading.trim().toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');
}

// resolver returns a function that turns the target of a link in a file into an address on the site. sources are the
// files that are pages; ref is a tag or a commit. missing are files that may not exist yet.
export function resolver({ sources, ref, missing = [], from = root }) {
  const pages = new Set(sources.filter((file) => existsSync(path.join(from, file))));
  return (file, target) => {
    if (/^[a-z][a-z0-9+.-]*:/.test(target) || target.startsWith('#') || target.startsWith('/')) {
      return target;
    }
    const [name, anchor] = target.split('#');
    // The links of the landing page are written as if it were in the root of the repository, like README.md.
    const directory = file.startsWith('hack/site/') ? '' : path.posix.dirname(file);
    const to = path.posix.join(directory, decodeURI(name)).replace(/\/$/, '');
    const suffix = anchor ? `#${anchor}` : '';
    if (pages.has(to)) {
      return addressOf(to) + suffix;
    }
    if (to.startsWith('docs/') && pages.has(`${to}/README.md`)) {
      return addressOf(`${to}/README.md`) + suffix;
    }
    if (!existsSync(path.join(from, to))) {
      if (missing.includes(to)) {
        return `${repository}/blob/${ref}/${to}${suffix}`;
      }
      throw new Error(`${file} links to ${target}, which does not exist`);
    }
    return `${repository}/${isDirectory(to, from) ? 'tree' : 'blob'}/${ref}/${to}${suffix}`;
  };
}

// Elements that GitHub shows, and that Vue shows in the same way.
const elements = /^(<\/?(br|pre|code|sub|sup|kbd|details|summary|b|i|em|strong|p|img|picture|source)(\s[^<>]*)?\/?>|<!--[\s\S]*?-->)$/;

// checkHTML refuses elements that GitHub does not show, because Vue would take them for components.
function checkHTML(file, content) {
  for (const [piece] of content.matchAll(/<!--[\s\S]*?-->|<[^<>]*>/g)) {
    if (!elements.test(piece)) {
      throw new Error(`${file} has the HTML ${piece}; write it as \`${piece}\``);
    }
  }
}

// Languages that GitHub colors and the site cannot.
const plain = ['promql'];

// onGitHub is a plugin of markdown-it. sourceOf returns the file of the repository that a page was made from.
export function onGitHub(md, { sourceOf, resolve }) {
  md.disable('emoji');
  md.core.ruler.push('links', (state) => {
    const file = sourceOf(state.env.relativePath);
    for (const block of state.tokens) {
      if (block.type === 'html_block') {
        visit(block, file);
      }
      for (const token of block.children ?? []) {
        visit(token, file);
      }
    }
  });
  const visit = (token, file) => {
    const attribute = { link_open: 'href', image: 'src' }[token.type];
    if (attribute) {
      token.attrSet(attribute, resolve(file, token.attrGet(attribute)));
    } else if (token.type.startsWith('html_') && !file.startsWith('hack/site/')) {
      checkHTML(file, token.content);
    }
  };
  // Cells of tables with long text get a class, for their width.
  md.renderer.rules.td_open = (tokens, i, options, env, self) => {
    if (tokens[i + 1].content.length > 40) {
      tokens[i].attrJoin('class', 'long');
    }
    return self.renderToken(tokens, i, options);
  };
  // Vue would evaluate braces. In blocks of code VitePress takes care of that.
  const text = md.renderer.rules.text;
  md.renderer.rules.text = (tokens, i, ...rest) => {
    const content = text(tokens, i, ...rest);
    return content.includes('{{') ? `<span v-pre>${content}</span>` : content;
  };
  const code = md.renderer.rules.code_inline;
  md.renderer.rules.code_inline = (tokens, i, ...rest) => {
    tokens[i].attrSet('v-pre', '');
    return code(tokens, i, ...rest);
  };
  const fence = md.renderer.rules.fence;
  md.renderer.rules.fence = (tokens, i, ...rest) => {
    const language = tokens[i].info.trim();
    if (language === 'mermaid') {
      return `<Diagram code="${encodeURIComponent(tokens[i].content)}" />`;
    }
    tokens[i].info = plain.includes(language) ? 'text' : language;
    return fence(tokens, i, ...rest);
  };
}
