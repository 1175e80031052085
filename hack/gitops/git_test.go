// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"net/http/cgi" //nolint:gosec // the versions of Go that it warns of are long gone
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// serveGit serves the bare repositories in a directory.
func serveGit(t *testing.T, dir string) (url string) {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o700))
	server := httptest.NewServer(&cgi.Handler{
		Path: filepath.Join(git(t, "", "--exec-path"), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1"},
	})
	t.Cleanup(server.Close)
	return server.URL
}

// git runs Git without the settings of the user.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "git", args...) //nolint:gosec // the arguments are those of the tests
	command.Dir = dir
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull,
		"GIT_AUTHOR_NAME=test", "GIT_AUTHOR_EMAIL=test@localhost", "GIT_COMMITTER_NAME=test", "GIT_COMMITTER_EMAIL=test@localhost")
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, output)
	}
	return strings.TrimSpace(string(output))
}

// commit makes files the whole content of a repository, which it creates if needed, and returns the
// id of the commit. The branch is main; a tag is optional.
func (w *world) commit(t *testing.T, repository, tag string, content files) (commit string) {
	t.Helper()
	served, tree := w.Path("git/"+repository), t.TempDir()
	if _, err := os.Stat(served); err != nil {
		git(t, "", "init", "--quiet", "--bare", "--initial-branch=main", served)
	}
	for path, text := range content {
		must(t, os.MkdirAll(filepath.Join(tree, filepath.Dir(path)), 0o700))
		must(t, os.WriteFile(filepath.Join(tree, path), []byte(text), 0o600))
	}
	at := []string{"--git-dir=" + served, "--work-tree=" + tree}
	git(t, tree, append(at, "add", "--all")...)
	git(t, tree, append(at, "commit", "--quiet", "--message=Change")...)
	if tag != "" {
		git(t, tree, append(at, "tag", tag)...)
	}
	return git(t, tree, append(at, "rev-parse", "HEAD")...)
}
