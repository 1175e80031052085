// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

// firings notes when each key fired, since the start.
func firings(t *testing.T, run func(d *debouncer, at func(time.Duration))) []string {
	t.Helper()
	var mu sync.Mutex
	var fired []string
	synctest.Test(t, func(*testing.T) {
		start := time.Now()
		d := newDebouncer(func(key types.NamespacedName) {
			mu.Lock()
			defer mu.Unlock()
			fired = append(fired, fmt.Sprintf("%s %s", key.Name, time.Since(start)))
		})
		run(d, func(moment time.Duration) {
			<-time.After(moment - time.Since(start))
			synctest.Wait()
		})
		// Long enough for whatever is still pending.
		<-time.After(time.Minute)
		synctest.Wait()
	})
	return fired
}

func TestDebouncer(t *testing.T) {
	t.Parallel()
	a, b := types.NamespacedName{Name: "a"}, types.NamespacedName{Name: "b"}
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		run  func(*debouncer, func(time.Duration))
		want []string
	}{
		"nothing": {run: func(*debouncer, func(time.Duration)) {}},
		"one change: half a second later": {
			run:  func(d *debouncer, _ func(time.Duration)) { d.touch(a) },
			want: []string{"a 500ms"},
		},
		"many at once: one": {
			run: func(d *debouncer, _ func(time.Duration)) {
				for range 249 {
					d.touch(a)
				}
			},
			want: []string{"a 500ms"},
		},
		"half a second after the last": {
			run: func(d *debouncer, at func(time.Duration)) {
				for n := range 5 {
					at(time.Duration(n) * 400 * ms)
					d.touch(a)
				}
			},
			want: []string{"a 2.1s"},
		},
		"at the latest five seconds after the first": {
			run: func(d *debouncer, at func(time.Duration)) {
				for n := range 30 {
					at(time.Duration(n) * 400 * ms)
					d.touch(a)
				}
			},
			// The change at 5.2 s is the first of the next.
			want: []string{"a 5s", "a 10.2s", "a 12.1s"},
		},
		"the deadline comes before the quiet": {
			run: func(d *debouncer, at func(time.Duration)) {
				for n := range 12 {
					at(time.Duration(n) * 450 * ms)
					d.touch(a)
				}
			},
			want: []string{"a 5s"},
		},
		"each for itself": {
			run: func(d *debouncer, at func(time.Duration)) {
				d.touch(a)
				at(300 * ms)
				d.touch(b)
				at(450 * ms)
				d.touch(a)
			},
			want: []string{"b 800ms", "a 950ms"},
		},
		"again after it fired": {
			run: func(d *debouncer, at func(time.Duration)) {
				d.touch(a)
				at(600 * ms)
				d.touch(a)
				at(2 * time.Second)
				d.touch(a)
			},
			want: []string{"a 500ms", "a 1.1s", "a 2.5s"},
		},
		"stopped": {
			run: func(d *debouncer, at func(time.Duration)) {
				d.touch(a)
				at(600 * ms)
				d.touch(a)
				d.touch(b)
				d.stop()
				d.touch(a)
				d.stop()
			},
			want: []string{"a 500ms"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, firings(t, c.run)); diff != "" {
				t.Errorf("fired (-want +got):\n%s", diff)
			}
		})
	}
}

// What a change leads to may take its time, and touch others.
func TestDebouncerFiresUnlocked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var fired []string
		var d *debouncer
		d = newDebouncer(func(key types.NamespacedName) {
			mu.Lock()
			fired = append(fired, key.Name)
			mu.Unlock()
			if key.Name == "a" {
				d.touch(types.NamespacedName{Name: "b"})
			}
		})
		d.touch(types.NamespacedName{Name: "a"})
		<-time.After(2 * quietTime)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if diff := cmp.Diff([]string{"a", "b"}, fired); diff != "" {
			t.Errorf("fired (-want +got):\n%s", diff)
		}
		if len(d.pending) != 0 {
			t.Errorf("still pending: %v", d.pending)
		}
	})
}
