// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

const (
	acsDomain = ".communication.azure.com"
	entraHost = "login.microsoftonline.com"
	// releases are the files of the releases of this project, which kustomizations refer to.
	releaseHost, releases = "github.com", "/acs-operator/acs-chat-operator/releases/download/"
	// entraTenant is the tenant of the stub of Microsoft Entra.
	entraTenant = "00000000-0000-0000-0000-000000000001"
	entraToken  = "token-of-the-operator"
)

// internet stands in for the hosts that the operator and kubectl call: an emulated resource of ACS
// for each recipe, Microsoft Entra, and GitHub. They are reached through a proxy, under their real
// names, so that the recipes can be applied as they are.
type internet struct {
	t         *testing.T
	authority []byte // to trust
	server    *httptest.Server
	proxy     *httptest.Server

	mu        sync.Mutex
	resources map[string]*emulator.Server // by host
	// identities are the service accounts that may get a token, with the client id that each needs.
	identities map[string]string
}

func newInternet(t *testing.T) *internet {
	t.Helper()
	config, authority, err := emulator.GenerateTLS("*"+acsDomain, entraHost, releaseHost)
	if err != nil {
		t.Fatal(err)
	}
	n := &internet{t: t, authority: authority, resources: map[string]*emulator.Server{}, identities: map[string]string{}}
	n.server = httptest.NewUnstartedServer(n)
	n.server.TLS = config
	n.server.EnableHTTP2 = true
	n.server.StartTLS()
	n.proxy = httptest.NewServer(http.HandlerFunc(n.tunnel))
	t.Cleanup(func() {
		n.proxy.CloseClientConnections()
		n.proxy.Close()
		n.server.CloseClientConnections()
		n.server.Close()
	})
	return n
}

// resource returns the emulated resource of a host, and creates it if there is none.
func (n *internet) resource(name string) *emulator.Server {
	n.mu.Lock()
	defer n.mu.Unlock()
	host := name + acsDomain
	if n.resources[host] == nil {
		n.resources[host] = emulator.New(emulator.Options{Quotas: true, EntraToken: entraToken})
	}
	return n.resources[host]
}

// allow lets a service account get a token with this client id.
func (n *internet) allow(subject, clientID string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.identities[subject] = clientID
}

func (n *internet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	resource := n.resources[r.Host]
	n.mu.Unlock()
	switch {
	case r.Host == entraHost:
		n.serveEntra(w, r)
	case resource != nil:
		resource.ServeHTTP(w, r)
	case r.Host == releaseHost && strings.HasPrefix(r.URL.Path, releases) && path.Base(r.URL.Path) == "kustomize-openapi.json":
		http.ServeFile(w, r, "config/kustomize/openapi.json")
	default:
		http.Error(w, "no resource "+r.Host, http.StatusBadGateway)
	}
}

// tunnel is a proxy that connects every host of https with the server.
func (n *internet) tunnel(w http.ResponseWriter, r *http.Request) {
	host, port, _ := net.SplitHostPort(r.Host)
	if r.Method != http.MethodConnect || port != "443" || host != entraHost && host != releaseHost && !strings.HasSuffix(host, acsDomain) {
		n.t.Errorf("unexpected call: %s %s", r.Method, r.Host)
		http.Error(w, "unknown host", http.StatusBadGateway)
		return
	}
	upstream, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", n.server.Listener.Addr().String())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = upstream.Close()
		n.t.Errorf("proxy: %v", err)
		return
	}
	_, _ = io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	join := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_ = to.Close()
	}
	go join(upstream, client)
	go join(client, upstream)
}

// serveEntra describes the tenant, and issues a token to the service accounts that have an
// identity.
func (n *internet) serveEntra(w http.ResponseWriter, r *http.Request) {
	tenant := "https://" + entraHost + "/" + entraTenant
	answer := map[string]string{}
	switch {
	case strings.Contains(r.URL.Path, "/discovery/instance"):
		answer["tenant_discovery_endpoint"] = tenant + "/v2.0/.well-known/openid-configuration"
	case strings.HasSuffix(r.URL.Path, "/openid-configuration"):
		answer["authorization_endpoint"] = tenant + "/oauth2/v2.0/authorize"
		answer["token_endpoint"] = tenant + "/oauth2/v2.0/token"
		answer["issuer"] = tenant + "/v2.0"
	default:
		if err := n.checkAssertion(r); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			answer["error"], answer["error_description"] = "invalid_client", "AADSTS70021: "+err.Error()
			break
		}
		answer["access_token"], answer["token_type"], answer["expires_in"] = entraToken, "Bearer", "3600"
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		n.t.Error(err)
	}
}

// checkAssertion returns an error unless the request has a token of a service account that is
// federated with the identity it names. The stub does not check the signature.
func (n *internet) checkAssertion(r *http.Request) error {
	parts := strings.Split(r.PostFormValue("client_assertion"), ".")
	if len(parts) != 3 || r.PostFormValue("scope") == "" {
		return fmt.Errorf("no assertion or no scope")
	}
	content, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var claims struct {
		Subject  string   `json:"sub"`
		Audience []string `json:"aud"`
	}
	if err := json.Unmarshal(content, &claims); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if id := n.identities[claims.Subject]; id == "" || id != r.PostFormValue("client_id") || strings.Join(claims.Audience, " ") != entraAudience {
		return fmt.Errorf("subject %q with audience %q may not use identity %q", claims.Subject, claims.Audience, r.PostFormValue("client_id"))
	}
	return nil
}

// entraAudience is the audience of tokens that are exchanged for those of Microsoft Entra.
const entraAudience = "api://AzureADTokenExchange"
