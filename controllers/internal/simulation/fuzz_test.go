// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"encoding/json"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

const (
	// fuzzCanary is a credential that no service accepts.
	fuzzCanary = "Y2FuYXJ5LWNhbmFyeS1jYW5hcnk="
	// maxFuzzReconciles is the largest number of reconciles in a run. Quiet runs have some hundreds.
	maxFuzzReconciles = 4000
	// fuzzHeal is the time to converge once the service is honest.
	fuzzHeal = 45 * time.Minute
	// maxFuzzObjects is the number of resources that an input creates.
	maxFuzzObjects = 6
)

// fuzzRun is a run with the resources and answers of an input.
type fuzzRun struct {
	w       *world
	lies    *fuzzLies
	filler  *fuzzFiller
	schemas map[objectKind]validation.SchemaValidator
	// declaring is set while users write. The operator is not responsible for those writes.
	declaring bool
}

// FuzzReconcile reconciles resources with arbitrary specs against a service with arbitrary answers.
// Nothing panics, no status is one that the API server would refuse, none holds a credential or a
// long message, and there is no hot loop. Then the service turns honest, and all resources
// converge.
//
// To search for more, add -fuzz '^FuzzReconcile$' -fuzzminimizetime 1x: the coverage of a run
// depends on chance, so that the fuzzer would spend all its time on shorter inputs.
func FuzzReconcile(f *testing.F) {
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, objects, answers []byte) {
		schemas, err := statusSchemas()
		if err != nil {
			t.Fatal(err)
		}
		report := runInBubble(t, func(tb reporter) {
			w := newWorld(tb, emulator.Options{}, 4, 1)
			w.maxReconciles = maxFuzzReconciles
			r := &fuzzRun{w: w, schemas: schemas, lies: &fuzzLies{source: fuzzSource{data: answers}},
				filler: &fuzzFiller{fuzzSource: &fuzzSource{data: objects}, people: w.people}}
			r.play()
		})
		for _, failure := range report.failures {
			t.Error(failure)
		}
		for _, line := range report.logs {
			t.Log(line)
		}
	})
}

// play creates a valid room, plays arbitrary actions while the service lies, and then expects the
// room as declared.
func (r *fuzzRun) play() {
	w := r.w
	w.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: "junk"},
		Data: map[string][]byte{"connectionString": []byte("endpoint=https://contoso.communication.azure.com/;accesskey=" + fuzzCanary + ";more=" + fuzzCanary),
			"key": []byte(fuzzCanary)},
	})
	w.connect(1)
	w.create(threadNamed("room", w.people[:2]...))
	w.create(participantNamed("guest", w.people[2]))
	w.run(time.Minute)
	w.watch, w.outage = r.checkStatus, refuseOtherHosts(w.t) //nolint:bodyclose // a function that returns answers
	w.emulator.Inject(emulator.Fault{Transform: r.lies.transform})
	w.editRoom(func(t *chatv1alpha1.ChatThread) {
		t.Spec.Topic = "another"
		t.Spec.Participants = threadNamed("", w.people[1], w.people[3]).Spec.Participants
	})
	w.run(30 * time.Second)
	for range maxFuzzObjects {
		if r.filler.isEmpty() {
			break
		}
		r.declare(r.filler.object())
		w.run([]time.Duration{0, time.Second, 20 * time.Second, 2 * time.Minute}[r.filler.below(4)])
	}
	w.run(5 * time.Minute)
	r.lies.turnHonest()
	w.run(fuzzHeal)
	w.requestReconcile()
	w.run(5 * time.Minute)
	r.checkEnd()
	if w.t.Failed() {
		w.t.Logf("%d answers were changed", r.lies.changed)
	}
}

// declare creates a resource if it can be stored. An existing resource of the same name is deleted
// or changed.
func (r *fuzzRun) declare(obj client.Object) {
	if !canBeStored(obj) {
		return
	}
	if thread, ok := obj.(*chatv1alpha1.ChatThread); ok && len(r.refused(obj)) > 0 {
		thread.Status = chatv1alpha1.ChatThreadStatus{}
	}
	r.declaring = true
	defer func() { r.declaring = false }()
	before := r.find(kindOf(obj), obj.GetName())
	switch {
	case before == nil:
		r.w.create(obj)
	case before.GetDeletionTimestamp() != nil:
		return
	case r.filler.below(2) == 0:
		r.w.remove(obj)
	default:
		r.change(obj)
	}
}

// change copies the spec of a resource to the stored one.
func (r *fuzzRun) change(obj client.Object) {
	switch o := obj.(type) {
	case *chatv1alpha1.ChatThread:
		edit(r.w, &chatv1alpha1.ChatThread{ObjectMeta: o.ObjectMeta}, func(stored *chatv1alpha1.ChatThread) { stored.Spec = o.Spec })
	case *chatv1alpha1.ChatParticipant:
		edit(r.w, &chatv1alpha1.ChatParticipant{ObjectMeta: o.ObjectMeta}, func(stored *chatv1alpha1.ChatParticipant) { stored.Spec = o.Spec })
	case *chatv1alpha1.ChatConnection:
		edit(r.w, &chatv1alpha1.ChatConnection{ObjectMeta: o.ObjectMeta}, func(stored *chatv1alpha1.ChatConnection) { stored.Spec = o.Spec })
	}
}

// canBeStored reports whether a resource survives encoding as JSON.
func canBeStored(obj client.Object) bool {
	data, err := json.Marshal(obj)
	return err == nil && json.Unmarshal(data, emptyObject(kindOf(obj))) == nil
}
