// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

// scenario is a user action that operators must complete after any failure.
type scenario struct {
	name string
	// people is the number of users.
	people int
	// begin creates the initial objects.
	begin func(*world)
	// act is the action to complete.
	act func(*world)
}

func threadNamed(name string, members ...string) *chatv1alpha1.ChatThread {
	return operatortest.Thread(testNamespace, name, members...)
}

func participantNamed(name, user string) *chatv1alpha1.ChatParticipant {
	return operatortest.Participant(testNamespace, name, "room", user)
}

// connect creates the connection, with a number of service users.
func (w *world) connect(users int32) {
	conn := operatortest.Connection(testNamespace, "default")
	conn.Spec.ServiceUsers = &chatv1alpha1.ServiceUsers{Count: &users}
	w.create(conn)
}

// room creates a connection and a thread with members, and waits until all is at rest.
func (w *world) room(members ...string) {
	w.connect(1)
	w.create(threadNamed("room", members...))
	w.run(time.Minute)
}

func (w *world) editRoom(change func(*chatv1alpha1.ChatThread)) {
	edit(w, threadNamed("room"), change)
}

var scenarios = []scenario{
	{"create 1", 1, func(w *world) { w.connect(1); w.run(time.Minute) },
		func(w *world) { w.create(threadNamed("room", w.people...)) }},
	{"create 201", 201, func(w *world) { w.connect(1); w.run(time.Minute) },
		func(w *world) { w.create(threadNamed("room", w.people...)) }},
	{"create 249", 249, func(w *world) { w.connect(1); w.run(time.Minute) },
		func(w *world) { w.create(threadNamed("room", w.people...)) }},
	{"add", 4, func(w *world) { w.room(w.people[0]) },
		func(w *world) {
			w.editRoom(func(t *chatv1alpha1.ChatThread) {
				t.Spec.Participants = threadNamed("", w.people...).Spec.Participants
			})
		}},
	{"remove", 5, func(w *world) { w.room(w.people...) },
		func(w *world) {
			w.editRoom(func(t *chatv1alpha1.ChatThread) { t.Spec.Participants = t.Spec.Participants[:2] })
		}},
	{"exchange", 6, func(w *world) { w.room(w.people[:4]...) },
		func(w *world) {
			w.editRoom(func(t *chatv1alpha1.ChatThread) {
				t.Spec.Participants = threadNamed("", w.people[2:]...).Spec.Participants
			})
		}},
	{"re-add", 4, func(w *world) { w.room(w.people...) },
		func(w *world) {
			w.editRoom(func(t *chatv1alpha1.ChatThread) {
				for i := range t.Spec.Participants[:3] {
					t.Spec.Participants[i].DisplayName = fmt.Sprint("renamed ", i)
				}
				t.Spec.Participants[0].ShareHistory = chatv1alpha1.ShareHistorySinceJoin
			})
		}},
	// Their history begins when they joined, and must not begin again.
	{"rename", 4, func(w *world) {
		w.connect(1)
		room := threadNamed("room", w.people...)
		for i := range room.Spec.Participants {
			room.Spec.Participants[i].ShareHistory = chatv1alpha1.ShareHistorySinceJoin
		}
		w.create(room)
		w.run(time.Minute)
	}, func(w *world) {
		w.editRoom(func(t *chatv1alpha1.ChatThread) {
			for i := range t.Spec.Participants[:3] {
				t.Spec.Participants[i].DisplayName = fmt.Sprint("renamed ", i)
			}
		})
	}},
	{"topic", 2, func(w *world) { w.room(w.people...) },
		func(w *world) {
			w.editRoom(func(t *chatv1alpha1.ChatThread) {
				t.Spec.Topic, t.Spec.Metadata = "another", map[string]chatv1alpha1.MetadataValue{"team": "blue"}
			})
		}},
	{"adopt", 4, func(w *world) { w.connect(1); w.run(time.Minute) }, adoptThread},
	{"recreate", 3, func(w *world) { w.room(w.people...) },
		func(w *world) {
			w.emulator.DeleteThread(w.threads()[0].ID)
			w.requestReconcile()
		}},
	{"delete", 2, func(w *world) { w.room(w.people...) }, func(w *world) { w.remove(threadNamed("room")) }},
	{"delete all", 2, func(w *world) { w.room(w.people...) },
		func(w *world) {
			w.remove(threadNamed("room"))
			w.remove(operatortest.Connection(testNamespace, "default"))
		}},
	{"retain", 2, func(w *world) {
		w.room(w.people...)
		w.editRoom(func(t *chatv1alpha1.ChatThread) { t.Spec.DeletionPolicy = chatv1alpha1.DeletionRetain })
		w.run(time.Minute)
	}, func(w *world) { w.remove(threadNamed("room")) }},
	{"service users", 2, func(*world) {},
		func(w *world) { w.connect(2); w.create(threadNamed("room", w.people...)) }},
	{"more service users", 2, func(w *world) { w.room(w.people[0]) },
		func(w *world) {
			edit(w, operatortest.Connection(testNamespace, "default"), func(c *chatv1alpha1.ChatConnection) {
				three := int32(3)
				c.Spec.ServiceUsers.Count = &three
			})
			w.create(threadNamed("hall", w.people[1]))
		}},
	{"key rotation", 2, func(w *world) { w.room(w.people[0]) },
		func(w *world) {
			update := w.rotate()
			w.editRoom(func(t *chatv1alpha1.ChatThread) {
				t.Spec.Participants = threadNamed("", w.people...).Spec.Participants
			})
			w.run(20 * time.Second)
			update()
		}},
	{"joining", 4, func(w *world) { w.room(w.people[0]) },
		func(w *world) {
			for _, user := range w.people[1:] {
				w.create(participantNamed("p"+user[len(user)-12:], user))
			}
		}},
	{"leaving", 4, func(w *world) {
		w.room(w.people[0])
		for i, user := range w.people[1:] {
			w.create(participantNamed(fmt.Sprint("p", i), user))
		}
		w.run(time.Minute)
	}, func(w *world) {
		for i := range 2 {
			w.remove(participantNamed(fmt.Sprint("p", i), w.people[1+i]))
		}
	}},
	{"create with participants", 3, func(w *world) { w.connect(1); w.run(time.Minute) },
		func(w *world) {
			w.create(threadNamed("room", w.people[0]))
			for i, user := range w.people[1:] {
				w.create(participantNamed(fmt.Sprint("p", i), user))
			}
		}},
}

// requestReconcile requests a reconcile of the thread at once.
func (w *world) requestReconcile() {
	w.editRoom(func(t *chatv1alpha1.ChatThread) {
		metav1.SetMetaDataAnnotation(&t.ObjectMeta, chatv1alpha1.AnnotationReconcileRequestedAt, time.Now().Format(time.RFC3339))
	})
}

// adoptThread adopts a thread that people created.
func adoptThread(w *world) {
	service := w.serviceUsers()[0]
	id := w.emulator.CreateThread(w.people[0], "made by people", emulator.Member{ID: service}, emulator.Member{ID: w.people[1]})
	thread := threadNamed("room", w.people[2:]...)
	thread.Spec.ThreadID = id
	w.create(thread)
}
