// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// rulesOf returns the rules of an operator for a cluster with one other namespace, guest, of team
// blue.
func rulesOf(t *testing.T, ownOnly bool) Rules {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	guest := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "guest", Labels: map[string]string{"team": "blue"}}}
	return Rules{Namespaces: fake.NewClientBuilder().WithScheme(scheme).WithObjects(guest).Build(), OwnOnly: ownOnly}
}

func connectionWith(allowed *chatv1alpha1.AllowedNamespaces) *chatv1alpha1.ChatConnection {
	return &chatv1alpha1.ChatConnection{
		ObjectMeta: metav1.ObjectMeta{Namespace: "owner", Name: "acs"},
		Spec:       chatv1alpha1.ChatConnectionSpec{AllowedNamespaces: allowed},
	}
}

func selecting(selector *chatv1alpha1.LabelSelector) *chatv1alpha1.AllowedNamespaces {
	return &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromSelector, Selector: selector}
}

func ofTeam(team chatv1alpha1.LabelValue) *chatv1alpha1.AllowedNamespaces {
	return selecting(&chatv1alpha1.LabelSelector{MatchLabels: map[string]chatv1alpha1.LabelValue{"team": team}})
}

// A connection serves its own namespace always, and others only as its spec says. An unclear spec
// allows nobody.
func TestAllow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		allowed                *chatv1alpha1.AllowedNamespaces
		shared, guest, ownOnly bool
	}{
		"nothing":           {},
		"no choice":         {allowed: &chatv1alpha1.AllowedNamespaces{}},
		"same":              {allowed: &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromSame}},
		"all":               {allowed: &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromAll}, shared: true, guest: true},
		"all, own only":     {allowed: &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromAll}, shared: true, ownOnly: true},
		"no selector":       {allowed: selecting(nil), shared: true},
		"its label":         {allowed: ofTeam("blue"), shared: true, guest: true},
		"another label":     {allowed: ofTeam("red"), shared: true},
		"expression":        {allowed: selecting(expression(metav1.LabelSelectorOpIn, "red", "blue")), shared: true, guest: true},
		"other expression":  {allowed: selecting(expression(metav1.LabelSelectorOpNotIn, "blue")), shared: true},
		"choice of a later": {allowed: &chatv1alpha1.AllowedNamespaces{From: "Later"}, shared: true},
	} {
		rules, conn := rulesOf(t, c.ownOnly), connectionWith(c.allowed)
		if got, err := rules.Allow(t.Context(), "guest", conn); got != c.guest || err != nil {
			t.Errorf("%s: another namespace: %t, %v", name, got, err)
		}
		if got, err := rules.Allow(t.Context(), "owner", conn); !got || err != nil {
			t.Errorf("%s: its own namespace: %t, %v", name, got, err)
		}
		if got := IsShared(conn); got != c.shared {
			t.Errorf("%s: is shared: %t", name, got)
		}
	}
}

func expression(operator metav1.LabelSelectorOperator, values ...chatv1alpha1.LabelValue) *chatv1alpha1.LabelSelector {
	return &chatv1alpha1.LabelSelector{MatchExpressions: []chatv1alpha1.LabelSelectorRequirement{{Key: "team", Operator: operator, Values: values}}}
}

// A selector that Kubernetes does not take allows nobody, and a message says so. A Namespace that
// cannot be read is an error, not an answer.
func TestAllowWithoutAnswer(t *testing.T) {
	t.Parallel()
	rules := rulesOf(t, false)
	allowed, err := rules.Allow(t.Context(), "guest", connectionWith(selecting(expression("Near", "blue"))))
	stalled, ok := errors.AsType[*outcome.Stalled](err)
	if allowed || !ok || stalled.Reason != chatv1alpha1.ReasonNamespaceNotAllowed || !strings.Contains(stalled.Message, "spec.allowedNamespaces.selector of ChatConnection owner/acs") {
		t.Errorf("a selector that is not valid: %t, %v", allowed, err)
	}
	if allowed, err := rules.Allow(t.Context(), "unknown", connectionWith(ofTeam("blue"))); allowed || err == nil {
		t.Errorf("a Namespace that cannot be read: %t, %v", allowed, err)
	}
}
