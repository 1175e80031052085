// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// An uninstall, in which the API server deletes all objects, deletes no thread and removes no
// member. The same manifests find the same threads after a new install. The test deletes the CRDs,
// so it has a control plane of its own.
func TestUninstallKeepsThreads(t *testing.T) {
	t.Parallel()
	uninstallKeepsThreads(t, false)
}

// The same holds for an operator that may not read the CRDs.
func TestNamespacedUninstallKeepsThreads(t *testing.T) {
	t.Parallel()
	uninstallKeepsThreads(t, true)
}

func uninstallKeepsThreads(t *testing.T, namespaced bool) {
	t.Helper()
	control, api := startControlPlane(t)
	own, err := client.NewWithWatch(api, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, emulator.Options{})
	w.namespace, w.options.WatchNamespaces = "default", nil
	if namespaced {
		w.options.WatchNamespaces, w.options.Namespaced = []string{w.namespace}, true
	}
	pinned, users := w.emulator.CreateUser(), w.users(3)
	manifests := func() []client.Object {
		conn := newConnection(w.namespace, "default")
		conn.Spec.ServiceUsers = &chatv1alpha1.ServiceUsers{IDs: []chatv1alpha1.ServiceUserID{chatv1alpha1.ServiceUserID(pinned)}}
		return []client.Object{conn, w.newThread("room", users[:2]...), w.newParticipant("guest", "room", users[2])}
	}
	ready := func() *chatv1alpha1.ChatThread {
		t.Helper()
		thread := w.newThread("room")
		w.Eventually(func() (string, error) {
			err := own.Get(t.Context(), objects.KeyOf(thread), thread)
			_, reason := objects.ReadyReason(thread)
			return reason + " " + thread.Status.Joined, err
		}).Should(Equal(chatv1alpha1.ReasonSucceeded + " 3/3"))
		return thread
	}
	w.Expect(own.Create(t.Context(), w.secret())).To(Succeed())
	for _, obj := range manifests() {
		w.Expect(own.Create(t.Context(), obj)).To(Succeed())
	}
	stop := w.startAs(api, w.options)
	id := ready().Status.ThreadID

	deleteCRDs(w, own, "chatthreads", "chatparticipants", "chatconnections")
	stop()
	checkUntouched(w, id, users)

	_, err = envtest.InstallCRDs(api, control.CRDInstallOptions)
	w.Expect(err).NotTo(HaveOccurred())
	for _, obj := range manifests() {
		w.Eventually(func() error { return own.Create(t.Context(), obj) }).Should(Succeed())
	}
	w.startAs(api, w.options)
	w.Expect(ready().Status.ThreadID).To(Equal(id))
	w.Expect(w.threads()).To(HaveLen(1))

	// The API server finishes with one kind after the other. A connection must not wait for threads
	// of a kind that is gone.
	deleteCRDs(w, own, "chatthreads", "chatparticipants")
	deleteCRDs(w, own, "chatconnections")
	checkUntouched(w, id, users)
}

// checkUntouched checks that a thread is still there with its members.
func checkUntouched(w *world, id string, users []string) {
	w.t.Helper()
	remote, _ := w.emulator.Thread(id)
	w.Expect(remote.DeletedOn).To(BeNil())
	for _, user := range users {
		w.Expect(remote.Members).To(ContainElement(HaveField("ID", user)))
	}
	w.Expect(w.calls()[emulator.OperationDeleteThread] + w.calls()[emulator.OperationRemoveParticipant]).To(BeZero())
}

// startControlPlane starts a control plane for one test.
func startControlPlane(t *testing.T) (*envtest.Environment, *rest.Config) {
	t.Helper()
	control := &envtest.Environment{
		CRDDirectoryPaths: []string{filepath.Join("..", "config", "crd", "bases")}, ErrorIfCRDPathMissing: true,
		ControlPlaneStartTimeout: 2 * time.Minute, ControlPlaneStopTimeout: time.Minute,
	}
	api, err := control.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := control.Stop(); err != nil {
			t.Error(err)
		}
	})
	return control, api
}

// deleteCRDs deletes the CRDs of some kinds and waits until they are gone.
func deleteCRDs(w *world, own client.Client, resources ...string) {
	w.t.Helper()
	left := func() ([]client.Object, error) {
		definitions := &apiextensionsv1.CustomResourceDefinitionList{}
		err := own.List(w.t.Context(), definitions)
		var left []client.Object
		for i := range definitions.Items {
			if slices.Contains(resources, definitions.Items[i].Spec.Names.Plural) {
				left = append(left, &definitions.Items[i])
			}
		}
		return left, err
	}
	definitions, err := left()
	w.Expect(err).NotTo(HaveOccurred())
	for _, definition := range definitions {
		w.Expect(own.Delete(w.t.Context(), definition)).To(Succeed())
	}
	w.Eventually(left).WithTimeout(2 * time.Minute).Should(BeEmpty())
}
