// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

import { onMounted, ref } from 'vue';
import { useData } from 'vitepress';

let fetched;

// useVersions returns the versions of the site, as versions.json has them at the time of the visit: an old version knows
// the newer ones in this way. Before it is read, and if it cannot be read, there is only the version of the page.
export function useVersions() {
  const { theme } = useData();
  const { root, version } = theme.value;
  const versions = ref([version]);
  const latest = ref('');
  onMounted(async () => {
    try {
      fetched ??= fetch(`${root}versions.json`).then((answer) => answer.json());
      const found = await fetched;
      versions.value = found.versions;
      latest.value = found.latest;
    } catch {
      fetched = undefined;
    }
  });
  // show opens the same page of another version, or the start of that version if it has no such page.
  const show = async (other) => {
    const here = `${root}${version}/`;
    const page = window.location.pathname.slice(here.length);
    const there = `${root}${other}/`;
    const answer = await fetch(there + page, { method: 'HEAD' }).catch(() => ({ ok: false }));
    window.location.assign(answer.ok ? there + page : there);
  };
  return { version, versions, latest, show };
}
