// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"crypto/fips140"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// minFIPSKey is 112 bits.
const minFIPSKey = 14

// ConnectionString is a resource's endpoint and one of its two access keys.
type ConnectionString struct {
	Endpoint  string // as [ParseEndpoint] returns it
	AccessKey Secret // base64
}

// ParseConnectionString parses a connection string as the Azure portal shows it,
//
//	endpoint=https://<resource>.communication.azure.com/;accesskey=<base64>
//
// The names are compared without regard to case and may come in any order. Blanks and line breaks
// around the string and its parts, a semicolon at its end, and a byte-order mark before it, which
// some editors write, are ignored. The errors name the part that is wrong, or the format that the
// string seems to have instead, such as JSON or base64. They quote nothing, because in a mangled
// string the key can be anywhere. In Go's FIPS 140-3 mode "only" a key of less than 14 bytes is
// also an error.
//
// See https://learn.microsoft.com/azure/communication-services/concepts/authentication.
func ParseConnectionString(s string) (ConnectionString, error) {
	s = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(s), byteOrderMark))
	if err := checkForm(s); err != nil {
		return ConnectionString{}, fmt.Errorf("connection string %w", err)
	}
	endpoint, accessKey, err := splitConnectionString(s)
	if err != nil {
		return ConnectionString{}, fmt.Errorf("connection string: %w", err)
	}
	if endpoint, err = ParseEndpoint(endpoint); err != nil {
		return ConnectionString{}, fmt.Errorf("connection string: %w", err)
	}
	if _, err := decodeAccessKey(accessKey); err != nil {
		return ConnectionString{}, fmt.Errorf("connection string: %w", err)
	}
	return ConnectionString{Endpoint: endpoint, AccessKey: NewSecret(accessKey)}, nil
}

// checkForm recognizes formats in which connection strings are often passed on. None of them can be
// confused with a connection string.
func checkForm(s string) error {
	lower := strings.ToLower(s)
	_, value, _ := strings.Cut(lower, "=")
	switch {
	case strings.HasPrefix(s, "\xff\xfe"), strings.HasPrefix(s, "\xfe\xff"):
		return errors.New("is in UTF-16; want UTF-8")
	case strings.ContainsAny(s[:min(len(s), 1)], "\"'`"), strings.HasPrefix(s, "“"):
		return errors.New("begins with a quotation mark; want what is between the quotes")
	case strings.HasPrefix(s, "{"), strings.HasPrefix(s, "["):
		return errors.New("looks like JSON; want the string in it, as az prints it with -o tsv")
	case strings.Contains(lower, "%3d"):
		return errors.New("is percent-encoded; want it as the portal shows it")
	case beginsWithPart(strings.TrimLeft(value, "\"' \t")):
		return errors.New("begins with a name and an equal sign, like a line that sets a variable; want what is behind these")
	}
	if decoded, err := base64.StdEncoding.DecodeString(s); err == nil && beginsWithPart(strings.ToLower(string(decoded))) {
		return errors.New("looks like base64 of one; a Secret's data is encoded once, its stringData not at all")
	}
	return nil
}

func beginsWithPart(s string) bool {
	s = strings.TrimLeft(strings.TrimPrefix(s, byteOrderMark), "\"' \t")
	return strings.HasPrefix(s, "endpoint=") || strings.HasPrefix(s, "accesskey=")
}

func splitConnectionString(s string) (endpoint, accessKey string, err error) {
	values := map[string]string{}
	for i, part := range strings.Split(s, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if name != "endpoint" && name != "accesskey" {
			return "", "", fmt.Errorf("unknown part at position %d; want endpoint and accesskey", i+1)
		}
		if _, twice := values[name]; twice {
			return "", "", fmt.Errorf("%s appears twice", name)
		}
		values[name] = strings.TrimSpace(value)
	}
	for _, name := range []string{"endpoint", "accesskey"} {
		if values[name] == "" {
			return "", "", fmt.Errorf("%s is missing", name)
		}
	}
	return values["endpoint"], values["accesskey"], nil
}

// decodeAccessKey never quotes the key, so it drops the position that base64 would report.
func decodeAccessKey(accessKey string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(accessKey)
	if err != nil {
		return nil, errors.New("accesskey is not base64")
	}
	if len(key) == 0 {
		return nil, errors.New("accesskey is empty")
	}
	// Signing with it would panic. The service's keys have 64 bytes.
	if fips140.Enforced() && len(key) < minFIPSKey {
		return nil, fmt.Errorf("accesskey is shorter than %d bytes, which FIPS 140-3 forbids", minFIPSKey)
	}
	return key, nil
}

// ParseEndpoint checks an endpoint and returns it in the form scheme://host[:port], in lower case
// and without a slash at the end. It must be an absolute http or https URL of a host, which may be
// an IPv6 address in brackets, without a zone: no user info, path, query or fragment. The errors do
// not quote the endpoint.
func ParseEndpoint(s string) (string, error) {
	s = strings.TrimSpace(s)
	if scheme, _, ok := strings.Cut(strings.ToLower(s), "://"); !ok || scheme != "https" && scheme != "http" {
		return "", errors.New("endpoint does not begin with https:// or http://")
	}
	endpoint, err := url.Parse(s)
	switch {
	case err != nil:
		return "", errors.New("endpoint is not a URL")
	case endpoint.User != nil:
		return "", errors.New("endpoint has user info")
	case strings.ContainsAny(s, "?#"):
		return "", errors.New("endpoint has a query or a fragment")
	case endpoint.Path != "" && endpoint.Path != "/":
		return "", errors.New("endpoint has a path")
	case !validHost(endpoint):
		return "", errors.New("endpoint has no valid host")
	}
	return endpoint.Scheme + "://" + strings.ToLower(endpoint.Host), nil
}

// validHost is stricter than net/url: the signature covers the host that net/http sends, and
// net/http rewrites a host that is not ASCII.
func validHost(endpoint *url.URL) bool {
	name, port := endpoint.Hostname(), endpoint.Port()
	if name == "" || strings.HasSuffix(endpoint.Host, ":") {
		return false
	}
	if port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return false
		}
	}
	return validName(name)
}

func validName(name string) bool {
	if strings.Contains(name, ":") {
		address, err := netip.ParseAddr(name)
		return err == nil && address.Zone() == ""
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune("-._", r)
	})
}
