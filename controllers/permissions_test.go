// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

const (
	// systemNamespace and serviceAccount are those of config/default.
	systemNamespace = "acs-chat-operator-system"
	serviceAccount  = "acs-chat-operator-controller-manager"
)

// install does the same as `kubectl apply -k config/default`, except for workloads and CRDs. It
// returns the subjects of the role bindings.
func (w *world) install() (bound []any) {
	w.t.Helper()
	return w.installFrom(filepath.Join("..", "config", "default"), "")
}

// installFrom does the same with another directory. Objects without a namespace go into the given
// one.
func (w *world) installFrom(directory, namespace string) (bound []any) {
	w.t.Helper()
	kubectl := processes.NewKubectl("", w.t.TempDir())
	built, err := kubectl.Run(w.t.Context(), "", "kustomize", directory)
	w.Expect(err).NotTo(HaveOccurred())
	decoder := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(built), 4096)
	for {
		obj := &unstructured.Unstructured{}
		err := decoder.Decode(&obj.Object)
		if err == io.EOF { //nolint:errorlint // the decoder does not wrap it
			return bound
		}
		w.Expect(err).NotTo(HaveOccurred())
		if subjects, ok := obj.Object["subjects"].([]any); ok {
			bound = append(bound, subjects...)
		}
		if obj.GetNamespace() == "" && slices.Contains([]string{"Role", "RoleBinding"}, obj.GetKind()) {
			obj.SetNamespace(namespace)
		}
		if slices.Contains([]string{"Namespace", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}, obj.GetKind()) {
			if err := admin.Create(w.t.Context(), obj); !apierrors.IsAlreadyExists(err) {
				w.Expect(err).NotTo(HaveOccurred())
			}
		}
	}
}

// as returns a client that impersonates a user.
func (w *world) as(user string, groups ...string) client.Client {
	w.t.Helper()
	impersonating := rest.CopyConfig(adminConfig)
	impersonating.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append(groups, "system:authenticated")}
	other, err := client.New(impersonating, client.Options{Scheme: scheme})
	w.Expect(err).NotTo(HaveOccurred())
	return other
}

func (w *world) asAccount(namespace, name string) client.Client {
	w.t.Helper()
	return w.as("system:serviceaccount:"+namespace+":"+name, "system:serviceaccounts", "system:serviceaccounts:"+namespace)
}

// rules returns the permissions of a client in a namespace, each as a verb and a resource.
func (w *world) rules(who client.Client, namespace string) map[string]bool {
	w.t.Helper()
	review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}
	w.Expect(who.Create(w.t.Context(), review)).To(Succeed())
	w.Expect(review.Status.Incomplete).To(BeFalse(), review.Status.EvaluationError)
	rules := map[string]bool{}
	for _, rule := range review.Status.ResourceRules {
		for _, verb := range rule.Verbs {
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					rules[strings.TrimSpace(strings.TrimSuffix(verb+" "+resource+"."+group, ".")+" "+strings.Join(rule.ResourceNames, ","))] = true
				}
			}
		}
	}
	for _, rule := range review.Status.NonResourceRules {
		for _, verb := range rule.Verbs {
			for _, path := range rule.NonResourceURLs {
				rules[verb+" "+path] = true
			}
		}
	}
	return rules
}

// ownRules are the operator's permissions in every namespace, leaseRules those in its own besides.
var (
	ownRules = []string{
		"create events", "create events.events.k8s.io",
		"create subjectaccessreviews.authorization.k8s.io", "create tokenreviews.authentication.k8s.io",
		"get chatconnections.chat.acs-operator.io", "get chatparticipants.chat.acs-operator.io", "get chatthreads.chat.acs-operator.io",
		"get customresourcedefinitions.apiextensions.k8s.io chatparticipants.chat.acs-operator.io,chatthreads.chat.acs-operator.io",
		"get namespaces", "get secrets",
		"list chatconnections.chat.acs-operator.io", "list chatparticipants.chat.acs-operator.io", "list chatthreads.chat.acs-operator.io",
		"list namespaces",
		"patch chatconnections.chat.acs-operator.io", "patch chatconnections/status.chat.acs-operator.io",
		"patch chatparticipants.chat.acs-operator.io", "patch chatparticipants/status.chat.acs-operator.io",
		"patch chatthreads.chat.acs-operator.io", "patch chatthreads/status.chat.acs-operator.io",
		"patch events", "patch events.events.k8s.io",
		"watch chatconnections.chat.acs-operator.io", "watch chatparticipants.chat.acs-operator.io", "watch chatthreads.chat.acs-operator.io",
		"watch namespaces",
	}
	leaseRules = []string{"create leases.coordination.k8s.io", "get leases.coordination.k8s.io", "update leases.coordination.k8s.io"}
)

// The operator's service account has the permissions that the operator needs, and no others
// anywhere.
func TestOwnPermissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	account := map[string]any{"kind": "ServiceAccount", "namespace": systemNamespace, "name": serviceAccount}
	w.Expect(w.install()).To(HaveEach(Equal(account)))
	operator, nobody := w.asAccount(systemNamespace, serviceAccount), w.asAccount(systemNamespace, "nobody")
	for namespace, want := range map[string][]string{
		systemNamespace: slices.Concat(ownRules, leaseRules), "kube-system": ownRules, w.namespace: ownRules,
	} {
		// The API server applies new roles after a moment.
		w.Eventually(func() string {
			got := w.rules(operator, namespace)
			// Permissions of every service account do not count.
			for rule := range w.rules(nobody, namespace) {
				delete(got, rule)
			}
			return cmp.Diff(sorted(want...), slices.Sorted(maps.Keys(got)))
		}).Should(BeEmpty(), "rules in %s (-want +got)", namespace)
		// The API server decides on each rule alone, also for all namespaces.
		for _, verb := range []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"} {
			for _, in := range []string{namespace, ""} {
				review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
					ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: in, Verb: verb, Resource: "secrets"},
				}}
				w.Expect(operator.Create(t.Context(), review)).To(Succeed())
				w.Expect(review.Status.Allowed).To(Equal(verb == "get"), "%s secrets in %q", verb, in)
			}
		}
	}
}

