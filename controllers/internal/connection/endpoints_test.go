// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

func TestParseEndpointRules(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]EndpointRules{
		"":                         nil,
		" , ,":                     nil,
		".communication.azure.com": {".communication.azure.com"},
		" .Communication.Azure.COM , 127.0.0.1:8443 ": {".communication.azure.com", "127.0.0.1:8443"},
		"contoso.communication.azure.com":             {"contoso.communication.azure.com"},
		"emulator.svc:443":                            {"emulator.svc"},
		"emulator.svc:8443,localhost":                 {"emulator.svc:8443", "localhost"},
		"[::1]:8443":                                  {"[::1]:8443"},
		"[::1]:443":                                   {"[::1]"},
	} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			got, err := ParseEndpointRules(value)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseEndpointRulesRefuses(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		".",
		"https://contoso.communication.azure.com",
		"contoso.communication.azure.com/",
		".communication.azure.com/path",
		".communication.azure.com:443",
		".communication.azure.com:8443",
		"user@contoso.communication.azure.com",
		"contoso.communication.azure.com?x",
		"contoso.communication.azure.com#x",
		"host:port",
		"a b",
		":8443",
		".communication.azure.com,https://evil.example",
	} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			rules, err := ParseEndpointRules(value)
			if err == nil || rules != nil {
				t.Errorf("rules %v, error %v", rules, err)
			}
		})
	}
}

// An entry that no endpoint can match is a mistake that the operator should not start with.
func TestParseEndpointRulesRefusesDeadEntries(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"*.communication.azure.com", "..", "..azure.com", "host:", "host:0", "host:70000"} {
		if rules, err := ParseEndpointRules(value); err == nil {
			t.Errorf("%q is accepted as %v", value, rules)
		}
	}
}

// defaultRules is the default of the flag.
var defaultRules = strings.Join(DefaultEndpointSuffixes, ",")

// endpointRuleTests are rules with endpoints that they allow or refuse.
var endpointRuleTests = []struct {
	rules, endpoint string
	// reason is empty where the endpoint is allowed.
	reason string
}{
	{defaultRules, "https://contoso.communication.azure.com", ""},
	{defaultRules, "https://contoso.communication.azure.com/", ""},
	{defaultRules, "https://contoso.communication.azure.com:443", ""},
	{defaultRules, "https://CONTOSO.Communication.Azure.Com", ""},
	{defaultRules, "https://contoso.unitedstates.communication.azure.com", ""},
	{defaultRules, "https://contoso.communication.azure.us", ""},
	{defaultRules, "https://contoso.communication.azure.cn", ""},

	{defaultRules, "https://communication.azure.com", chatv1alpha1.ReasonEndpointNotAllowed},
	{defaultRules, "https://.communication.azure.com", chatv1alpha1.ReasonEndpointNotAllowed},
	{defaultRules, "https://evil-communication.azure.com", chatv1alpha1.ReasonEndpointNotAllowed},
	{defaultRules, "https://evil.azure.com", chatv1alpha1.ReasonEndpointNotAllowed},
	{defaultRules, "https://contoso.communication.azure.com.evil.org", chatv1alpha1.ReasonEndpointNotAllowed},
	{defaultRules, "https://contoso.communication.azure.com.", chatv1alpha1.ReasonEndpointNotAllowed},
	{defaultRules, "https://contoso.communication.azure.com.:443", chatv1alpha1.ReasonEndpointNotAllowed},
	{defaultRules, "https://contoso.communication.azure.com:444", chatv1alpha1.ReasonEndpointNotAllowed},
	{defaultRules, "https://contoso.communication.azure.com:80", chatv1alpha1.ReasonEndpointNotAllowed},
	{defaultRules, "https://contoso.communication.azure.com:0443", chatv1alpha1.ReasonEndpointNotAllowed},
	{defaultRules, "https://contoso.communication.azure.com:", chatv1alpha1.ReasonEndpointNotAllowed},
	{defaultRules, "https://evil.org#.communication.azure.com", chatv1alpha1.ReasonEndpointNotAllowed},
	{defaultRules, "https://evil.org?.communication.azure.com", chatv1alpha1.ReasonEndpointNotAllowed},
	{defaultRules, "https://evil.org/.communication.azure.com", chatv1alpha1.ReasonEndpointNotAllowed},
	{defaultRules, "https://evil.org:443.communication.azure.com", chatv1alpha1.ReasonInvalidConnectionString},
	{defaultRules, "https://127.0.0.1", chatv1alpha1.ReasonEndpointNotAllowed},
	{defaultRules, "https://127.0.0.1:8443", chatv1alpha1.ReasonEndpointNotAllowed},
	{defaultRules, "https://[::1]", chatv1alpha1.ReasonEndpointNotAllowed},
	{defaultRules, "https://169.254.169.254", chatv1alpha1.ReasonEndpointNotAllowed},
	{defaultRules, "https://kubernetes.default.svc", chatv1alpha1.ReasonEndpointNotAllowed},

	{defaultRules, "http://contoso.communication.azure.com", chatv1alpha1.ReasonEndpointNotAllowed},
	{defaultRules, "ftp://contoso.communication.azure.com", chatv1alpha1.ReasonEndpointNotAllowed},
	{defaultRules, "//contoso.communication.azure.com", chatv1alpha1.ReasonEndpointNotAllowed},
	{defaultRules, "https://user@contoso.communication.azure.com", chatv1alpha1.ReasonInvalidConnectionString},
	{defaultRules, "https://user:password@contoso.communication.azure.com", chatv1alpha1.ReasonInvalidConnectionString},
	{defaultRules, "https://contoso.communication.azure.com@evil.org", chatv1alpha1.ReasonInvalidConnectionString},
	{defaultRules, "https://evil.org\\.communication.azure.com", chatv1alpha1.ReasonInvalidConnectionString},
	{defaultRules, "https://evil.org%2f.communication.azure.com", chatv1alpha1.ReasonInvalidConnectionString},
	{defaultRules, "https:contoso.communication.azure.com", chatv1alpha1.ReasonInvalidConnectionString},
	{defaultRules, "contoso.communication.azure.com", chatv1alpha1.ReasonInvalidConnectionString},
	{defaultRules, "https://", chatv1alpha1.ReasonInvalidConnectionString},
	{defaultRules, "", chatv1alpha1.ReasonInvalidConnectionString},

	{"127.0.0.1:8443", "https://127.0.0.1:8443", ""},
	{"127.0.0.1:8443", "https://127.0.0.1", chatv1alpha1.ReasonEndpointNotAllowed},
	{"127.0.0.1:8443", "https://127.0.0.1:8444", chatv1alpha1.ReasonEndpointNotAllowed},
	{"127.0.0.1:8443", "http://127.0.0.1:8443", chatv1alpha1.ReasonEndpointNotAllowed},
	{"127.0.0.1:8443", "https://1127.0.0.1:8443", chatv1alpha1.ReasonEndpointNotAllowed},
	{"[::1]:8443", "https://[::1]:8443", ""},
	{"[::1]", "https://[::1]:443", ""},
	{"emulator.svc", "https://emulator.svc", ""},
	{"emulator.svc:443", "https://EMULATOR.svc:443", ""},
	{"emulator.svc", "https://a.emulator.svc", chatv1alpha1.ReasonEndpointNotAllowed},
	{"emulator.svc", "https://emulator.svc:8443", chatv1alpha1.ReasonEndpointNotAllowed},
	{"contoso.communication.azure.com", "https://fabrikam.communication.azure.com", chatv1alpha1.ReasonEndpointNotAllowed},
	{"", "https://contoso.communication.azure.com", chatv1alpha1.ReasonEndpointNotAllowed},
}

