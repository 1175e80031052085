// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build soak

package soak

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

const (
	// bulkRooms threads are applied at once: three times what the quota has room for in a window.
	bulkRooms = 960
	bulkUsers = 32
	// perWindow is how many threads all users together may create in a window.
	perWindow   = 10 * bulkUsers
	quotaWindow = 10 * time.Second
	bulkLimit   = 2 * time.Minute
	// leastShare is the least part of the quota that is used, in percent.
	leastShare = 95
	// mostPatches are those of a thread that had to wait: finalizer, wait, status. mostReconciles are
	// one for the declaration and those for the slot.
	mostPatches    = 3
	mostReconciles = 2.5
)

// Many threads that are applied at once use the quota to the last one, although processes and
// networks take their time. A thread that waits shows that once.
func TestSoakBulk(t *testing.T) {
	w := newWorld(t, "--quotas=on", "--list-delay=0s")
	ctx, cancel := context.WithTimeout(t.Context(), bulkLimit)
	defer cancel()
	users := int32(bulkUsers)
	w.connect(ctx, team, chatv1alpha1.ChatConnectionSpec{ServiceUsers: &chatv1alpha1.ServiceUsers{Count: &users}})
	metrics := w.FreeAddress()
	w.startOperator("operator", "--acs-pacing=true", "--metrics-bind-address="+metrics, "--metrics-secure=false")
	w.poll(func(ctx context.Context) error {
		conn := &chatv1alpha1.ChatConnection{}
		if err := w.client.Get(ctx, types.NamespacedName{Namespace: team, Name: "default"}, conn); err != nil {
			return err
		}
		if !apimeta.IsStatusConditionTrue(conn.Status.Conditions, chatv1alpha1.ConditionReady) {
			return fmt.Errorf("the connection is not Ready: %s", shown(conn.Status.Conditions))
		}
		return nil
	})
	begun := time.Now()
	rooms := w.applyRooms(ctx)
	took, last := w.converge(ctx, bulkLimit, func(_ context.Context, s *snapshot) problems { return s.checkDeclared(rooms) })

	_, requests, err := w.service.Requests(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	var created []time.Time
	for _, r := range requests {
		if r.Operation == emulator.OperationCreateThread {
			created = append(created, r.Time)
		}
	}
	if len(last.remote) != bulkRooms || len(created) != bulkRooms {
		t.Errorf("%d threads by %d creates, want %d", len(last.remote), len(created), bulkRooms)
	}
	used := usedShare(created)
	read, err := sandbox.ReadMetrics(ctx, metrics)
	w.Must(err)
	patches := read.Sum("rest_client_requests_total", "method", http.MethodPatch) / bulkRooms
	reconciles := read.Sum("controller_runtime_reconcile_total", "controller", "chatthread") / bulkRooms
	refused := read.Sum("acs_chat_operator_acs_throttled_total")
	t.Logf("%d ChatThreads Ready %.1f s after the first, applied in %.1f s: %.1f %% of the quota were used; %.2f reconciles and %.2f patches a thread; %.0f calls refused.",
		bulkRooms, time.Since(begun).Seconds(), time.Since(begun).Seconds()-took.Seconds(), used, reconciles, patches, refused)
	if used < leastShare {
		t.Errorf("%.1f %% of the quota were used, want at least %d %%", used, leastShare)
	}
	if patches > mostPatches || reconciles > mostReconciles || refused > 0 {
		t.Errorf("%.2f patches, want at most %d; %.2f reconciles, want at most %.1f; %.0f calls refused", patches, mostPatches, reconciles, mostReconciles, refused)
	}
}

// applyRooms creates the ChatThreads, several at a time.
func (w *world) applyRooms(ctx context.Context) []*declared {
	w.Helper()
	rooms := make([]*declared, bulkRooms)
	for n := range rooms {
		rooms[n] = newDeclared(team, fmt.Sprintf("bulk-%d", n), chatv1alpha1.ConnectionReference{})
		rooms[n].addInline()
	}
	var group sync.WaitGroup
	for part := range slices.Chunk(rooms, bulkRooms/8) {
		group.Go(func() {
			for _, d := range part {
				if err := d.apply(ctx, w.client); err != nil {
					w.Errorf("apply %s: %v", d.NamespacedName, err)
				}
			}
		})
	}
	group.Wait()
	return rooms
}

// usedShare is the part of the quota that was used, in percent. A thread may be created a window
// after the one that came as many places before it as a window has room for.
func usedShare(created []time.Time) float64 {
	slices.SortFunc(created, time.Time.Compare)
	last := len(created) - 1
	windows := last / perWindow
	return 100 * (time.Duration(windows) * quotaWindow).Seconds() / created[last].Sub(created[last-windows*perWindow]).Seconds()
}
