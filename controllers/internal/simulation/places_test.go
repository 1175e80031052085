// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
)

// elsewhere are URLs that are not at the endpoint of the connection, even if they look like it. If
// a link to a next page names one of them, the operator requests its path and query at the
// endpoint.
var elsewhere = []string{
	"https://evil.example/chat/threads",
	otherEndpoint + "/chat/threads",
	"http://contoso.communication.azure.com/chat/threads",
	"http://contoso.communication.azure.com:443/chat/threads",
	"https://contoso.communication.azure.com:8443/chat/threads",
	"https://contoso.communication.azure.com./chat/threads",
	"https://contoso.communication.azure.com.evil.example/chat/threads",
	"https://contoso.communication.azure.com@evil.example/chat/threads",
	"https://user:password@contoso.communication.azure.com/chat/threads",
	"https://contoso.communication.azure.com\\@evil.example/chat/threads",
	"https://contoso\u3002communication.azure.com/chat/threads",
	"https://contoso.communication.\u0430zure.com/chat/threads",
	"//evil.example/chat/threads",
	"https:evil.example",
	"file:///etc/passwd",
	"https://%zz/",
}

// operationNamed returns an operation of the table.
func operationNamed(t *testing.T, name string) faultedOperation {
	t.Helper()
	for _, operation := range faultedOperations {
		if operation.name == name {
			return operation
		}
	}
	t.Fatalf("no operation %s", name)
	return faultedOperation{}
}

// No server can send the operator to another host with its credentials: neither by a redirect nor
// by the link to the next page of a list. The network checks each call.
func TestSimFaultsElsewhere(t *testing.T) {
	t.Parallel()
	faults := map[string][]serviceFault{}
	for i, place := range elsewhere {
		for j, name := range []string{"create thread", "get properties", "issue token"} {
			status := []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect}[(i+j)%5]
			faults[name] = append(faults[name], serviceFault{name: fmt.Sprint("redirect ", status, " ", place), answer: redirect(status, place)})
		}
		link := serviceFault{name: "next page " + place, effect: true, answer: changedText(func(body []byte) []byte {
			return linked(body, place+"?api-version=2025-03-15")
		})}
		for _, name := range []string{"list threads", "list participants"} {
			faults[name] = append(faults[name], link)
		}
	}
	for name, faults := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			operation := operationNamed(t, name)
			var want endState
			synctest.Test(t, func(t *testing.T) { want = operation.play(t, nil, faultSpans[1]).end() })
			for _, fault := range faults {
				t.Run(fault.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { operation.play(t, &fault, faultSpans[1]).checkEnd(want) })
				})
			}
		})
	}
}

// linked returns a page with a link to the next one.
func linked(body []byte, link string) []byte {
	var page map[string]any
	if err := json.Unmarshal(body, &page); err != nil {
		return body
	}
	page["nextLink"] = link
	out, err := json.Marshal(page)
	if err != nil {
		return body
	}
	return out
}