func TestEndpointRules(t *testing.T) {
	t.Parallel()
	for _, c := range endpointRuleTests {
		t.Run(c.rules+" "+c.endpoint, func(t *testing.T) {
			t.Parallel()
			rules, err := ParseEndpointRules(c.rules)
			if err != nil {
				t.Fatal(err)
			}
			err = rules.Check(c.endpoint)
			var stalled *outcome.Stalled
			if c.reason == "" && err == nil {
				return
			}
			if !errors.As(err, &stalled) || stalled.Reason != c.reason {
				t.Fatalf("error %v, want reason %q", err, c.reason)
			}
			// User info can hold a password.
			if !acstest.IsFitToShow(stalled.Message) || strings.Contains(stalled.Message, "password") {
				t.Errorf("message %q", stalled.Message)
			}
		})
	}
}

// The rules see an endpoint in the form that the client sends: letters that become a dot or a slash
// on the way must not get by.
func TestEndpointRulesSeeWhatIsSent(t *testing.T) {
	t.Parallel()
	rules := EndpointRules(DefaultEndpointSuffixes)
	for _, endpoint := range []string{
		"https://evil.org\uff0f.communication.azure.com",
		"https://evil.org\u2100.communication.azure.com",
		"https://evil\u3002communication.azure.com",
		"https://evil.org\x00.communication.azure.com",
		"https://evil.org\t.communication.azure.com",
		"https://evil.org%00.communication.azure.com",
		"https://evil.org%e3%80%82.communication.azure.com",
	} {
		parsed, err := acs.ParseEndpoint(endpoint)
		if err == nil {
			err = rules.Check(parsed)
		}
		if err == nil {
			t.Errorf("%q is allowed", endpoint)
		}
	}
}

func TestEndpointRulesAloneRefuseForeignLetters(t *testing.T) {
	t.Parallel()
	if err := EndpointRules(DefaultEndpointSuffixes).Check("https://evil.org\uff0f.communication.azure.com"); err == nil {
		t.Error("allowed")
	}
}
