// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

// writeSamples has TestArgoSamples write the test data instead of comparing it.
var writeSamples = flag.Bool("argocd.write", false, "write the test data of config/argo-cd")

// samples compares the objects of a test with the test data for Argo CD.
type samples struct {
	*world
	seen []string
}

// argoCustomizations has the scripts of our kinds and their test data.
var argoCustomizations = filepath.Join("..", "config", "argo-cd", "resource_customizations", chatv1alpha1.GroupVersion.Group)

// The test data for Argo CD are objects as the operator leaves them. To write the files again, run
// the test with -argocd.write.
func TestArgoSamples(t *testing.T) {
	t.Parallel()
	s := &samples{world: newWorld(t, emulator.Options{})}
	users := s.users(3)
	conn := newConnection(s.namespace, "default")
	thread := s.newThread("support", users[0], users[1])
	member := s.newParticipant("support-edsger", "support", users[2])
	s.create(conn, thread, member)
	s.sample(conn, "progressing_new")
	s.sample(thread, "progressing_new")
	s.sample(member, "progressing_new")

	stop := s.start()
	s.sampleWithReason(conn, chatv1alpha1.ReasonSecretNotFound, "progressing_secretNotFound")
	s.sampleWithReason(thread, chatv1alpha1.ReasonConnectionNotReady, "progressing_connectionNotReady")
	lost := s.newParticipant("lost", "missing", users[2])
	s.create(lost)
	s.sampleWithReason(lost, chatv1alpha1.ReasonThreadNotFound, "progressing_threadNotFound")
	s.createSecret()
	stop()
	stop = s.start()
	s.sampleWithReason(member, chatv1alpha1.ReasonSucceeded, "healthy")
	s.request(thread)
	s.sampleWithReason(thread, chatv1alpha1.ReasonSucceeded, "healthy")
	s.sampleWithReason(conn, chatv1alpha1.ReasonSucceeded, "healthy")
	s.stalled(users)
	s.observed(thread)
	s.deleted(users)

	stop()
	edit(s.world, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "another topic" })
	s.sample(thread, "progressing_edited")
	edit(s.world, thread, observing)
	s.delete(thread)
	s.sample(thread, "progressing_deletingObserved")
	s.changed()
	s.expectAllSeen()
}

// changed compares the objects that the actions of Argo CD must return.
func (s *samples) changed() {
	s.t.Helper()
	annotate := func(name, value string) func(client.Object) {
		return func(obj client.Object) { objects.SetAnnotation(obj, name, value) }
	}
	policy := func(value chatv1alpha1.ManagementPolicy) func(client.Object) {
		return func(obj client.Object) {
			live, ok := obj.(*unstructured.Unstructured)
			s.Expect(ok).To(BeTrue())
			s.Expect(unstructured.SetNestedField(live.Object, string(value), "spec", "managementPolicy")).To(Succeed())
		}
	}
	request := annotate(chatv1alpha1.AnnotationReconcileRequestedAt, "Argo CD, at resource version 4711")
	abandon := annotate(chatv1alpha1.AnnotationAbandon, "true")
	for _, c := range []struct {
		kind, from, to string
		change         func(client.Object)
	}{
		{"ChatConnection", "healthy", "reconciled", request},
		{"ChatThread", "healthy", "reconciled", request},
		{"ChatThread", "healthy", "observed", policy(chatv1alpha1.ManagementObserve)},
		{"ChatThread", "degraded_drifted", "managed", policy(chatv1alpha1.ManagementManage)},
		{"ChatThread", "progressing_deleting", "abandoned", abandon},
		{"ChatParticipant", "progressing_deleting", "abandoned", abandon},
	} {
		content, err := os.ReadFile(filepath.Join(argoCustomizations, c.kind, "testdata", c.from+".yaml"))
		s.Expect(err).NotTo(HaveOccurred())
		obj := &unstructured.Unstructured{}
		s.Expect(yaml.Unmarshal(content, obj)).To(Succeed())
		c.change(obj)
		file := filepath.Join(argoCustomizations, c.kind, "actions", "testdata", c.to+".yaml")
		s.compare(file, func() *unstructured.Unstructured { return obj })
	}
}

// stalled compares the objects of which a person must correct something.
func (s *samples) stalled(users []string) {
	s.t.Helper()
	s.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "wrong"}, StringData: map[string]string{"connectionString": "endpoint=nowhere"}})
	wrong := newConnection(s.namespace, "wrong")
	wrong.Spec.ConnectionStringSecretRef.Name = "wrong"
	s.create(wrong)
	s.sampleWithReason(wrong, chatv1alpha1.ReasonInvalidConnectionString, "degraded_invalidConnectionString")

	foreign := "8:acs:00000000-1111-4222-8333-444444444444_00000000-0000-4000-8000-00000000000e"
	rejecting := s.newThread("rejecting", foreign)
	s.create(rejecting)
	s.sampleWithReason(rejecting, chatv1alpha1.ReasonParticipantRejected, "degraded_participantRejected")

	twice := s.newParticipant("twice", "support", users[0])
	s.create(twice)
	s.sampleWithReason(twice, chatv1alpha1.ReasonDuplicate, "degraded_duplicate")
}