// aggregate fills the roles view, edit and admin by their labels, as a controller does in a real
// cluster. It returns our roles in each of them.
func (w *world) aggregate() map[string][]string {
	w.t.Helper()
	ours := map[string][]string{}
	for _, name := range []string{"view", "edit", "admin"} {
		target := &rbacv1.ClusterRole{}
		w.Expect(admin.Get(w.t.Context(), client.ObjectKey{Name: name}, target)).To(Succeed())
		all := &rbacv1.ClusterRoleList{}
		w.Expect(admin.List(w.t.Context(), all)).To(Succeed())
		var rules []rbacv1.PolicyRule
		for _, role := range all.Items {
			gathered := slices.ContainsFunc(target.AggregationRule.ClusterRoleSelectors, func(s metav1.LabelSelector) bool {
				selector, err := metav1.LabelSelectorAsSelector(&s)
				w.Expect(err).NotTo(HaveOccurred())
				return selector.Matches(labels.Set(role.Labels))
			})
			if !gathered || role.Name == name {
				continue
			}
			rules = append(rules, role.Rules...)
			if short, own := strings.CutPrefix(role.Name, "acs-chat-operator-"); own && !strings.Contains(short, "-test-") {
				ours[name] = append(ours[name], short)
			}
		}
		edit(w, target, func(o *rbacv1.ClusterRole) { o.Rules = rules })
	}
	return ours
}

// The roles view, edit and admin of a namespace include our kinds, and grant no access to Secrets
// for that.
func TestPeoplesPermissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.install()
	w.Expect(w.aggregate()).To(Equal(map[string][]string{"view": {"viewer-role"}, "edit": {"editor-role"}, "admin": {"admin-role"}}))
	for _, name := range []string{"view", "edit", "admin"} {
		w.create(&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "can-" + name}},
		})
	}
	const read, write = "get list watch", "create delete deletecollection get list patch update watch"
	for user, want := range map[string]map[string]string{
		"can-view":  {"chatconnections": read, "chatthreads": read, "chatparticipants": read},
		"can-edit":  {"chatconnections": read, "chatthreads": write, "chatparticipants": write},
		"can-admin": {"chatconnections": write, "chatthreads": write, "chatparticipants": write},
	} {
		for kind := range maps.Clone(want) {
			want[kind+"/status"] = "get"
		}
		w.Eventually(func() string {
			got := map[string]string{}
			for _, rule := range slices.Sorted(maps.Keys(w.rules(w.as(user), w.namespace))) {
				if verb, resource, ours := strings.Cut(strings.TrimSuffix(rule, "."+chatv1alpha1.GroupVersion.Group), " "); ours && strings.HasPrefix(resource, "chat") {
					got[resource] = strings.TrimSpace(got[resource] + " " + verb)
				}
			}
			return cmp.Diff(want, got)
		}).Should(BeEmpty(), "%s (-want +got)", user)
	}
	for _, name := range []string{"viewer-role", "editor-role", "admin-role"} {
		role := &rbacv1.ClusterRole{}
		w.Expect(admin.Get(t.Context(), client.ObjectKey{Name: "acs-chat-operator-" + name}, role)).To(Succeed())
		for _, rule := range role.Rules {
			w.Expect(rule.APIGroups).To(Equal([]string{chatv1alpha1.GroupVersion.Group}), name)
		}
	}
	w.act()
}

// act performs allowed and forbidden actions of users.
func (w *world) act() {
	w.t.Helper()
	ctx, viewer, editor := w.t.Context(), w.as("can-view"), w.as("can-edit")
	in := client.InNamespace(w.namespace)
	conn, thread := newConnection(w.namespace, "default"), w.newThread("room")
	denied := WithTransform(apierrors.IsForbidden, BeTrue())
	w.Expect(editor.Create(ctx, conn)).To(denied)
	w.Expect(w.as("can-admin").Create(ctx, conn)).To(Succeed())
	w.Expect(viewer.Create(ctx, thread)).To(denied)
	w.Expect(editor.Create(ctx, thread)).To(Succeed())
	before := thread.DeepCopy()
	thread.Status.ThreadID = "19:mine@thread.v2"
	for _, user := range []string{"can-view", "can-edit", "can-admin"} {
		w.Expect(w.as(user).Status().Patch(ctx, thread.DeepCopy(), client.MergeFrom(before))).To(denied, user)
	}
	for _, list := range []client.ObjectList{&chatv1alpha1.ChatConnectionList{}, &chatv1alpha1.ChatThreadList{}, &chatv1alpha1.ChatParticipantList{}} {
		w.Expect(viewer.List(ctx, list, in)).To(Succeed())
		w.Expect(viewer.List(ctx, list)).To(denied, "in all namespaces")
	}
	w.Expect(viewer.List(ctx, &corev1.SecretList{}, in)).To(denied)
	w.Expect(viewer.Get(ctx, client.ObjectKey{Namespace: w.namespace, Name: "acs"}, &corev1.Secret{})).To(denied)
	w.Expect(viewer.Delete(ctx, thread)).To(denied)
	w.Expect(editor.Delete(ctx, thread)).To(Succeed())
}
