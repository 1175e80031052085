// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

func TestGenerateTLS(t *testing.T) {
	t.Parallel()
	config, authority, err := emulator.GenerateTLS()
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{T: t, clock: &clock{now: time.Now()}}
	f.emu = emulator.New(emulator.Options{Clock: f.clock.Now})
	f.server = httptest.NewUnstartedServer(f.emu)
	f.server.TLS = config
	f.server.StartTLS()
	t.Cleanup(f.server.Close)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		t.Fatalf("not a certificate: %s", authority)
	}
	f.server.Client().Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	for _, host := range []string{"127.0.0.1", "localhost"} {
		f.server.URL = strings.Replace(f.server.URL, "127.0.0.1", host, 1)
		_, token := f.user()
		r := f.chat(201, token, http.MethodPost, "/chat/threads", `{"topic":"t"}`)
		if location := r.header.Get("Location"); !strings.HasPrefix(location, "https://"+host+":") {
			t.Errorf("Location %s", location)
		}
	}
	f.server.Client().CloseIdleConnections()

	// A client of one authority does not trust the other.
	_, another, err := emulator.GenerateTLS("chat.example")
	if err != nil {
		t.Fatal(err)
	}
	others := x509.NewCertPool()
	others.AppendCertsFromPEM(another)
	f.server.Client().Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: others, MinVersion: tls.VersionTLS12}}
	if _, err := f.try(f.request(call{method: http.MethodGet, path: "/chat/threads"})); err == nil {
		t.Error("another authority is trusted")
	}
}
