// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// packed is an archive in the form of the published ones.
func packed(t *testing.T, names ...string) []byte {
	t.Helper()
	var buffer bytes.Buffer
	compressed := gzip.NewWriter(&buffer)
	archive := tar.NewWriter(compressed)
	for _, name := range names {
		if err := archive.WriteHeader(&tar.Header{Name: "controller-tools/envtest/" + name, Mode: 0o755, Size: int64(len(name)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := compressed.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func TestRun(t *testing.T) {
	t.Parallel()
	whole, partial := packed(t, "etcd", "kube-apiserver", "kubectl"), packed(t, "etcd", "kubectl")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/whole":
			_, _ = w.Write(whole)
		case "/partial":
			_, _ = w.Write(partial)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	here := runtime.GOOS + "/" + runtime.GOARCH
	for name, c := range map[string]struct {
		line, says string
	}{
		"right":          {fmt.Sprintf("%s %x %s/whole", here, sha512.Sum512(whole), server.URL), ""},
		"wrong checksum": {fmt.Sprintf("%s %x %s/whole", here, sha512.Sum512(partial), server.URL), "another checksum"},
		"no API server":  {fmt.Sprintf("%s %x %s/partial", here, sha512.Sum512(partial), server.URL), "no kube-apiserver"},
		"not there":      {fmt.Sprintf("%s %x %s/gone", here, sha512.Sum512(whole), server.URL), "404"},
		"no server":      {fmt.Sprintf("%s %x http://127.0.0.1:1/whole", here, sha512.Sum512(whole)), "refused"},
		"other platform": {fmt.Sprintf("plan9/mips %x %s/whole", sha512.Sum512(whole), server.URL), "none for " + here},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list, directory := filepath.Join(t.TempDir(), "list"), filepath.Join(t.TempDir(), "controlplane")
			if err := os.WriteFile(list, []byte("# a comment\n"+c.line+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			err := run(t.Context(), list, directory)
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("error %v, want one with %q", err, c.says)
				}
				if _, err := os.Stat(directory); err == nil {
					t.Error("it left a directory")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(filepath.Join(directory, "kube-apiserver"))
			if err != nil || string(content) != "kube-apiserver" {
				t.Errorf("kube-apiserver is %q, %v", content, err)
			}
		})
	}
}

// The list has an archive for each platform that people run the demo on.
func TestList(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile("../controlplane/prebuilt.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, platform := range []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"} {
		found, err := choose(string(list), platform)
		if err != nil || len(found.checksum) != 2*sha512.Size || !strings.HasPrefix(found.url, "https://") {
			t.Errorf("%s: %+v, %v", platform, found, err)
		}
	}
}
