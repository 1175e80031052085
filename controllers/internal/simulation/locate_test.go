// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

const showsAnothers = "Stalled " + chatv1alpha1.ReasonOwnedByAnother

func defaultConnection() *chatv1alpha1.ChatConnection {
	return operatortest.Connection(testNamespace, "default")
}

// vanish removes an object without the operator, as if its cluster was lost.
func vanish[T client.Object](w *world, obj T) {
	w.t.Helper()
	edit(w, obj, func(o T) { o.SetFinalizers(nil) })
	w.remove(obj)
}

// pin names service users in the spec of the connection.
func (w *world) pin(ids ...string) {
	w.t.Helper()
	edit(w, defaultConnection(), func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.ServiceUsers = &chatv1alpha1.ServiceUsers{}
		for _, id := range ids {
			conn.Spec.ServiceUsers.IDs = append(conn.Spec.ServiceUsers.IDs, chatv1alpha1.ServiceUserID(id))
		}
	})
}

// share lets all namespaces use the connection.
func (w *world) share() {
	w.t.Helper()
	edit(w, defaultConnection(), func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromAll}
	})
}

// annotateRoom sets an annotation of the thread, or removes it.
func (w *world) annotateRoom(key, value string) {
	w.t.Helper()
	w.editRoom(func(t *chatv1alpha1.ChatThread) {
		if value == "" {
			delete(t.Annotations, key)
			return
		}
		metav1.SetMetaDataAnnotation(&t.ObjectMeta, key, value)
	})
}

// writeStatus stores the status of the thread, as a restore does.
func (w *world) writeStatus(status chatv1alpha1.ChatThreadStatus) {
	w.t.Helper()
	room := w.storedThread("room").DeepCopy()
	room.Status = status
	if err := w.live.Status().Update(w.t.Context(), room); err != nil {
		w.t.Fatal(err)
	}
	w.record(room)
}

// plant creates a thread at the service, as another cluster does, with a stamp.
func (w *world) plant(user, topic, name, uid string) string {
	id := w.emulator.CreateThread(user, topic)
	w.restamp(id, name, uid)
	return id
}

func (w *world) restamp(id, name, uid string) {
	w.emulator.UpdateThread(id, func(th *emulator.Thread) {
		th.Metadata = map[string]string{chatv1alpha1.StampOwner: testNamespace + "/" + name, chatv1alpha1.StampUID: uid}
	})
}

// showsRoom fails the test unless the thread is in a state, and its message has some words.
func (w *world) showsRoom(state string, words ...string) {
	w.t.Helper()
	room := w.storedThread("room")
	if room == nil {
		if state != showsGone {
			w.t.Errorf("the ChatThread is gone, want %q", state)
		}
		return
	}
	message := ""
	for _, condition := range room.Status.Conditions {
		if condition.Type == chatv1alpha1.ConditionReady {
			message = condition.Message
		}
	}
	if got := shown(room); got != state {
		w.t.Errorf("the ChatThread shows %q (%s), want %q", got, message, state)
	}
	for _, word := range words {
		if !strings.Contains(message, word) {
			w.t.Errorf("%q does not contain %q", message, word)
		}
	}
}

// hasThreads fails the test unless just these threads exist at the service.
func (w *world) hasThreads(want ...string) {
	w.t.Helper()
	var got []string
	for _, thread := range w.threads() {
		got = append(got, thread.ID)
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("the threads are %v, want %v", got, want)
	}
}

// A consent that names none of the threads creates none: it may be a typo.
func TestSimConsentToNoThread(t *testing.T) {
	t.Parallel()
	for _, typo := range []string{"19:typo", "Any", "None", "false"} {
		t.Run(typo, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{}, 1, 1)
				w.connect(1)
				w.share()
				w.run(time.Minute)
				w.restart()
				id := w.plant(w.serviceUsers()[0], "topic of room", "room", "another")
				room := threadNamed("room", w.people...)
				metav1.SetMetaDataAnnotation(&room.ObjectMeta, chatv1alpha1.AnnotationRecover, typo)
				w.create(room)
				w.run(30 * time.Minute)
				w.showsRoom(showsAnothers, chatv1alpha1.AnnotationRecover, fmt.Sprintf("%q", typo), id, `"any"`, `"none"`)
				w.hasThreads(id)
				w.annotateRoom(chatv1alpha1.AnnotationRecover, id)
				w.run(time.Minute)
				w.showsRoom(showsReady)
				w.hasThreads(id)
			})
		})
	}
}

// A consent to a thread that does not exist does not hold up a ChatThread that has none.
func TestSimConsentWithoutThreads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{}, 1, 1)
		w.connect(1)
		w.share()
		room := threadNamed("room", w.people...)
		metav1.SetMetaDataAnnotation(&room.ObjectMeta, chatv1alpha1.AnnotationRecover, "19:gone")
		w.create(room)
		w.run(time.Minute)
		w.showsRoom(showsReady)
	})
}

// A ChatThread that takes no thread over finds its own one after a crash.
func TestSimOwnThreadNeedsNoConsent(t *testing.T) {
	t.Parallel()
	for at := range 6 {
		t.Run(fmt.Sprint("crash after effect ", at+1), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, hardServiceVariants[1].options, 1, 1)
				w.downtime = hardServiceVariants[1].downtime
				w.connect(1)
				w.share()
				w.run(time.Minute)
				w.restart()
				former := w.plant(w.serviceUsers()[0], "topic of room", "room", "another")
				w.run(time.Hour)
				w.arm(strike{at + 1, strikeAfter})
				room := threadNamed("room", w.people...)
				metav1.SetMetaDataAnnotation(&room.ObjectMeta, chatv1alpha1.AnnotationRecover, chatv1alpha1.RecoverNone)
				w.create(room)
				w.run(time.Hour)
				w.showsRoom(showsReady)
				w.hasThreads(former, w.storedThread("room").Status.ThreadID)
			})
		})
	}
}

