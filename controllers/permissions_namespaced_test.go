// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// account is the operator's service account if config/namespaced is installed into the test's
// namespace.
func (w *world) account() string { return serviceAccount + "-" + w.namespace }

// installNamespaced does the same as `kubectl apply -k` of a kustomization that installs
// config/namespaced into the test's namespace, beside other installs. It returns the operator's
// configuration.
func (w *world) installNamespaced() *rest.Config {
	w.t.Helper()
	overlay := w.overlay("namespaced", "namespace: "+w.namespace, "nameSuffix: -"+w.namespace)
	account := map[string]any{"kind": "ServiceAccount", "namespace": w.namespace, "name": w.account()}
	w.Expect(w.installFrom(overlay, "")).To(HaveEach(Equal(account)))
	api := rest.CopyConfig(adminConfig)
	api.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + w.namespace + ":" + w.account(),
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + w.namespace, "system:authenticated"}}
	return api
}

// overlay writes a kustomization on top of a directory below config.
func (w *world) overlay(base string, lines ...string) (directory string) {
	w.t.Helper()
	directory, err := filepath.EvalSymlinks(w.t.TempDir())
	w.Expect(err).NotTo(HaveOccurred())
	here, err := os.Getwd()
	w.Expect(err).NotTo(HaveOccurred())
	resource, err := filepath.Rel(directory, filepath.Join(here, "..", "config", base))
	w.Expect(err).NotTo(HaveOccurred())
	content := strings.Join(append(lines, "resources:", "- "+resource, ""), "\n")
	w.Expect(os.WriteFile(filepath.Join(directory, "kustomization.yaml"), []byte(content), 0o600)).To(Succeed())
	return directory
}

// An operator with permissions only in its own namespace does all of its work there, and reports
// the parts that need more.
func TestNamespacedInstall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	guest := w.newNamespace()
	w.options.WatchNamespaces = []string{w.namespace, guest}
	api := w.installNamespaced()
	w.installFrom(w.overlay(filepath.Join("namespaced", "served"), w.subjectPatch()...), guest)
	w.Eventually(func() map[string]bool { return w.rules(w.asAccount(w.namespace, w.account()), guest) }).Should(HaveKey("get namespaces"))
	conn := w.connect(func(o *chatv1alpha1.ChatConnection) {
		o.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromSelector,
			Selector: &chatv1alpha1.LabelSelector{MatchLabels: map[string]chatv1alpha1.LabelValue{"kubernetes.io/metadata.name": chatv1alpha1.LabelValue(guest)}}}
	})
	w.startAs(api, w.options)
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)

	// A member of a retained thread is removed only after a read of its namespace.
	users := w.users(2)
	own, other := w.newThread("own", users...), w.newThread("other", users...)
	own.Spec.DeletionPolicy = chatv1alpha1.DeletionRetain
	other.Namespace, other.Spec.ConnectionRef.Namespace = guest, w.namespace
	w.create(own, other)
	w.awaitReason(own, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(other, chatv1alpha1.ReasonSucceeded)
	edit(w, own, func(o *chatv1alpha1.ChatThread) { o.Spec.Participants = o.Spec.Participants[:1] })
	w.awaitReason(own, chatv1alpha1.ReasonSucceeded)
	w.Expect(own.Status.Joined).To(Equal("1/1"))

	w.denyNamespaces(guest)
	edit(w, other, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "not set" })
	w.awaitReason(other, chatv1alpha1.ReasonPermissionDenied)
	w.Expect(w.message(other)).To(And(ContainSubstring("namespaces %q is forbidden", guest), ContainSubstring("cannot get resource")))
	w.delete(own)
	w.awaitGone(own)
}

// subjectPatch sets the operator's namespace, as the manifests document.
func (w *world) subjectPatch() []string {
	return []string{"patches:", "- target: {kind: RoleBinding}", "  patch: |-", "    - op: replace", "      path: /subjects/0",
		"      value: {kind: ServiceAccount, name: " + w.account() + ", namespace: " + w.namespace + "}"}
}

// denyNamespaces removes the permission to read Namespaces from the operator's Role.
func (w *world) denyNamespaces(namespace string) {
	w.t.Helper()
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "acs-chat-operator-manager-role"}}
	edit(w, role, func(o *rbacv1.Role) {
		o.Rules = slices.DeleteFunc(o.Rules, func(rule rbacv1.PolicyRule) bool { return slices.Contains(rule.Resources, "namespaces") })
	})
	w.Eventually(func() map[string]bool { return w.rules(w.asAccount(w.namespace, w.account()), namespace) }).ShouldNot(HaveKey("get namespaces"))
}

// The namespaced install grants the same permissions, but only in its namespace. Elsewhere it
// grants only permissions that no Role can contain.
func TestNamespacedPermissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.installNamespaced()
	operator, nobody := w.asAccount(w.namespace, w.account()), w.asAccount(w.namespace, "nobody")
	everywhere := slices.DeleteFunc(slices.Clone(ownRules), func(rule string) bool {
		return !strings.Contains(rule, "customresourcedefinitions") && !strings.Contains(rule, "reviews")
	})
	for namespace, want := range map[string][]string{w.namespace: slices.Concat(ownRules, leaseRules), "kube-system": everywhere} {
		w.Eventually(func() string {
			got := w.rules(operator, namespace)
			for rule := range w.rules(nobody, namespace) {
				delete(got, rule)
			}
			return cmp.Diff(sorted(want...), slices.Sorted(maps.Keys(got)))
		}).Should(BeEmpty(), func() string { return fmt.Sprintf("rules in %s (-want +got)", namespace) })
	}
}
