// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestTopic(t *testing.T) {
	t.Parallel()
	const path = "spec.topic"
	testAdmission(t, thread, slices.Concat(
		accept("ok", path, "a", "ä", "a b", "a\u00a0b", "a\u3000b", "Q&A \"x\" <y>", "🚀", "👩‍👩‍👧 family", "e\u0301", "\u200b",
			strings.Repeat("a", 250), strings.Repeat("ü", 250), strings.Repeat("🚀", 250)),
		refuse("empty", path, verdict{path, "at least 1 chars"}, ""),
		refuse("long", path, verdict{path, "may not be more than 250"}, strings.Repeat("a", 251), strings.Repeat("🚀", 251)),
		refuse("outer blank", path, verdict{path, "should match"}, " ", " a", "a ", "\u00a0a", "a\u00a0", "\u3000a",
			"a\u3000", "\u2003a", "a\u2028", "\u1680a", "  "),
		refuse("control", path, verdict{path, "should match"}, "\t", "a\tb", "a\nb", "a\r\nb", "a\n", "\na", "a\u0000b",
			"a\u001bb", "a\u007fb", "a\u0085b", "a\u009fb"),
		refuse("type", path, verdict{path, "must be of type string"}, any(1), any(1.5), any(true)),
		refuse("list", path, verdict{path, "must be of type string"}, []any{"a"}),
		refuse("null", path, verdict{path, "Required value"}, any(nil)),
		refuse("missing", path, verdict{path, "Required value"}, absent{}),
	))
}

func TestParticipants(t *testing.T) {
	t.Parallel()
	const path = "spec.participants"
	members := func(ids ...string) []any {
		list := []any{}
		for _, id := range ids {
			list = append(list, map[string]any{"userID": id})
		}
		return list
	}
	many := func(n int) []any {
		ids := []string{}
		for i := range n {
			ids = append(ids, fmt.Sprintf("8:acs:%0250d", i))
		}
		return members(ids...)
	}
	testAdmission(t, thread, []admission{
		{"none", fields{path: []any{}}, verdict{}},
		{"null", fields{path: nil}, verdict{}},
		{"249", fields{path: many(249)}, verdict{}},
		{"250", fields{path: many(250)}, verdict{path, "must have at most 249 items"}},
		{"same user twice", fields{path: members("8:acs:a", "8:acs:b", "8:acs:a")}, verdict{path + "[2]", "Duplicate value"}},
		{"same user in another case", fields{path: members("8:acs:a", "8:acs:A")}, verdict{}},
		{"a string", fields{path: "8:acs:a"}, verdict{path, "must be of type array"}},
		{"strings", fields{path: []any{"8:acs:a"}}, verdict{path + "[0]", "must be of type object"}},
	})
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	const (
		path  = "spec.metadata"
		bytes = "metadata must have at most 512 bytes, keys and values together"
	)
	many := func(n int) map[string]any {
		metadata := map[string]any{}
		for i := range n {
			metadata[fmt.Sprintf("k%02d", i)] = "v"
		}
		return metadata
	}
	long := strings.Repeat("v", 511)
	testAdmission(t, thread, []admission{
		{"none", fields{path: map[string]any{}}, verdict{}},
		{"64 keys", fields{path: many(64)}, verdict{}},
		{"65 keys", fields{path: many(65)}, verdict{path, "must have at most 64 items"}},
		{"512 bytes", fields{path: map[string]any{"k": long}}, verdict{}},
		{"513 bytes", fields{path: map[string]any{"kk": long}}, verdict{path, bytes}},
		{"513 bytes in two", fields{path: map[string]any{"k": long, "l": ""}}, verdict{path, bytes}},
		{"512 bytes of runes", fields{path: map[string]any{"kk": strings.Repeat("ü", 255)}}, verdict{}},
		{"513 bytes of runes", fields{path: map[string]any{"kkk": strings.Repeat("ü", 255)}}, verdict{path, bytes}},
		{"514 bytes of emoji", fields{path: map[string]any{"kk": strings.Repeat("🚀", 128)}}, verdict{path, bytes}},
		{"514 bytes in the key", fields{path: map[string]any{strings.Repeat("ü", 257): ""}}, verdict{path, bytes}},
		{"value of 513", fields{path: map[string]any{"k": long + "vv"}}, verdict{path + ".k", "may not be more than 512"}},
		{"empty value", fields{path: map[string]any{"k": ""}}, verdict{}},
		{"empty key", fields{path: map[string]any{"": "v"}}, verdict{path, "metadata keys must not be empty"}},
		{"our key", fields{path: map[string]any{"acsOperatorUid": "v"}}, verdict{path, "must not begin with acsOperator"}},
		{"our prefix", fields{path: map[string]any{"acsOperator": "v"}}, verdict{path, "must not begin with acsOperator"}},
		{"our prefix inside", fields{path: map[string]any{"x-acsOperator": "v", "acsOperato": "v"}}, verdict{}},
		{"a number", fields{path: map[string]any{"k": 1}}, verdict{path + ".k", "must be of type string"}},
		{"a list", fields{path: []any{"k"}}, verdict{path, "must be of type object"}},
	})
}

