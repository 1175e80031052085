// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
)

// A file that becomes unusable changes no trust. The log and a metric report it. The metric is one
// of the process, so no other test runs at the same time.
func TestUnusableAuthorityFileKeepsTheRoots(t *testing.T) {
	_, authority, err := emulator.GenerateTLS("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	name := authorityAt(t, authority)
	var logged []string
	f := &authorityFile{name: name, log: funcr.New(func(_, line string) { logged = append(logged, line) }, funcr.Options{})}
	acstest.MustSucceed(t, f.load())
	roots := f.roots
	usable := authorityUsable.WithLabelValues()
	for _, damage := range []struct {
		name string
		do   func() error
	}{
		{"empty", func() error { return os.WriteFile(name, nil, 0o600) }},
		{"no certificate", func() error { return os.WriteFile(name, []byte("junk"), 0o600) }},
		{"a directory", func() error {
			acstest.MustSucceed(t, os.Remove(name))
			return os.Mkdir(name, 0o700)
		}},
		{"gone", func() error { return os.RemoveAll(filepath.Dir(name)) }},
	} {
		acstest.MustSucceed(t, damage.do())
		f.expire()
		if f.current() != roots || testutil.ToFloat64(usable) != 0 || len(logged) == 0 {
			t.Errorf("%s: same roots %t, metric %g, log %q", damage.name, f.roots == roots, testutil.ToFloat64(usable), logged)
		}
		if damage.name != "gone" {
			acstest.MustSucceed(t, os.RemoveAll(name))
			acstest.MustSucceed(t, os.WriteFile(name, authority, 0o600))
			f.expire()
			roots = f.current()
			if testutil.ToFloat64(usable) != 1 {
				t.Errorf("after %s: the metric stays 0", damage.name)
			}
			logged = nil
		}
	}
}
