// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build soak

package soak

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/google/uuid"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// declared is a thread as its users declare it, with its ChatParticipants.
type declared struct {
	types.NamespacedName
	connection chatv1alpha1.ConnectionReference
	deletion   chatv1alpha1.DeletionPolicy
	// there is true if the ChatThread is declared. Its ChatParticipants may exist without it.
	there  bool
	topic  string
	inline []chatv1alpha1.UserID
	// apart maps the names of ChatParticipants to their users; gone are former names.
	apart map[string]chatv1alpha1.UserID
	gone  map[string]bool
	// made counts the users, ChatParticipants and topics so far.
	made int
}

func newDeclared(namespace, name string, connection chatv1alpha1.ConnectionReference) *declared {
	return &declared{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}, connection: connection, there: true, topic: "topic of " + name,
		apart: map[string]chatv1alpha1.UserID{}, gone: map[string]bool{}}
}

// newUser returns a user that no other thread has.
func (d *declared) newUser() chatv1alpha1.UserID {
	d.made++
	name := fmt.Sprintf("%s %d", d.NamespacedName, d.made)
	return chatv1alpha1.UserID("8:acs:" + emulator.DefaultResourceID + "_" + uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)).String())
}

func (d *declared) addInline() { d.inline = append(d.inline, d.newUser()) }

func (d *declared) addApart() {
	user := d.newUser()
	d.apart[fmt.Sprintf("%s-%d", d.Name, d.made)] = user
}

func (d *declared) removeApart(random *rand.Rand) {
	names := slices.Sorted(maps.Keys(d.apart))
	name := names[random.IntN(len(names))]
	delete(d.apart, name)
	d.gone[name] = true
}

// members returns the declared members of the thread.
func (d *declared) members() []string {
	var members []string
	for _, user := range slices.Concat(d.inline, slices.Collect(maps.Values(d.apart))) {
		members = append(members, string(user))
	}
	slices.Sort(members)
	return members
}

// maxMembers keeps threads from growing.
const maxMembers = 14

// change makes one change, and returns its description.
func (d *declared) change(random *rand.Rand) string {
	if !d.there {
		d.there = true
		return "thread made again"
	}
	full := len(d.inline)+len(d.apart) >= maxMembers
	switch n := random.IntN(100); {
	case n < 20:
		d.made++
		d.topic = fmt.Sprintf("topic %d of %s", d.made, d.Name)
		return "topic"
	case n < 35 && !full:
		d.addInline()
		return "inline member in"
	case n < 50 && len(d.inline) > 0:
		i := random.IntN(len(d.inline))
		d.inline = slices.Delete(slices.Clone(d.inline), i, i+1)
		return "inline member out"
	case n < 65 && !full:
		d.addApart()
		return "ChatParticipant made"
	case n < 75 && len(d.apart) > 0:
		d.removeApart(random)
		return "ChatParticipant deleted"
	default:
		d.there = false
		return "thread deleted"
	}
}

func (d *declared) spec() chatv1alpha1.ChatThreadSpec {
	spec := chatv1alpha1.ChatThreadSpec{ConnectionRef: d.connection, Topic: d.topic, DeletionPolicy: d.deletion}
	for _, user := range d.inline {
		spec.Participants = append(spec.Participants, chatv1alpha1.Member{UserID: user})
	}
	return spec
}

// apply makes the API server match the declaration as far as possible. Like any tool that applies
// from Git, it needs several tries while something is being deleted or the API server does not
// respond.
func (d *declared) apply(ctx context.Context, c client.Client) error {
	if err := d.applyThread(ctx, c); err != nil {
		return err
	}
	for name, user := range d.apart {
		participant := &chatv1alpha1.ChatParticipant{
			ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: name},
			Spec:       chatv1alpha1.ChatParticipantSpec{ThreadRef: chatv1alpha1.ThreadReference{Name: d.Name}, UserID: user},
		}
		if err := c.Create(ctx, participant); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	for name := range d.gone {
		participant := &chatv1alpha1.ChatParticipant{ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: name}}
		if err := c.Delete(ctx, participant); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}

func (d *declared) applyThread(ctx context.Context, c client.Client) error {
	live := &chatv1alpha1.ChatThread{}
	err := c.Get(ctx, d.NamespacedName, live)
	switch {
	case apierrors.IsNotFound(err) && !d.there:
		return nil
	case apierrors.IsNotFound(err):
		return c.Create(ctx, &chatv1alpha1.ChatThread{ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: d.Name}, Spec: d.spec()})
	case err != nil:
		return err
	case !live.DeletionTimestamp.IsZero():
		return nil // it is created again after it is gone
	case !d.there:
		return client.IgnoreNotFound(c.Delete(ctx, live, client.Preconditions{UID: &live.UID}))
	case d.isStored(live):
		return nil
	}
	live.Spec.Topic, live.Spec.Participants = d.topic, d.spec().Participants
	return c.Update(ctx, live)
}

// isStored reports whether the API server has the declared objects.
func (d *declared) isStored(live *chatv1alpha1.ChatThread) bool {
	return live.Spec.Topic == d.topic && slices.EqualFunc(live.Spec.Participants, d.inline,
		func(m chatv1alpha1.Member, user chatv1alpha1.UserID) bool { return m.UserID == user })
}
