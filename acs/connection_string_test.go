// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/acs-operator/acs-chat-operator/acs"
)

const contosoEndpoint = "https://contoso.communication.azure.com"

// connectionStrings are valid and malformed connection strings.
var connectionStrings = map[string]struct {
	text     string
	endpoint string // of the result
	problem  string // in the error
}{
	"as the portal shows it": {
		text: "endpoint=https://contoso.communication.azure.com/;accesskey=" + exampleKey, endpoint: contosoEndpoint},
	"no slash, other order, other case, semicolon at the end": {
		text: "AccessKey=" + exampleKey + ";EndPoint=HTTPS://Contoso.Communication.Azure.COM;", endpoint: contosoEndpoint},
	"blanks and line breaks": {
		text: "\n endpoint=" + contosoEndpoint + "/ ;\n accesskey = " + exampleKey + " \r\n", endpoint: contosoEndpoint},
	"port":                   {text: "endpoint=https://localhost:8443/;accesskey=" + exampleKey, endpoint: "https://localhost:8443"},
	"IPv6":                   {text: "endpoint=https://[::1]:8443;accesskey=" + exampleKey, endpoint: "https://[::1]:8443"},
	"http":                   {text: "endpoint=http://127.0.0.1:8080;accesskey=" + exampleKey, endpoint: "http://127.0.0.1:8080"},
	"equal signs in the key": {text: "endpoint=" + contosoEndpoint + ";accesskey=c2VjcmV0LWtleS1zZWNyZQ==", endpoint: contosoEndpoint},

	"byte-order mark": {text: "\ufeffendpoint=" + contosoEndpoint + ";accesskey=" + exampleKey, endpoint: contosoEndpoint},

	"empty":                    {text: "", problem: "endpoint is missing"},
	"no endpoint":              {text: "accesskey=" + exampleKey, problem: "endpoint is missing"},
	"empty endpoint":           {text: "endpoint=;accesskey=" + exampleKey, problem: "endpoint is missing"},
	"no key":                   {text: "endpoint=" + contosoEndpoint, problem: "accesskey is missing"},
	"empty key":                {text: "endpoint=" + contosoEndpoint + ";accesskey=", problem: "accesskey is missing"},
	"endpoint twice":           {text: "endpoint=" + contosoEndpoint + ";endpoint=" + contosoEndpoint, problem: "endpoint appears twice"},
	"key twice":                {text: "accesskey=" + exampleKey + ";AccessKey=" + exampleKey, problem: "accesskey appears twice"},
	"key not base64":           {text: "endpoint=" + contosoEndpoint + ";accesskey=" + exampleKey + "!", problem: "accesskey is not base64"},
	"unknown part":             {text: "endpoint=" + contosoEndpoint + ";region=eu;accesskey=" + exampleKey, problem: "unknown part at position 2"},
	"key without a name":       {text: "endpoint=" + contosoEndpoint + ";" + exampleKey + "==", problem: "unknown part at position 2"},
	"comma":                    {text: "endpoint=" + contosoEndpoint + ",accesskey=" + exampleKey, problem: "accesskey is missing"},
	"comma, and the key again": {text: "endpoint=" + contosoEndpoint + "," + exampleKey + ";accesskey=" + exampleKey, problem: "host"},
	"no scheme":                {text: "endpoint=contoso.communication.azure.com;accesskey=" + exampleKey, problem: "begin with https://"},
	"no scheme but a port":     {text: "endpoint=127.0.0.1:8443;accesskey=" + exampleKey, problem: "begin with https://"},
	"other scheme":             {text: "endpoint=ftp://contoso;accesskey=" + exampleKey, problem: "begin with https://"},
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
}

func TestParseConnectionString(t *testing.T) {
	t.Parallel()
	for name, test := range connectionStrings {
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

// TestConnectionStringInAnotherForm checks that the error names the format of a string that
// contains the endpoint in another form.
func TestConnectionStringInAnotherForm(t *testing.T) {
	t.Parallel()
	const good = "endpoint=https://contoso.communication.azure.com/;accesskey=" + exampleKey
	for name, test := range map[string]struct{ text, problem string }{
		"quotes":            {`"` + good + `"`, "quotation mark"},
		"single quotes":     {"'" + good + "'", "quotation mark"},
		"quotes of a text":  {"\u201c" + good + "\u201d", "quotation mark"},
		"quotes and a mark": {"\ufeff \"" + good + `"`, "quotation mark"},
		"JSON":              {`{"primaryConnectionString": "` + good + `"}`, "JSON"},
		"JSON list":         {`["` + good + `"]`, "JSON"},
		"base64":            {base64.StdEncoding.EncodeToString([]byte(good)), "base64"},
		"base64 of a line":  {base64.StdEncoding.EncodeToString([]byte("Endpoint" + good[8:] + "\n")), "base64"},
		"base64, wrapped":   {wrapped(base64.StdEncoding.EncodeToString([]byte(good))), "base64"},
		"variable":          {"COMMUNICATION_CONNECTION_STRING=" + good, "variable"},
		"variable, quoted":  {`export ACS="` + good + `"`, "variable"},
		"PowerShell":        {`$env:ACS = '` + good + `'`, "variable"},
		"percent-encoded":   {strings.ReplaceAll(good, "=", "%3D"), "percent-encoded"},
		"encoded key":       {"endpoint=https://contoso;accesskey=" + exampleKey + "%3d", "percent-encoded"},
		"UTF-16":            {"\xff\xfee\x00n\x00d\x00", "UTF-16"},
		"other base64":      {exampleKey, "unknown part at position 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := acs.ParseConnectionString(test.text + "\n")
			if err == nil || !strings.Contains(err.Error(), test.problem) {
				t.Fatalf("error is %v, want one about %q", err, test.problem)
			}
			for _, part := range []string{exampleKey[:8], test.text[:min(len(test.text), 40)], "contoso"} {
				if strings.Contains(err.Error(), part) {
					t.Errorf("error %q quotes %q", err, part)
				}
			}
		})
	}
}

// wrapped has the lines of the base64 command.
func wrapped(text string) string {
	var lines []string
	for line := range slices.Chunk([]byte(text), 76) {
		lines = append(lines, string(line))
	}
	return strings.Join(lines, "\n")
}

func TestParseEndpoint(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://[::1]:8443":            "https://[::1]:8443",
		"https://[2001:DB8::A]/":        "https://[2001:db8::a]",
		"https://[::ffff:192.0.2.1]":    "https://[::ffff:192.0.2.1]",
		"\tHTTPS://Contoso:443/\t":      "https://contoso:443",
		"http://127.0.0.1:8080":         "http://127.0.0.1:8080",
		"https://::1":                   "",
		"https://[::1":                  "",
		"https://[::1]x":                "",
		"https://[::1%25eth0]":          "",
		"https://[contoso]":             "",
		"https://[1.2.3.4]":             "",
		"https://[:::1]":                "",
		"https://[12345::]":             "",
		"https://[::1]:":                "",
		"https://[::1]:0":               "",
		"[::1]:8443":                    "",
		"https:contoso":                 "",
		"contoso?https://":              "",
		"https://contoso\\@fabrikam":    "",
		"https://contoso%2efabrikam.de": "",
	} {
		got, err := acs.ParseEndpoint(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q gives %q, %v, want %q", text, got, err, want)
		}
	}
}
