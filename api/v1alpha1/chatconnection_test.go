// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestCredentials(t *testing.T) {
	t.Parallel()
	const (
		secret = "spec.connectionStringSecretRef"
		name   = secret + ".name"
		key    = secret + ".key"
		entra  = "spec.entra"
		one    = "exactly one of connectionStringSecretRef and entra must be set"
	)
	endpoint := map[string]any{"endpoint": "https://contoso.communication.azure.com"}
	testAdmission(t, connection, slices.Concat([]admission{
		{"entra alone", fields{secret: absent{}, entra: endpoint}, verdict{}},
		{"none", fields{secret: absent{}, "spec": map[string]any{}}, verdict{"spec", one}},
		{"both", fields{entra: endpoint}, verdict{"spec", one}},
	},
		accept("name", name, dnsNames()...),
		refuse("name", name, verdict{name, "should match"}, badDNSNames()...),
		refuse("empty", name, verdict{name, "at least 1 chars"}, ""),
		refuse("long", name, verdict{name, "may not be more than 253"}, strings.Repeat("a", 254)),
		refuse("no name", secret, verdict{name, "Required value"}, map[string]any{"key": "k"}),
		accept("key", key, "connectionString", "a", "A.b_c-1", "tls.crt", strings.Repeat("k", 253)),
		refuse("key", key, verdict{key, "should match"}, "a b", "a/b", "ä", "a\n", "$k"),
		refuse("empty", key, verdict{key, "at least 1 chars"}, ""),
		refuse("long", key, verdict{key, "may not be more than 253"}, strings.Repeat("a", 254)),
	))
}

func TestEntra(t *testing.T) {
	t.Parallel()
	const (
		endpoint = "spec.entra.endpoint"
		client   = "spec.entra.clientID"
		tenant   = "spec.entra.tenantID"
		host     = "https://contoso.communication.azure.com"
	)
	cases := slices.Concat(
		accept("endpoint", endpoint, host, host+"/", "https://localhost:8443", "https://[::1]:8443", "https://a"),
		refuse("endpoint", endpoint, verdict{endpoint, "should match"}, "http://contoso.communication.azure.com",
			"HTTPS://contoso.com", host+"/chat", host+"?a=b", host+"#a", "https://user@contoso.com",
			"https://user:pw@contoso.com", "contoso.com", "https:///chat", " "+host, host+" ", host+"\n", host+"//",
			"ftp://contoso.com", "https://con toso.com"),
		refuse("short", endpoint, verdict{endpoint, "at least 9 chars"}, "", "https://"),
		refuse("long", endpoint, verdict{endpoint, "may not be more than 512"}, "https://"+strings.Repeat("a", 505)),
		refuse("missing", endpoint, verdict{endpoint, "Required value"}, absent{}),
		accept("clientID", client, "6f1d3b0a-3f0b-4a53-9d4e-0f6f1b6c1d11"),
		refuse("clientID", client, verdict{client, "should match"}, "", "a b", "a.b", "ä", "a\n"),
		refuse("long", client, verdict{client, "may not be more than 64"}, strings.Repeat("a", 65)),
		accept("tenantID", tenant, "6f1d3b0a-3f0b-4a53-9d4e-0f6f1b6c1d11", "contoso.onmicrosoft.com"),
		refuse("tenantID", tenant, verdict{tenant, "should match"}, "", "a b", "a/b", "ä", "a\n"),
		refuse("long", tenant, verdict{tenant, "may not be more than 255"}, strings.Repeat("a", 256)),
	)
	for i := range cases {
		set := fields{"spec.connectionStringSecretRef": absent{}, "spec.entra": map[string]any{"endpoint": host}}
		maps.Copy(set, cases[i].set)
		cases[i].set = set
	}
	testAdmission(t, connection, cases)
}

