// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

const (
	// soon is how long a test waits for something that should happen at once.
	soon = 20 * time.Second

	firstString  = "endpoint=https://contoso.communication.azure.com/;accesskey=Zmlyc3Qta2V5"
	secondString = "endpoint=https://contoso.communication.azure.com/;accesskey=c2Vjb25kLWtleQ=="
)

func newConnection(namespace string) *chatv1alpha1.ChatConnection {
	return &chatv1alpha1.ChatConnection{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "default"},
		Spec:       chatv1alpha1.ChatConnectionSpec{ConnectionStringSecretRef: &chatv1alpha1.SecretKeyReference{Name: "acs"}},
	}
}

// reasonOf is the reason that an error shows, empty if there is none.
func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	return outcome.Classify(err).Reason
}

// countingReader counts reads of the API server.
type countingReader struct {
	client.Client
	reads int
	err   error
	// wait is called before each read.
	wait func()
}

func (r *countingReader) Get(ctx context.Context, key client.ObjectKey, obj client.Object, options ...client.GetOption) error {
	r.reads++
	if r.wait != nil {
		r.wait()
	}
	if r.err != nil {
		return r.err
	}
	return r.Client.Get(ctx, key, obj, options...)
}

// secretWorld is a Secret, and a connection that names it.
type secretWorld struct {
	registry *Registry
	reader   *countingReader
	conn     *chatv1alpha1.ChatConnection
}

func newSecretWorld(t *testing.T, connectionString string) *secretWorld {
	t.Helper()
	w := &secretWorld{
		reader: &countingReader{Client: fake.NewClientBuilder().WithScheme(clientgoscheme.Scheme).Build()},
		conn:   newConnection("sessions"),
	}
	w.conn.UID = "c1"
	w.registry = &Registry{Reader: w.reader, AllowedEndpoints: EndpointRules(DefaultEndpointSuffixes), Transport: &http.Client{}, Timeout: time.Second}
	if connectionString != "" {
		acstest.MustSucceed(t, w.reader.Create(t.Context(), w.secret(connectionString)))
	}
	return w
}

func (w *secretWorld) secret(connectionString string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.conn.Namespace, Name: "acs"},
		Data:       map[string][]byte{"connectionString": []byte(connectionString)},
	}
}

// rotate stores another connection string.
func (w *secretWorld) rotate(t *testing.T, connectionString string) {
	t.Helper()
	secret := &corev1.Secret{}
	acstest.MustSucceed(t, w.reader.Client.Get(t.Context(), types.NamespacedName{Namespace: w.conn.Namespace, Name: "acs"}, secret))
	secret.Data = w.secret(connectionString).Data
	acstest.MustSucceed(t, w.reader.Update(t.Context(), secret))
}

// ask requests a reconcile of the connection.
func (w *secretWorld) ask(value string) {
	objects.SetAnnotation(w.conn, chatv1alpha1.AnnotationReconcileRequestedAt, value)
}

// roundTrip is a way to a server.
type roundTrip func(*http.Request) (*http.Response, error)

func (r roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return r(req) }

// inProcess calls the emulator without a socket, so that a test can run in fake time.
func inProcess(handler http.Handler, req *http.Request) *http.Response {
	recorder := httptest.NewRecorder()
	served := req.Clone(req.Context())
	served.RequestURI = req.URL.RequestURI()
	if served.Body == nil {
		served.Body = http.NoBody
	}
	handler.ServeHTTP(recorder, served)
	response := recorder.Result()
	response.Request = req
	return response
}

// throttledBy is a 429 with a Retry-After of some seconds.
func throttledBy(req *http.Request, seconds int) *http.Response {
	answer := httptest.NewRecorder()
	answer.Header().Set("Retry-After", strconv.Itoa(seconds))
	answer.WriteHeader(http.StatusTooManyRequests)
	response := answer.Result()
	response.Request = req
	return response
}

// identityWorld is a connection with an emulated Identity service, in fake time.
type identityWorld struct {
	*WithT
	emulator *emulator.Server
	registry *Registry
	session  *Connection
	// answer replaces the answer of the service if it is set.
	answer func(*http.Request) (*http.Response, error)
	calls  int
}

func newIdentityWorld(t *testing.T) *identityWorld {
	t.Helper()
	w := &identityWorld{WithT: NewWithT(t), emulator: emulator.New(emulator.Options{})}
	w.registry = &Registry{Timeout: time.Second, Transport: &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
		w.calls++
		if w.answer != nil {
			return w.answer(req)
		}
		return inProcess(w.emulator, req), nil
	})}}
	w.session = NewConnection(pacing.New(true))
	const endpoint = "https://contoso.communication.azure.com"
	identity, err := acs.NewIdentityClientFromConnectionString(w.emulator.ConnectionString(endpoint), ClientOptions(w.registry.Transport, time.Second, w.session))
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(w.session.Use(endpoint, "key", func() (*acs.IdentityClient, error) { return identity, nil })).To(Succeed())
	return w
}
