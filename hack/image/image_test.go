// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/acs-operator/acs-chat-operator/hack/cluster"
	"github.com/acs-operator/acs-chat-operator/hack/pods"
	"github.com/acs-operator/acs-chat-operator/hack/programs"
)

func TestMain(m *testing.M) {
	pods.Enter()
	ctrl.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

var testRelease = []string{"-version", "v0.1.0-test", "-revision", "0123456789ab", "-created", "2026-11-26T12:00:00Z"}

// The images are built from two copies of the sources, pushed to a registry, pulled and unpacked.
// Then they run in the pods that the manifests declare.
func TestImages(t *testing.T) {
	copies := []string{copySources(t), copySources(t)}
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	images := map[string]pods.Image{}
	for _, p := range programs.All() {
		digests := []string{build(t, copies[0], p), build(t, copies[1], p)}
		if digests[0] != digests[1] {
			t.Errorf("%s: two builds have the digests %v", p.Name, digests)
		}
		reference := strings.TrimPrefix(server.URL, "http://") + "/" + p.Name + ":v0.1.0"
		pushed, err := push(t.Context(), layoutOf(copies[0], p), reference)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(pushed, "@"+digests[0]) {
			t.Errorf("pushed %s, built %s", pushed, digests[0])
		}
		images[p.Name] = pull(t, pushed, p)
	}
	t.Run("operator", func(t *testing.T) { runOperator(t, images) })
	t.Run("quickstart", func(t *testing.T) { runQuickstart(t, images) })
}

// copySources copies what is or would be in version control to a new directory.
func copySources(t *testing.T) (directory string) {
	t.Helper()
	directory = t.TempDir()
	list := exec.CommandContext(t.Context(), "git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
	list.Dir = repository
	names, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(repository, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted, and not yet committed
		}
		target := filepath.Join(directory, name)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(target), 0o700), os.WriteFile(target, content, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

func layoutOf(directory string, p programs.Program) string {
	return filepath.Join(directory, "bin", "images", p.Name)
}

// build builds an image as `make image` does, and returns the digest that it prints.
func build(t *testing.T, directory string, p programs.Program) string {
	t.Helper()
	arguments := append([]string{"run", ".", "build", "-program", p.Name, "-out", layoutOf(directory, p)}, testRelease...)
	command := exec.CommandContext(t.Context(), "go", arguments...) //nolint:gosec // a program of this repository
	command.Dir = filepath.Join(directory, "hack", "image")
	printed, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	found := regexp.MustCompile(`^image: ` + p.Name + ` (sha256:[0-9a-f]{64}) linux/amd64 linux/arm64\n$`).FindSubmatch(printed)
	if found == nil {
		t.Fatalf("it printed %q", printed)
	}
	return string(found[1])
}

// pull pulls the image for this machine, checks its configuration and unpacks it.
func pull(t *testing.T, pushed string, p programs.Program) pods.Image {
	t.Helper()
	reference, err := name.ParseReference(pushed)
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(reference, remote.WithContext(t.Context()), remote.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH}))
	if err != nil {
		t.Fatal(err)
	}
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config := file.Config
	if config.User != user || len(config.Entrypoint) != 1 || config.Entrypoint[0] != "/"+p.Name {
		t.Errorf("%s: user %q, entrypoint %q", p.Name, config.User, config.Entrypoint)
	}
	for label, want := range map[string]string{"version": "v0.1.0-test", "revision": "0123456789ab", "created": "2026-11-26T12:00:00Z", "title": p.Name, "licenses": "Apache-2.0"} {
		if got := config.Labels["org.opencontainers.image."+label]; got != want {
			t.Errorf("%s: label %s is %q, want %q", p.Name, label, got, want)
		}
	}
	root := t.TempDir()
	if err := unpack(image, root); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"licenses/LICENSE", "licenses/go/LICENSE", "licenses/github.com/google/uuid@v1.6.0/LICENSE", "etc/passwd"} {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
	checkAuthorities(t, filepath.Join(root, authoritiesFile))
	return pods.Image{Root: root, Entrypoint: config.Entrypoint, Env: config.Env, UID: 65532, GID: 65532}
}

// unpack writes the files of an image to a directory.
func unpack(image v1.Image, root string) error {
	content := mutate.Extract(image)
	defer func() { _ = content.Close() }()
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		target := filepath.Join(root, header.Name) //nolint:gosec // an image of this test
		if header.Typeflag == tar.TypeDir {
			err = errors.Join(os.MkdirAll(target, 0o700), os.Chmod(target, header.FileInfo().Mode()))
		} else {
			err = unpackFile(archive, target, header)
		}
		if err != nil {
			return err
		}
	}
}

func unpackFile(content io.Reader, target string, header *tar.Header) error {
	file, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, header.FileInfo().Mode())
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}

// checkAuthorities checks that the file holds about as many authorities as browsers trust.
func checkAuthorities(t *testing.T, name string) {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(content) || strings.Count(string(content), "BEGIN CERTIFICATE") < 100 {
		t.Errorf("%s has %d certificates", name, strings.Count(string(content), "BEGIN CERTIFICATE"))
	}
}

// The pod of config/default gets ready. It can write no file and has no capability.
func runOperator(t *testing.T, images map[string]pods.Image) {
	t.Helper()
	c := cluster.Start(t, images)
	c.Kubectl("apply", "-k", filepath.Join(repository, "config", "default"))
	pod := c.Run("acs-chat-operator-system", "acs-chat-operator-controller-manager")
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pod.ProcessID("manager")))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`Uid:\t65532\t65532\t65532\t65532`, `Gid:\t65532\t65532\t65532\t65532`, `CapEff:\t0+`, `CapBnd:\t0+`, `NoNewPrivs:\t1`} {
		if !regexp.MustCompile("(?m)^" + line + "$").Match(status) {
			t.Errorf("no line %q in\n%s", line, status)
		}
	}
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", pod.ProcessID("manager")))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^\S+ \S+ \S+ \S+ / ro,`).Match(mounts) {
		t.Errorf("the root is not read-only:\n%s", mounts)
	}
	if text := pod.Log("manager"); !strings.Contains(text, `"version":"v0.1.0-test","revision":"0123456789ab"`) {
		t.Errorf("no version in the log:\n%s", text)
	}
}

// All samples of the quickstart are Ready within a minute of its installation.
func runQuickstart(t *testing.T, images map[string]pods.Image) {
	t.Helper()
	const namespace = "acs-chat-quickstart"
	c := cluster.Start(t, images)
	started := time.Now()
	c.Kubectl("apply", "-k", filepath.Join(repository, "config", "crd"))
	c.AwaitCRDs()
	c.Kubectl("apply", "-k", filepath.Join(repository, "config", "overlays", "quickstart"))
	pod := c.Run(namespace, "acs-chat-operator-controller-manager")
	c.Kubectl("wait", "--for=condition=Ready", "--timeout=1m", "-n", namespace, "chatconnections,chatthreads,chatparticipants", "--all")
	if took := time.Since(started); took > time.Minute {
		t.Errorf("it took %s", took)
	}
	t.Log(c.Kubectl("get", "acs-chat", "-n", namespace))
	if text := pod.Log("manager"); strings.Contains(text, "forbidden") {
		t.Errorf("the operator was refused something:\n%s", text)
	}
	c.Kubectl("delete", "acs-chat", "--all", "-n", namespace, "--timeout=1m")
	c.Kubectl("delete", "namespace", namespace, "--timeout=1m")
}