// While the service users are pinned, another cluster may create threads with them. A ChatThread
// that is applied later finds its thread, and one list serves all that are applied together.
func TestSimMoveInWaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const rooms = 40
		w := newWorld(t, emulator.Options{}, 1, 1)
		user := w.emulator.CreateUser()
		w.connect(1)
		w.pin(user)
		w.create(threadNamed("first", w.people...))
		w.run(24 * time.Hour)
		var ids []string
		for n := range rooms {
			ids = append(ids, w.plant(user, fmt.Sprint("topic of room", n), fmt.Sprint("room", n), "of the other cluster"))
		}
		w.run(15 * time.Minute)
		lists := 0
		w.onCall = func(operation string, _ *url.URL) {
			if strings.HasSuffix(operation, "ListThreads") {
				lists++
			}
		}
		for n := range rooms {
			w.create(threadNamed(fmt.Sprint("room", n), w.people...))
		}
		w.run(5 * time.Minute)
		for n := range rooms {
			if room := w.storedThread(fmt.Sprint("room", n)); shown(room) != showsReady || room.Status.ThreadID != ids[n] {
				t.Errorf("ChatThread room%d shows %q with thread %s, want %s", n, shown(room), room.Status.ThreadID, ids[n])
			}
		}
		if lists != 1 {
			t.Errorf("%d lists for %d ChatThreads", lists, rooms)
		}
		w.settle()
	})
}

// People remove the service user from a thread, whose ChatThread is abandoned, and add it again
// later: the next ChatThread of the name finds the thread.
func TestSimServiceUserIsAddedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{RepeatabilityWindow: time.Second}, 2, 1)
		w.room(w.people...)
		id, user := w.threads()[0].ID, w.serviceUsers()[0]
		w.emulator.RemoveMember(id, user)
		w.annotateRoom(chatv1alpha1.AnnotationAbandon, "true")
		w.remove(threadNamed("room"))
		w.run(time.Minute)
		w.showsRoom(showsGone)
		// Its search reads the thread, which is refused twice.
		w.create(threadNamed("hall", w.people...))
		w.run(10 * time.Minute)
		w.emulator.AddMember(id, emulator.Member{ID: user})
		w.create(threadNamed("room", w.people...))
		w.run(time.Minute)
		w.showsRoom(showsReady)
		w.hasThreads(id, w.storedThread("hall").Status.ThreadID)
	})
}

// A stamp that changed since it was read is no reason to stall.
func TestSimStampChangedSinceItWasRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{}, 1, 1)
		w.connect(1)
		w.run(time.Minute)
		w.restart()
		id := w.plant(w.serviceUsers()[0], "topic of room", "room", "another")
		w.create(threadNamed("hall", w.people...))
		w.run(time.Minute)
		w.restamp(id, "renamed", "another")
		w.create(threadNamed("room", w.people...))
		w.run(time.Minute)
		w.showsRoom(showsReady)
		w.hasThreads(id, w.storedThread("hall").Status.ThreadID, w.storedThread("room").Status.ThreadID)
	})
}

// unansweredCreate creates the thread, and has the answers to its creates lost for some time.
// Somebody removes the finalizer then.
func (w *world) unansweredCreate(lost time.Duration) {
	w.t.Helper()
	w.connect(1)
	w.run(time.Minute)
	isSlow := true
	w.outage = func(req *http.Request) (*http.Response, error) {
		if !isSlow || req.Method != http.MethodPost || !strings.HasSuffix(req.URL.Path, "/chat/threads") {
			return nil, nil
		}
		if _, err := (&transport{world: w}).serve(req); err != nil {
			w.t.Error(err)
		}
		return nil, errAnswerLost
	}
	w.create(threadNamed("room", w.people...))
	w.run(lost)
	if len(w.threads()) == 0 || !objects.HasFinalizer(w.storedThread("room")) {
		w.t.Fatal("no create is unanswered")
	}
	isSlow = false
	w.editRoom(func(t *chatv1alpha1.ChatThread) { t.Finalizers = nil })
}

// Somebody removes the finalizer while a create has no answer: its thread is searched for all the
// same.
func TestSimFinalizerRemovedDuringCreate(t *testing.T) {
	t.Parallel()
	for _, lost := range []time.Duration{3 * time.Second, 5 * time.Second, 8 * time.Second} {
		t.Run(lost.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, hardServiceVariants[1].options, 1, 1)
				w.unansweredCreate(lost)
				w.run(10 * time.Minute)
				w.showsRoom(showsReady)
				w.hasThreads(w.storedThread("room").Status.ThreadID)
			})
		})
	}
}

// The answer to a create that was sent before somebody removed the finalizer may be old.
func TestSimFinalizerRemovedBeforeReplay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{ListDelay: time.Hour}, 1, 1)
		w.unansweredCreate(5 * time.Minute)
		w.run(10 * time.Minute)
		w.showsRoom(showsReady)
		w.hasThreads(w.storedThread("room").Status.ThreadID)
	})
}