func TestServiceUsers(t *testing.T) {
	t.Parallel()
	const (
		count = "spec.serviceUsers.count"
		ids   = "spec.serviceUsers.ids"
		name  = "spec.serviceUsers.displayName"
	)
	many := func(n int) []string {
		list := []string{}
		for i := range n {
			list = append(list, fmt.Sprintf("8:acs:%0250d", i))
		}
		return list
	}
	testAdmission(t, connection, slices.Concat(
		accept("count", count, 1, 32),
		refuse("count", count, verdict{count, "greater than or equal to 1"}, 0, -1),
		refuse("count", count, verdict{count, "less than or equal to 32"}, 33, 1<<40),
		refuse("count", count, verdict{count, "must be of type int"}, any("1"), any(1.5)),
		accept("ids", ids, []string{}, []string{"8:acs:a"}, []string{"8:dod-acs:a", "8:gcch-acs:a"}, many(32)),
		refuse("ids", ids, verdict{ids, "must have at most 32 items"}, many(33)),
		refuse("twice", ids, verdict{ids + "[1]", "Duplicate value"}, []string{"8:acs:a", "8:acs:a"}),
		refuse("id", ids, verdict{ids + "[0]", "should match"}, []string{"8:orgid:a"}, []string{"28:orgid:a"},
			[]string{"4:+491511234"}, []string{"8:acs:a,8:acs:b"}, []string{"8:acs:a "}, []string{"8:ACS:a"},
			[]string{"8:acs:a\n"}),
		refuse("short", ids, verdict{ids + "[0]", "at least 7 chars"}, []string{""}, []string{"8:acs:"}),
		refuse("long", ids, verdict{ids + "[0]", "may not be more than 256"}, []string{"8:acs:" + strings.Repeat("a", 251)}),
		accept("name", name, "", "Support", strings.Repeat("ü", 256)),
		refuse("name", name, verdict{name, "may not be more than 256"}, strings.Repeat("a", 257)),
	))
}

func TestAllowedNamespaces(t *testing.T) {
	t.Parallel()
	const (
		path     = "spec.allowedNamespaces"
		from     = path + ".from"
		selector = path + ".selector"
		both     = "selector is required with from Selector and forbidden otherwise"
	)
	everything := map[string]any{}
	testAdmission(t, connection, []admission{
		{"empty", fields{path: map[string]any{}}, verdict{}},
		{"null", fields{path: nil}, verdict{}},
		{"same", fields{from: "Same"}, verdict{}},
		{"all", fields{from: "All"}, verdict{}},
		{"selector of all", fields{from: "Selector", selector: everything}, verdict{}},
		{"selector missing", fields{from: "Selector"}, verdict{path, both}},
		{"selector null", fields{from: "Selector", selector: nil}, verdict{path, both}},
		{"selector with All", fields{from: "All", selector: everything}, verdict{path, both}},
		{"selector with Same", fields{from: "Same", selector: everything}, verdict{path, both}},
		{"selector with the default", fields{selector: everything}, verdict{path, both}},
		{"unknown", fields{from: "None"}, verdict{from, "Unsupported value"}},
		{"from empty", fields{from: ""}, verdict{from, "Unsupported value"}},
	})
}

func TestQuotas(t *testing.T) {
	t.Parallel()
	both := func(ten, minute int) map[string]any { return map[string]any{"per10s": ten, "perMinute": minute} }
	var cases []admission
	for _, operation := range []string{
		"createThread", "deleteThread", "updateThread", "changeMembers", "readThread", "listMembers",
	} {
		quota := "spec.quotas." + operation
		ten, minute := quota+".per10s", quota+".perMinute"
		cases = slices.Concat(cases,
			accept(operation, ten, 1, 1_000_000),
			refuse(operation, ten, verdict{ten, "greater than or equal to 1"}, 0, -1),
			refuse(operation, ten, verdict{ten, "less than or equal to 1000000"}, 1_000_001, 1<<30),
			accept(operation, quota, both(1, 1), both(9, 1_000_000)),
			refuse(operation, quota, verdict{minute, "greater than or equal to 1"}, both(1, 0)),
			refuse(operation, quota, verdict{minute, "less than or equal to 1000000"}, both(1, 1_000_001)),
			refuse(operation, quota, verdict{ten, "Required value"}, map[string]any{}, map[string]any{"perMinute": 1}),
		)
	}
	testAdmission(t, connection, cases)
}
