// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

// A cluster that is rebuilt from Git finds its threads by the owner in the stamp, and writes the
// new uid into it.
func TestRebuildFindsThreads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	users := w.users(3)
	pinned := w.emulator.CreateUser()
	conn := w.connect(withPinned(pinned))
	stop := w.start()
	thread := w.readyThread("rebuilt", users...)
	before := w.remote(thread)
	stop()

	w.lose(thread, conn)
	again := newConnection(w.namespace, "default")
	withPinned(pinned)(again)
	thread = w.newThread("rebuilt", users...)
	w.emulator.ResetRequests()
	w.create(again, thread)
	w.start()
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.ThreadID).To(Equal(before.ID))
	w.Expect(w.calls()[emulator.OperationCreateThread]).To(BeZero())
	w.Expect(w.remote(thread).Metadata[chatv1alpha1.StampUID]).To(Equal(string(thread.UID)))
	w.Eventually(func() []string { return w.eventReasons(thread) }).Should(Equal([]string{chatv1alpha1.EventFound}))
}

// fleetSize is the number of threads of the rebuilt cluster.
const fleetSize = 30

// fleet contains all objects of a cluster: a connection with two service users, threads, and
// ChatParticipants for every third thread.
type fleet struct {
	connection   *chatv1alpha1.ChatConnection
	threads      []*chatv1alpha1.ChatThread
	participants []*chatv1alpha1.ChatParticipant
}

func (w *world) newFleet() *fleet {
	users := w.users(4)
	f := &fleet{connection: operatortest.Connection(w.namespace, "default")}
	withCount(2)(f.connection)
	f.connection.Spec.Quotas = &chatv1alpha1.Quotas{CreateThread: &chatv1alpha1.Quota{Per10s: 1000}, ReadThread: &chatv1alpha1.Quota{Per10s: 1000}}
	for i := range fleetSize {
		thread := w.newThread(fmt.Sprintf("room-%02d", i), users[:2]...)
		thread.Spec.Metadata = map[string]chatv1alpha1.MetadataValue{"number": chatv1alpha1.MetadataValue(fmt.Sprint(i))}
		f.threads = append(f.threads, thread)
		if i%3 != 0 {
			continue
		}
		for n, user := range users[2:] {
			participant := w.newParticipant(fmt.Sprintf("guest-%02d-%d", i, n), thread.Name, user)
			participant.Spec.ShareHistory = chatv1alpha1.ShareHistorySinceJoin
			f.participants = append(f.participants, participant)
		}
	}
	return f
}

func (f *fleet) objects() []client.Object {
	objects := []client.Object{f.connection}
	for _, participant := range f.participants {
		objects = append(objects, participant)
	}
	for _, thread := range f.threads {
		objects = append(objects, thread)
	}
	return objects
}

// manifests returns the objects as YAML files in Git: without the fields that a cluster sets.
func (w *world) manifests(objects []client.Object) []string {
	w.t.Helper()
	files := make([]string, 0, len(objects))
	for _, obj := range objects {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
		w.Expect(err).NotTo(HaveOccurred())
		content["apiVersion"], content["kind"] = chatv1alpha1.GroupVersion.String(), operatortest.KindOf(obj)
		content["metadata"] = map[string]any{"namespace": obj.GetNamespace(), "name": obj.GetName()}
		files = append(files, w.file(content))
	}
	return files
}

// backup returns the annotations, finalizers and spec of objects, but no status and no uid.
func (w *world) backup(objects []client.Object) []string {
	w.t.Helper()
	files := make([]string, 0, len(objects))
	for _, obj := range objects {
		stored := &unstructured.Unstructured{}
		stored.SetGroupVersionKind(chatv1alpha1.GroupVersion.WithKind(operatortest.KindOf(obj)))
		w.Expect(admin.Get(w.t.Context(), client.ObjectKeyFromObject(obj), stored)).To(Succeed())
		for _, field := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"} {
			unstructured.RemoveNestedField(stored.Object, "metadata", field)
		}
		files = append(files, w.file(stored.Object))
	}
	return files
}

func (w *world) file(content map[string]any) string {
	w.t.Helper()
	delete(content, "status")
	data, err := yaml.Marshal(content)
	w.Expect(err).NotTo(HaveOccurred())
	return string(data)
}

func (w *world) apply(files []string) {
	w.t.Helper()
	for _, file := range files {
		obj := &unstructured.Unstructured{}
		w.Expect(yaml.UnmarshalStrict([]byte(file), &obj.Object)).To(Succeed())
		w.create(obj)
	}
}

func (w *world) awaitFleet(f *fleet) {
	w.t.Helper()
	for _, obj := range f.objects() {
		w.awaitReason(obj.(objects.Conditioned), chatv1alpha1.ReasonSucceeded) //nolint:errcheck,forcetypeassert // all of them are
	}
}

