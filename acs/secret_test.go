// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/acs-operator/acs-chat-operator/acs"
)

type published struct{ Key acs.Secret }

// hidden has a secret in a field whose methods fmt cannot call.
type hidden struct{ secret acs.Secret }

func TestSecretNeverPrints(t *testing.T) {
	t.Parallel()
	const value = "zxcvbnm"
	hex := fmt.Sprintf("%x", value)
	secret := acs.NewSecret(value)
	check := func(how, out string) {
		t.Helper()
		if strings.Contains(out, value) || strings.Contains(strings.ToLower(out), hex) {
			t.Errorf("%s prints %q", how, out)
		}
	}
	for _, verb := range "vTtbcdoOqxXUeEfFgGsp" {
		for _, flags := range []string{"", "+", "#", "-20", "020", " ", ".3"} {
			format := "%" + flags + string(verb)
			for _, v := range []any{secret, &secret, hidden{secret}, &hidden{secret}, []acs.Secret{secret},
				map[acs.Secret]acs.Secret{secret: secret}, acs.AccessToken{Token: secret},
				acs.ConnectionString{AccessKey: secret}, acs.NewStaticUserCredential(value)} {
				check(fmt.Sprintf("%s of %T", format, v), fmt.Sprintf(format, v))
			}
		}
	}
	check("Print", fmt.Sprint(secret)+fmt.Sprintln(secret))
	if got := fmt.Sprintf("%s %d %#v", secret, secret, secret); got != "[redacted] [redacted] [redacted]" {
		t.Errorf("fmt prints %q", got)
	}
	for how, marshal := range map[string]func(any) ([]byte, error){"json": json.Marshal, "xml": xml.Marshal} {
		out, err := marshal(published{secret})
		if err != nil || !strings.Contains(string(out), "[redacted]") {
			t.Errorf("%s gives %s, %v", how, out, err)
		}
		check(how, string(out))
	}
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	logger.Info("secret", "secret", secret, "hidden", hidden{secret}, "token", acs.AccessToken{Token: secret})
	slog.New(slog.NewJSONHandler(&log, nil)).Info("secret", "secret", secret)
	check("slog", log.String())
}

func TestSecretIsComparedByValue(t *testing.T) {
	t.Parallel()
	if acs.NewSecret("a") != acs.NewSecret(strings.Clone("a")) {
		t.Error("equal secrets are not equal")
	}
	if acs.NewSecret("a") == acs.NewSecret("b") {
		t.Error("different secrets are equal")
	}
	if acs.NewSecret("") != (acs.Secret{}) || (acs.Secret{}).Reveal() != "" {
		t.Error("the zero secret is not the empty one")
	}
	if got := acs.NewSecret("a").Reveal(); got != "a" {
		t.Errorf("reveals %q", got)
	}
}
