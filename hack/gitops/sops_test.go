// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// secrets are the manifest of the Secret acs, encrypted and as it is.
type secrets struct {
	encrypted, plain string
}

// newSecrets encrypts the page's Secret with SOPS, for a key that Flux gets.
func newSecrets(ctx context.Context, t *testing.T, w *world) *secrets {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	must(t, err)
	must(t, w.client.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: fluxNamespace, Name: "sops-age"},
		StringData: map[string]string{"age.agekey": key.String()},
	}))
	connectionString, err := w.service.ConnectionString()
	must(t, err)
	repository := repositoryFiles(t).with(t, "credentials/secret.yaml", "endpoint=https://...;accesskey=...", connectionString).
		with(t, ".sops.yaml", "age1...", key.Recipient().String())
	for _, path := range []string{".sops.yaml", "credentials/secret.yaml"} {
		_, err = w.Write("sops/"+path, repository[path])
		must(t, err)
	}
	sops, err := filepath.Abs(toolsDir + "/sops")
	must(t, err)
	command := exec.CommandContext(ctx, sops, "encrypt", "credentials/secret.yaml") //nolint:gosec // a tool of the project
	command.Dir = w.Path("sops")
	command.Env = []string{"HOME=" + w.Dir, "TMPDIR=" + os.TempDir()}
	var log bytes.Buffer
	command.Stderr = &log
	encrypted, err := command.Output()
	if err != nil {
		t.Fatalf("sops: %v\n%s", err, log.String())
	}
	if strings.Contains(string(encrypted), connectionString) {
		t.Fatal("the encrypted Secret has the connection string")
	}
	return &secrets{encrypted: string(encrypted), plain: repository["credentials/secret.yaml"]}
}
