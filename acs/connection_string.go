// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

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
// around the string and its parts, and a semicolon at its end, are ignored. The errors name the
// part that is wrong but quote nothing, because in a mangled string the key can be anywhere.
//
// See https://learn.microsoft.com/azure/communication-services/concepts/authentication.
func ParseConnectionString(s string) (ConnectionString, error) {
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
	return key, nil
}

// ParseEndpoint checks an endpoint and brings it into the form scheme://host[:port], in lower
// case and without the slash at the end. It must be an absolute http or https URL of a host: no user
// info, path, query or fragment. The errors do not quote the endpoint.
func ParseEndpoint(s string) (string, error) {
	endpoint, err := url.Parse(strings.TrimSpace(s))
	switch {
	case err != nil, endpoint.Opaque != "":
		return "", errors.New("endpoint is not a URL")
	case endpoint.Scheme != "https" && endpoint.Scheme != "http":
		return "", errors.New("endpoint is not an absolute http or https URL")
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

// validHost is stricter than net/url: what is signed must be what net/http sends, and that
// rewrites a host which is not ASCII.
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
	return !strings.ContainsFunc(name, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune("-._:", r)
	})
}
