// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// The variables of OpenTelemetry that this package reads. The SDK reads those on service and
// resource, sampler, limits and batches.
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/
const (
	envDisabled = "OTEL_SDK_DISABLED"
	envExporter = "OTEL_TRACES_EXPORTER"
	// The others have a form for traces only, which wins.
	envPrefix       = "OTEL_EXPORTER_OTLP_"
	envTracesPrefix = "OTEL_EXPORTER_OTLP_TRACES_"
)

const defaultTimeout = 10 * time.Second

// settings say how to reach the collector.
type settings struct {
	endpoint   *url.URL
	headers    map[string]string
	timeout    time.Duration
	compressed bool
	tls        *tls.Config
}

// shownEndpoint is the endpoint for the log. It may have a password.
func (s *settings) shownEndpoint() string { return s.endpoint.Redacted() }

// readSettings returns nil if no collector is named.
func readSettings(getenv func(string) string) (*settings, error) {
	if strings.EqualFold(getenv(envDisabled), "true") {
		return nil, nil //nolint:nilnil // traces are off
	}
	switch exporter := getenv(envExporter); exporter {
	case "", "otlp":
	case "none":
		return nil, nil //nolint:nilnil // traces are off
	default:
		return nil, fmt.Errorf("%s=%s: the operator exports traces by otlp only; set otlp or none", envExporter, exporter)
	}
	env := environment{getenv}
	endpoint, err := env.endpoint()
	if endpoint == nil || err != nil {
		return nil, err
	}
	s := &settings{endpoint: endpoint, timeout: defaultTimeout}
	if name, protocol := env.of("PROTOCOL"); protocol != "" && protocol != "http/protobuf" {
		return nil, fmt.Errorf("%s=%s: the operator sends http/protobuf only; unset it, and name the collector's port for HTTP, by convention 4318", name, protocol)
	}
	for _, read := range []func(environment) error{s.readHeaders, s.readTimeout, s.readCompression, s.readTLS} {
		if err := read(env); err != nil {
			return nil, err
		}
	}
	return s, nil
}

type environment struct{ getenv func(string) string }

// of returns the value of a variable in the form that wins, and the name of that.
func (e environment) of(suffix string) (name, value string) {
	if value := e.getenv(envTracesPrefix + suffix); value != "" {
		return envTracesPrefix + suffix, value
	}
	return envPrefix + suffix, e.getenv(envPrefix + suffix)
}

// endpoint returns the URL to send traces to, or nil if there is none. The one for traces is whole,
// the other gets the path for traces.
func (e environment) endpoint() (*url.URL, error) {
	name, value := e.of("ENDPOINT")
	if value == "" {
		return nil, nil //nolint:nilnil // traces are off
	}
	parsed, err := url.Parse(value)
	if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		// The value may have a password.
		return nil, fmt.Errorf("%s is not a URL such as http://collector:4318", name)
	}
	if strings.HasPrefix(name, envTracesPrefix) {
		if parsed.Path == "" {
			parsed.Path = "/"
		}
		return parsed, nil
	}
	return parsed.JoinPath("v1", "traces"), nil
}

// readHeaders reads a list such as key=value,key=value, whose parts are URL-encoded.
func (s *settings) readHeaders(env environment) error {
	name, list := env.of("HEADERS")
	s.headers = map[string]string{}
	for pair := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, value, found := strings.Cut(pair, "=")
		key, keyErr := url.PathUnescape(strings.TrimSpace(key))
		value, valueErr := url.PathUnescape(strings.TrimSpace(value))
		if !found || key == "" || keyErr != nil || valueErr != nil {
			// The values are often secret.
			return fmt.Errorf("%s is not a list such as name=value,name=value", name)
		}
		s.headers[key] = value
	}
	return nil
}

func (s *settings) readTimeout(env environment) error {
	name, value := env.of("TIMEOUT")
	if value == "" {
		return nil
	}
	milliseconds, err := strconv.Atoi(value)
	if err != nil || milliseconds <= 0 {
		return fmt.Errorf("%s=%s is not a number of milliseconds above 0", name, value)
	}
	s.timeout = time.Duration(milliseconds) * time.Millisecond
	return nil
}

func (s *settings) readCompression(env environment) error {
	switch name, value := env.of("COMPRESSION"); value {
	case "", "none":
	case "gzip":
		s.compressed = true
	default:
		return fmt.Errorf("%s=%s: set gzip or none", name, value)
	}
	return nil
}

func (s *settings) readTLS(env environment) error {
	name, file := env.of("CERTIFICATE")
	_, certificate := env.of("CLIENT_CERTIFICATE")
	_, key := env.of("CLIENT_KEY")
	if file == "" && certificate == "" && key == "" {
		return nil
	}
	s.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	if file != "" {
		content, err := os.ReadFile(file) //nolint:gosec // whoever runs the operator names it
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		s.tls.RootCAs = x509.NewCertPool()
		if !s.tls.RootCAs.AppendCertsFromPEM(content) {
			return fmt.Errorf("%s=%s: the file has no certificate in PEM form", name, file)
		}
	}
	if cmp.Or(certificate, key) == "" {
		return nil
	}
	if certificate == "" || key == "" {
		return errors.New(envPrefix + "CLIENT_CERTIFICATE and " + envPrefix + "CLIENT_KEY: set both, or none")
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return fmt.Errorf("%sCLIENT_CERTIFICATE: %w", envPrefix, err)
	}
	s.tls.Certificates = []tls.Certificate{pair}
	return nil
}
