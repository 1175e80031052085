// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"fmt"
	"io"
	"log/slog"
	"unique"
)

const redacted = "[redacted]"

// Secret is a credential: an access key or a token. In any printed or encoded form it is
// "[redacted]"; only [Secret.Reveal] returns its value. Secrets are comparable, and equal if their
// values are. The zero Secret holds the empty string.
type Secret struct {
	// fmt does not call the methods of a value in an unexported field of another struct. It prints
	// the field as it is, which for this one is only an address.
	value unique.Handle[string]
}

// NewSecret returns a secret with the value.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{value: unique.Make(value)}
}

// Reveal returns the value.
func (s Secret) Reveal() string {
	if s == (Secret{}) {
		return ""
	}
	return s.value.Value()
}

// Format prints "[redacted]" for every verb.
func (s Secret) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, redacted) }

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (s Secret) GoString() string { return redacted }

// MarshalText returns "[redacted]"; the error is always nil.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[redacted]" as a JSON string; the error is always nil.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue returns "[redacted]" for structured logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