// strangeEndpoints are endpoints that a Secret may name and that the operator must not call.
var strangeEndpoints = map[string]string{
	"https://user@contoso.communication.azure.com":           chatv1alpha1.ReasonInvalidConnectionString,
	"https://user:password@contoso.communication.azure.com/": chatv1alpha1.ReasonInvalidConnectionString,
	"https://contoso.communication.azure.com@evil.example":   chatv1alpha1.ReasonInvalidConnectionString,
	"https://2130706433":                                   chatv1alpha1.ReasonEndpointNotAllowed,
	"https://0x7f000001":                                   chatv1alpha1.ReasonEndpointNotAllowed,
	"https://0x7f.0.0.1":                                   chatv1alpha1.ReasonEndpointNotAllowed,
	"https://0177.0.0.1":                                   chatv1alpha1.ReasonEndpointNotAllowed,
	"https://127.1":                                        chatv1alpha1.ReasonEndpointNotAllowed,
	"https://127.0.0.1":                                    chatv1alpha1.ReasonEndpointNotAllowed,
	"https://169.254.169.254":                              chatv1alpha1.ReasonEndpointNotAllowed,
	"https://[::1]":                                        chatv1alpha1.ReasonEndpointNotAllowed,
	"https://[::ffff:127.0.0.1]":                           chatv1alpha1.ReasonEndpointNotAllowed,
	"https://[::ffff:7f00:1]":                              chatv1alpha1.ReasonEndpointNotAllowed,
	"https://[fe80::1%25eth0]":                             chatv1alpha1.ReasonInvalidConnectionString,
	"https://contoso.communication.azure.com.":             chatv1alpha1.ReasonEndpointNotAllowed,
	"https://contoso.communication.azure.com:8443":         chatv1alpha1.ReasonEndpointNotAllowed,
	"https://contoso.communication.azure.com:80":           chatv1alpha1.ReasonEndpointNotAllowed,
	"https://contoso.communication.azure.com:0443":         chatv1alpha1.ReasonEndpointNotAllowed,
	"https://contoso.communication.azure.com:":             chatv1alpha1.ReasonInvalidConnectionString,
	"http://contoso.communication.azure.com":               chatv1alpha1.ReasonEndpointNotAllowed,
	"https://contoso.communication.azure.com.evil.example": chatv1alpha1.ReasonEndpointNotAllowed,
	"https://contoso-communication.azure.com":              chatv1alpha1.ReasonEndpointNotAllowed,
	"https://communication.azure.com":                      chatv1alpha1.ReasonEndpointNotAllowed,
	"https://contoso.communication.\u0430zure.com":         chatv1alpha1.ReasonInvalidConnectionString,
	"https://contoso.communication.xn--zure-53d.com":       chatv1alpha1.ReasonEndpointNotAllowed,
	"https://contoso\u3002communication.azure.com":         chatv1alpha1.ReasonInvalidConnectionString,
	"https://evil.example\uff0f.communication.azure.com":   chatv1alpha1.ReasonInvalidConnectionString,
	"https://evil.example\\.communication.azure.com":       chatv1alpha1.ReasonInvalidConnectionString,
	"https://evil.example%2f.communication.azure.com":      chatv1alpha1.ReasonInvalidConnectionString,
	"https://evil.example/.communication.azure.com":        chatv1alpha1.ReasonInvalidConnectionString,
	"https://evil.example?.communication.azure.com":        chatv1alpha1.ReasonInvalidConnectionString,
	"https://evil.example#.communication.azure.com":        chatv1alpha1.ReasonInvalidConnectionString,
	"https://\u202econtoso.communication.azure.com":        chatv1alpha1.ReasonInvalidConnectionString,
	"https://kubernetes.default.svc":                       chatv1alpha1.ReasonEndpointNotAllowed,
	"file:///etc/passwd":                                   chatv1alpha1.ReasonInvalidConnectionString,
	"https://":                                             chatv1alpha1.ReasonInvalidConnectionString,
}

// With any endpoint in a Secret, from the start or in place of a good one, no call goes to a host
// that the operator does not allow, and the connection shows the reason.
func TestSimFaultsEndpoints(t *testing.T) {
	t.Parallel()
	for endpoint, reason := range strangeEndpoints {
		t.Run(endpoint, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{}, 1, 1)
				w.network, w.canary = newNetwork(w), newCanary()
				w.canary.addSecret("access key", w.emulator.AccessKey())
				w.pointTo(endpoint)
				w.room(w.people...)
				w.run(time.Hour)
				w.checkPointed(t, "Stalled "+reason, "Reconciling "+chatv1alpha1.ReasonConnectionNotReady, 0)
				w.pointTo(defaultEndpoint)
				w.run(time.Minute)
				w.checkPointed(t, showsReady, showsReady, len(w.network.calls))
				w.pointTo(endpoint)
				// Until the Secret is read again, its former content is valid.
				w.run(connection.ReadyInterval)
				calls := len(w.network.calls)
				w.run(time.Hour)
				w.checkPointed(t, "Stalled "+reason, "Reconciling "+chatv1alpha1.ReasonConnectionNotReady, calls)
				w.checkSilence()
			})
		})
	}
}

// pointTo puts an endpoint into the Secret.
func (w *world) pointTo(endpoint string) {
	w.t.Helper()
	secret := &corev1.Secret{}
	secret.Namespace, secret.Name = testNamespace, "acs"
	edit(w, secret, func(s *corev1.Secret) {
		s.Data = map[string][]byte{"connectionString": []byte("endpoint=" + endpoint + ";accesskey=" + w.emulator.AccessKey())}
	})
}

// checkPointed compares the states of connection and thread, and the number of calls.
func (w *world) checkPointed(t *testing.T, connection, thread string, calls int) {
	t.Helper()
	for kind, want := range map[objectKind]string{kindConnection: connection, kindThread: thread} {
		obj := w.stored(kind)[0]
		if got := shown(obj); got != want {
			t.Errorf("%s shows %q, want %q: %s", kind, got, want, w.describe(obj))
		}
		w.checkMessages(obj)
		if strings.Contains(w.describe(obj), "password") {
			t.Errorf("the user info of the endpoint is shown: %s", w.describe(obj))
		}
	}
	if len(w.network.calls) != calls {
		t.Errorf("%d calls, want %d", len(w.network.calls), calls)
	}
}
