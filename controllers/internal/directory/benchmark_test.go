// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// known is a directory whose list has many threads, of which the stamps are known but for unread of
// them.
func known(threads, unread int) *Directory {
	d := New()
	list := newReading(Lister{ID: "8:acs:user"})
	list.done = true
	for n := range threads {
		id := threadNumber(n)
		list.seen[id] = listedThread{topic: "topic"}
		if n >= unread {
			d.Put(Stamp{ID: id, Owner: "ns/" + strconv.Itoa(n), UID: "uid", CreatedBy: "8:acs:user"})
		}
	}
	d.note(d.list("8:acs:user"), list)
	return d
}

func threadNumber(n int) string { return fmt.Sprintf("19:%032d@thread.v2", n) }

// Each ChatThread without a thread searches at least twice, and finds, before it creates one; each
// reconcile of one with a thread puts. Unread threads are all claimed: they are those of other
// ChatThreads just after a start.
func BenchmarkDirectory(b *testing.B) {
	for _, threads := range []int{10_000, 100_000} {
		query := Query{Users: []string{"8:acs:user"}, Topic: "topic", Waiter: types.NamespacedName{Namespace: "ns", Name: "a"},
			Since: time.Now(), Claims: claims(func(string) bool { return true })}
		search := func(b *testing.B, d *Directory, wait bool) {
			b.Helper()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Search(query); (err != nil) != wait {
					b.Fatal(err)
				}
			}
		}
		b.Run(fmt.Sprintf("Search/threads=%d", threads), func(b *testing.B) { search(b, known(threads, 0), false) })
		b.Run(fmt.Sprintf("Search waits/threads=%d", threads), func(b *testing.B) {
			query.Claims = claims(func(string) bool { return false })
			search(b, known(threads, threads), true)
		})
		b.Run(fmt.Sprintf("Search all claimed/threads=%d", threads), func(b *testing.B) {
			query.Claims = claims(func(string) bool { return true })
			search(b, known(threads, threads), false)
		})
		b.Run(fmt.Sprintf("Find/threads=%d", threads), func(b *testing.B) {
			d := known(threads, 0)
			b.ReportAllocs()
			for b.Loop() {
				if len(d.Find("ns/17", query.Users)) != 1 {
					b.Fatal("not found")
				}
			}
		})
		b.Run(fmt.Sprintf("Put/threads=%d", threads), func(b *testing.B) {
			d := known(threads, 0)
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				d.Put(Stamp{ID: threadNumber(n % threads), Owner: "ns/17", UID: "uid", CreatedBy: "8:acs:user"})
			}
		})
	}
}