func TestThreadID(t *testing.T) {
	t.Parallel()
	const path = "spec.threadID"
	testAdmission(t, thread, slices.Concat(
		accept("ok", path, "19:abc@thread.v2", "x", "!~", strings.Repeat("a", 256)),
		refuse("empty", path, verdict{path, "at least 1 chars"}, ""),
		refuse("long", path, verdict{path, "may not be more than 256"}, strings.Repeat("a", 257)),
		refuse("blank", path, verdict{path, "should match"}, " ", "a b", "a ", "\t", "a\n", "ä", "a\u0000", "a\u00a0"),
		refuse("type", path, verdict{path, "must be of type string"}, 19),
	))
}

func TestResyncInterval(t *testing.T) {
	t.Parallel()
	const (
		path    = "spec.resyncInterval"
		message = "resyncInterval must be a duration such as 10m or 1h30m, at least 1m"
	)
	testAdmission(t, thread, slices.Concat(
		accept("ok", path, "1m", "60s", "60000ms", "1m0.5s", "1h30m", "1.5h", "+10m", "87600h", "2562047h47m16s"),
		accept("default", path, any(nil), any(absent{})),
		refuse("short", path, verdict{path, message}, "59s", "59.999999999s", "0", "0s", "-5m", "1ns"),
		refuse("no duration", path, verdict{path, message}, "", " ", "10", "1d", "10 m", " 10m", "10m\n", "ten", "PT10M",
			"m", "2562048h", "9223372036854775808ns"),
		refuse("long", path, verdict{path, "may not be more than 32"}, strings.Repeat("1m", 17)),
		refuse("type", path, verdict{path, "must be of type string"}, any(10), any(1.5)),
	))
}

func TestThreadPolicies(t *testing.T) {
	t.Parallel()
	const days = "spec.retention.deleteAfterDays"
	cases := slices.Concat(
		accept("retention", days, 30, 31, 90),
		refuse("short", days, verdict{days, "greater than or equal to 30"}, 29, 0, -30),
		refuse("long", days, verdict{days, "less than or equal to 90"}, 91, 1<<31, 1<<62),
		refuse("type", days, verdict{days, "must be of type int"}, any("30"), any(30.5), any(true)),
		refuse("no days", "spec.retention", verdict{days, "Required value"}, map[string]any{}),
	)
	for field, values := range map[string][]string{
		"membershipPolicy": {"Exclusive", "Additive"},
		"deletionPolicy":   {"Delete", "Retain"},
		"managementPolicy": {"Manage", "Observe"},
		"recreationPolicy": {"Recreate", "Never"},
	} {
		path := "spec." + field
		cases = slices.Concat(cases, accept(field, path, values...),
			refuse(field, path, verdict{path, "Unsupported value"}, "", "Other", strings.ToLower(values[0]), values[0]+" "))
	}
	testAdmission(t, thread, cases)
}

func TestConnectionRef(t *testing.T) {
	t.Parallel()
	const name, namespace = "spec.connectionRef.name", "spec.connectionRef.namespace"
	testAdmission(t, thread, slices.Concat(
		accept("name", name, dnsNames()...),
		refuse("name", name, verdict{name, "should match"}, badDNSNames()...),
		refuse("empty", name, verdict{name, "at least 1 chars"}, ""),
		refuse("long", name, verdict{name, "may not be more than 253"}, strings.Repeat("a", 254)),
		accept("namespace", namespace, "a", "team-a", "0", strings.Repeat("a", 63)),
		refuse("namespace", namespace, verdict{namespace, "should match"}, "A", "a.b", "-a", "a-", "a b", "a/b", "a\n"),
		refuse("empty", namespace, verdict{namespace, "at least 1 chars"}, ""),
		refuse("long", namespace, verdict{namespace, "may not be more than 63"}, strings.Repeat("a", 64)),
		refuse("type", "spec.connectionRef", verdict{"spec.connectionRef", "must be of type object"}, any("acs"),
			any([]any{})),
	))
}

// dnsNames are valid names of Kubernetes objects, and badDNSNames are not.
func dnsNames() []string {
	return []string{"a", "0", "acs", "acs-1.eu", strings.Repeat("a", 253)}
}

func badDNSNames() []string {
	return []string{"A", "a_b", "-a", "a-", ".a", "a.", "a..b", "a b", "a/b", "a\n", "ä"}
}