// rooms returns the threads at the service, without the uid of their resource.
func (w *world) rooms() []emulator.Thread {
	rooms := w.emulator.Threads()
	for _, room := range rooms {
		delete(room.Metadata, chatv1alpha1.StampUID)
	}
	return rooms
}

// checkFound fails the test if a thread of the fleet changed, except for the new uid.
func (w *world) checkFound(f *fleet, before []emulator.Thread, users []string) {
	w.t.Helper()
	if diff := cmp.Diff(before, w.rooms()); diff != "" {
		w.t.Errorf("threads at the service (-before +after):\n%s", diff)
	}
	w.Expect(w.emulator.Users()).To(Equal(users), "service users were made")
	stamped := map[string]bool{}
	for _, request := range w.emulator.Requests() {
		if !request.Operation.IsWrite() {
			continue
		}
		w.Expect(request.Operation).To(Equal(emulator.OperationUpdateThread), "%s", request.Body)
		w.Expect(string(request.Body)).NotTo(ContainSubstring("topic"))
		w.Expect(stamped).NotTo(HaveKey(request.ThreadID), "written twice")
		stamped[request.ThreadID] = true
	}
	w.Expect(stamped).To(HaveLen(fleetSize))
	for _, thread := range f.threads {
		remote := w.remote(thread)
		w.Expect(remote.Metadata).To(HaveKeyWithValue(chatv1alpha1.StampOwner, w.namespace+"/"+thread.Name))
		w.Expect(remote.Metadata).To(HaveKeyWithValue(chatv1alpha1.StampUID, string(thread.UID)))
		w.Expect(thread.Status.ServiceUser).To(Equal(remote.CreatedBy))
		w.Expect(thread.Annotations).To(HaveKeyWithValue(chatv1alpha1.AnnotationServiceUser, remote.CreatedBy))
		w.Eventually(func() []string {
			return slices.DeleteFunc(w.eventReasons(thread), func(reason string) bool { return slices.Contains(waits, reason) })
		}).Should(Equal([]string{chatv1alpha1.EventFound}), thread.Name)
	}
}

// waits are the reasons that a thread may have before it is found.
var waits = []string{chatv1alpha1.ReasonSearching, chatv1alpha1.ReasonConnectionNotFound, chatv1alpha1.ReasonConnectionNotReady}

// If a new cluster applies the manifests of the old one, it finds all threads, creates none, and
// adds or removes nobody.
func TestRebuildFromGit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.createSecret()
	f := w.newFleet()
	git := w.manifests(f.objects())
	stop := w.start()
	// With both service users, each gets half of the threads.
	w.apply(git[:1])
	w.awaitReason(f.connection, chatv1alpha1.ReasonSucceeded)
	w.apply(git[1:])
	w.awaitFleet(f)
	made := connection.UsersOf(f.connection).Recorded()
	w.Expect(w.message(f.connection)).To(ContainSubstring("spec.serviceUsers.ids to [" + strings.Join(made, ", ") + "]"))
	stop()
	before, users := w.rooms(), w.emulator.Users()
	creators := map[string]int{}
	for _, room := range before {
		creators[room.CreatedBy]++
	}
	w.Expect(creators).To(Equal(map[string]int{made[0]: fleetSize / 2, made[1]: fleetSize / 2}))
	w.lose(f.objects()...)

	// The manifest gets the ids from the message. Otherwise the new cluster knows nothing of the
	// old one.
	rebuilt := operatortest.Connection(w.namespace, "default")
	rebuilt.Spec.Quotas = f.connection.Spec.Quotas
	withPinned(made...)(rebuilt)
	git[0] = w.manifests([]client.Object{rebuilt})[0]
	w.emulator.ResetRequests()
	w.start()
	w.apply(git)
	w.awaitFleet(f)
	w.checkFound(f, before, users)
}

// After a restore without status, the annotations name the service users, the threads are found,
// and a create that may have been sent is not sent again.
func TestRestoreWithoutStatus(t *testing.T) {
	t.Parallel()
	// The service has forgotten the request ids, so that only the search prevents a second thread.
	w := newWorld(t, emulator.Options{RepeatabilityWindow: 1})
	w.createSecret()
	f := w.newFleet()
	w.create(f.objects()...)
	stop := w.start()
	w.awaitFleet(f)
	stop()
	before, users := w.rooms(), w.emulator.Users()
	files := w.backup(f.objects())
	w.lose(f.objects()...)

	// The connection comes last, since a backup has no order.
	slices.Reverse(files)
	w.emulator.ResetRequests()
	w.start()
	w.apply(files)
	w.awaitFleet(f)
	w.checkFound(f, before, users)
	w.Expect(connection.UsersOf(f.connection).Recorded()).To(HaveLen(2))
}