// observed compares a ChatThread that is only observed, and restores it.
func (s *samples) observed(thread *chatv1alpha1.ChatThread) {
	s.t.Helper()
	edit(s.world, thread, observing)
	s.sampleWithReason(thread, chatv1alpha1.ReasonSucceeded, "healthy_observed")
	edit(s.world, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "new topic" })
	s.sampleWithReason(thread, chatv1alpha1.ReasonDrifted, "degraded_drifted")
	edit(s.world, thread, managing)
	s.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
}

// deleted compares objects with a deletion that waits for ACS.
func (s *samples) deleted(users []string) {
	s.t.Helper()
	thread := s.readyThread("leaving", users[0])
	member := s.newParticipant("leaving-edsger", "leaving", users[2])
	s.create(member)
	s.awaitReason(member, chatv1alpha1.ReasonSucceeded)
	for _, operation := range []emulator.Operation{emulator.OperationDeleteThread, emulator.OperationRemoveParticipant} {
		s.emulator.Inject(emulator.Fault{Operation: operation, Status: http.StatusServiceUnavailable})
	}
	s.delete(member)
	s.sampleWithReason(member, chatv1alpha1.ReasonThreadNotReady, "progressing_deleting")
	s.delete(thread)
	s.sampleWithReason(thread, chatv1alpha1.ReasonServiceUnavailable, "progressing_deleting")
	s.emulator.ClearFaults()
	s.awaitGone(thread)
}

func (s *samples) sampleWithReason(obj objects.Conditioned, reason, name string) {
	s.t.Helper()
	s.awaitReason(obj, reason)
	s.sample(obj, name)
}

// sample compares an object with its file, or writes the file.
func (s *samples) sample(obj client.Object, name string) {
	s.t.Helper()
	kind := operatortest.KindOf(obj)
	s.compare(filepath.Join(argoCustomizations, kind, "testdata", name+".yaml"), func() *unstructured.Unstructured {
		live := &unstructured.Unstructured{}
		live.SetGroupVersionKind(chatv1alpha1.GroupVersion.WithKind(kind))
		s.Expect(admin.Get(s.t.Context(), client.ObjectKeyFromObject(obj), live)).To(Succeed())
		// kubectl get does not show them.
		live.SetManagedFields(nil)
		return live
	})
}

// compare waits until an object is as in the file. The message of a reason may come last.
func (s *samples) compare(file string, read func() *unstructured.Unstructured) {
	s.t.Helper()
	s.seen = append(s.seen, file)
	content := func() string {
		content, err := yaml.Marshal(read())
		s.Expect(err).NotTo(HaveOccurred())
		return s.withoutIdentity(string(content))
	}
	if *writeSamples {
		s.Expect(os.WriteFile(file, []byte(content()), 0o644)).To(Succeed())
		return
	}
	want, err := os.ReadFile(file)
	s.Expect(err).NotTo(HaveOccurred())
	s.Eventually(func() string { return cmp.Diff(string(want), content()) }).Should(BeEmpty(), "%s (-file +operator)", file)
}

var (
	sampleTime     = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`)
	sampleUID      = regexp.MustCompile(`( uid: )[0-9a-f-]{36}`)
	sampleVersion  = regexp.MustCompile(`( resourceVersion: )"\d+"`)
	sampleThread   = regexp.MustCompile(`19:[A-Za-z0-9_-]+@thread\.v2`)
	sampleUser     = regexp.MustCompile(`8:acs:[0-9a-f-]{36}_[0-9a-f-]{36}`)
	sampleEndpoint = regexp.MustCompile(`127\.0\.0\.1:\d+`)
)

// withoutIdentity replaces the values that differ from run to run.
func (s *samples) withoutIdentity(content string) string {
	var users []string
	content = sampleUser.ReplaceAllStringFunc(content, func(id string) string {
		if !slices.Contains(users, id) {
			users = append(users, id)
		}
		return fmt.Sprintf("8:acs:6f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c_00000000-0000-4000-8000-%012x", slices.Index(users, id)+10)
	})
	content = sampleTime.ReplaceAllString(content, "2026-11-27T08:00:00Z")
	content = sampleUID.ReplaceAllString(content, "${1}0b9d3c52-7f0e-4d7a-9a39-5b2d2d1f7f10")
	content = sampleVersion.ReplaceAllString(content, `${1}"4711"`)
	content = sampleThread.ReplaceAllString(content, "19:Ma9eypSdf7KEQL-ZdLKcHQIpVQY7eRZqeG5ARGf1UPY1@thread.v2")
	content = sampleEndpoint.ReplaceAllString(content, "contoso.communication.azure.com")
	return strings.ReplaceAll(content, s.namespace, "team-a")
}

// expectAllSeen fails the test if there are files that it did not compare.
func (s *samples) expectAllSeen() {
	s.t.Helper()
	var files []string
	for _, directory := range []string{"testdata", filepath.Join("actions", "testdata")} {
		found, err := filepath.Glob(filepath.Join(argoCustomizations, "*", directory, "*.yaml"))
		s.Expect(err).NotTo(HaveOccurred())
		files = append(files, found...)
	}
	s.Expect(files).To(ConsistOf(s.seen))
}
