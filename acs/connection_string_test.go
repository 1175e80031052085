// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"strings"
	"testing"

	"github.com/acs-operator/acs-chat-operator/acs"
)

func TestParseConnectionString(t *testing.T) {
	t.Parallel()
	const endpoint = "https://contoso.communication.azure.com"
	for name, test := range map[string]struct {
		text     string
		endpoint string // of the result
		problem  string // in the error
	}{
		"as the portal shows it": {
			text: "endpoint=https://contoso.communication.azure.com/;accesskey=" + exampleKey, endpoint: endpoint},
		"no slash, other order, other case, semicolon at the end": {
			text: "AccessKey=" + exampleKey + ";EndPoint=HTTPS://Contoso.Communication.Azure.COM;", endpoint: endpoint},
		"blanks and line breaks": {
			text: "\n endpoint=" + endpoint + "/ ;\n accesskey = " + exampleKey + " \r\n", endpoint: endpoint},
		"port":                   {text: "endpoint=https://localhost:8443/;accesskey=" + exampleKey, endpoint: "https://localhost:8443"},
		"IPv6":                   {text: "endpoint=https://[::1]:8443;accesskey=" + exampleKey, endpoint: "https://[::1]:8443"},
		"http":                   {text: "endpoint=http://127.0.0.1:8080;accesskey=" + exampleKey, endpoint: "http://127.0.0.1:8080"},
		"equal signs in the key": {text: "endpoint=" + endpoint + ";accesskey=c2VjcmV0LQ==", endpoint: endpoint},

		"empty":                    {text: "", problem: "endpoint is missing"},
		"no endpoint":              {text: "accesskey=" + exampleKey, problem: "endpoint is missing"},
		"empty endpoint":           {text: "endpoint=;accesskey=" + exampleKey, problem: "endpoint is missing"},
		"no key":                   {text: "endpoint=" + endpoint, problem: "accesskey is missing"},
		"empty key":                {text: "endpoint=" + endpoint + ";accesskey=", problem: "accesskey is missing"},
		"endpoint twice":           {text: "endpoint=" + endpoint + ";endpoint=" + endpoint, problem: "endpoint appears twice"},
		"key twice":                {text: "accesskey=" + exampleKey + ";AccessKey=" + exampleKey, problem: "accesskey appears twice"},
		"key not base64":           {text: "endpoint=" + endpoint + ";accesskey=" + exampleKey + "!", problem: "accesskey is not base64"},
		"unknown part":             {text: "endpoint=" + endpoint + ";region=eu;accesskey=" + exampleKey, problem: "unknown part at position 2"},
		"key without a name":       {text: "endpoint=" + endpoint + ";" + exampleKey + "==", problem: "unknown part at position 2"},
		"comma":                    {text: "endpoint=" + endpoint + ",accesskey=" + exampleKey, problem: "accesskey is missing"},
		"comma, and the key again": {text: "endpoint=" + endpoint + "," + exampleKey + ";accesskey=" + exampleKey, problem: "host"},
		"no scheme":                {text: "endpoint=contoso.communication.azure.com;accesskey=" + exampleKey, problem: "absolute"},
		"other scheme":             {text: "endpoint=ftp://contoso;accesskey=" + exampleKey, problem: "absolute"},
		"no host":                  {text: "endpoint=https:///;accesskey=" + exampleKey, problem: "host"},
		"opaque":                   {text: "endpoint=https:contoso;accesskey=" + exampleKey, problem: "endpoint"},
		"user info":                {text: "endpoint=https://me:" + exampleKey + "@contoso;accesskey=" + exampleKey, problem: "user info"},
		"path":                     {text: "endpoint=https://contoso/chat;accesskey=" + exampleKey, problem: "path"},
		"query":                    {text: "endpoint=https://contoso/?a=b;accesskey=" + exampleKey, problem: "query"},
		"empty query":              {text: "endpoint=https://contoso/?;accesskey=" + exampleKey, problem: "query"},
		"fragment":                 {text: "endpoint=https://contoso/#;accesskey=" + exampleKey, problem: "fragment"},
		"empty port":               {text: "endpoint=https://contoso:;accesskey=" + exampleKey, problem: "host"},
		"port out of range":        {text: "endpoint=https://contoso:65536;accesskey=" + exampleKey, problem: "host"},
		"port zero":                {text: "endpoint=https://contoso:0;accesskey=" + exampleKey, problem: "host"},
		"not ASCII":                {text: "endpoint=https://cöntoso;accesskey=" + exampleKey, problem: "host"},
		"control character":        {text: "endpoint=https://con\x00toso;accesskey=" + exampleKey, problem: "not a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := acs.ParseConnectionString(test.text)
			if test.problem != "" {
				if err == nil || !strings.Contains(err.Error(), test.problem) {
					t.Fatalf("error is %v, want one about %q", err, test.problem)
				}
				if strings.Contains(err.Error(), exampleKey[:8]) {
					t.Errorf("error %q quotes the key", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Endpoint != test.endpoint {
				t.Errorf("endpoint is %q, want %q", got.Endpoint, test.endpoint)
			}
			if key := got.AccessKey.Reveal(); !strings.Contains(test.text, key) || key == "" {
				t.Errorf("access key is %q", key)
			}
		})
	}
}
