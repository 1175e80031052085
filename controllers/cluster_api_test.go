// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"

	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// roundTrip is an http.RoundTripper that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (r roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return r(req) }

// throughAPI returns a configuration of the operator that wraps its requests to the API server.
func throughAPI(between func(next http.RoundTripper) roundTrip) *rest.Config {
	config := rest.CopyConfig(operatorConfig)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return between(next) })
	return config
}

// forbidSecrets returns a configuration that refuses reads of Secrets while denied is set, as the
// API server does.
func forbidSecrets(denied *atomic.Bool) *rest.Config {
	const body = `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"secrets \"acs\" is forbidden: User \"operator\" cannot get resource \"secrets\"","reason":"Forbidden","code":403}`
	return throughAPI(func(next http.RoundTripper) roundTrip {
		return func(req *http.Request) (*http.Response, error) {
			if !denied.Load() || !strings.Contains(req.URL.Path, "/secrets/") {
				return next.RoundTrip(req)
			}
			return &http.Response{StatusCode: http.StatusForbidden, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
				Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body))}, nil
		}
	})
}

// denyUpdates creates an admission policy that refuses updates of ChatThreads without the label
// team.
func denyUpdates(w *world) {
	w.t.Helper()
	name := w.namespace
	fail := admissionregistrationv1.Fail
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &fail,
			MatchConstraints: &admissionregistrationv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: name}},
				ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Update},
					Rule:       admissionregistrationv1.Rule{APIGroups: []string{chatv1alpha1.GroupVersion.Group}, APIVersions: []string{"*"}, Resources: []string{"chatthreads"}},
				}}},
			},
			Validations: []admissionregistrationv1.Validation{{
				Expression: "has(object.metadata.labels) && 'team' in object.metadata.labels", Message: "the label team is required",
			}},
		},
	}
	binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: name, ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}},
	}
	w.create(policy, binding)
	w.t.Cleanup(func() {
		ctx := context.WithoutCancel(w.t.Context())
		_ = admin.Delete(ctx, binding)
		_ = admin.Delete(ctx, policy)
	})
	probe := w.newThread("probe")
	w.create(probe)
	w.Eventually(func() bool {
		before := probe.DeepCopy()
		probe.Annotations = map[string]string{"probe": probe.ResourceVersion + "x"}
		err := admin.Update(w.t.Context(), probe)
		if err == nil {
			return false
		}
		probe = before
		if apierrors.IsConflict(err) {
			w.get(probe)
		}
		return strings.Contains(err.Error(), "the label team is required")
	}).Should(BeTrue())
}

// seenRequests records the requests of an operator to the API server.
type seenRequests struct {
	mu    sync.Mutex
	rules map[string]bool
	paths []string
	// refused are the requests that the API server answered with 403.
	refused []string
}

// objectPath splits the path of a resource into group, namespace, resource, name and subresource.
var objectPath = regexp.MustCompile(`^/(?:api|apis/([^/]+))/[^/]+(?:/namespaces/([^/]+))?/([^/]+)(?:/([^/]+)(?:/([^/]+))?)?$`)

// watching returns a configuration that records each request.
func (s *seenRequests) watching(api *rest.Config) *rest.Config {
	api = rest.CopyConfig(api)
	api.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(req *http.Request) (*http.Response, error) {
			s.note(req)
			response, err := next.RoundTrip(req)
			if err == nil && response.StatusCode == http.StatusForbidden {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.refused = append(s.refused, req.Method+" "+req.URL.RequestURI())
			}
			return response, err
		})
	})
	return api
}

func (s *seenRequests) note(req *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paths = append(s.paths, req.Method+" "+req.URL.RequestURI())
	path := req.URL.Path
	// The path of a namespace contains no other resource.
	if name, ok := strings.CutPrefix(path, "/api/v1/namespaces/"); ok && !strings.Contains(name, "/") {
		s.rules[strings.ToLower(req.Method)+" namespaces"] = true
		return
	}
	parts := objectPath.FindStringSubmatch(path)
	if parts == nil {
		return
	}
	verb := map[string]string{http.MethodPost: "create", http.MethodPut: "update"}[req.Method]
	switch {
	case verb != "":
	case req.Method == http.MethodGet && parts[4] == "" && req.URL.Query().Has("watch"):
		verb = "watch"
	case req.Method == http.MethodGet && parts[4] == "":
		verb = "list"
	default:
		verb = strings.ToLower(req.Method)
	}
	rule := verb + " " + parts[3]
	if parts[5] != "" {
		rule += "/" + parts[5]
	}
	if parts[1] != "" {
		rule += "." + parts[1]
	}
	s.rules[rule] = true
}
