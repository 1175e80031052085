// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// pagedAPI is an API server with some pages of ChatThreads, each with one. It fails behind the last
// one.
type pagedAPI struct {
	client.Reader
	pages int
	reads int
}

func (p *pagedAPI) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	asked := client.ListOptions{}
	asked.ApplyOptions(options)
	at, _ := strconv.Atoi(asked.Continue)
	threads, ok := list.(*chatv1alpha1.ChatThreadList)
	if !ok || asked.Limit != pageSize || asked.Namespace != "a" || at != p.reads || at >= p.pages {
		return errors.New("not a list that was asked for")
	}
	p.reads++
	threads.Items = append(threads.Items, chatv1alpha1.ChatThread{})
	if p.reads < p.pages {
		threads.Continue = strconv.Itoa(p.reads)
	}
	return nil
}

// A list is read page by page, as far as it is needed.
func TestEachPage(t *testing.T) {
	t.Parallel()
	for enough, want := range map[int]int{1: 1, 2: 2, 3: 3, 10: 3} {
		api := &pagedAPI{pages: 3}
		seen := 0
		err := EachPage(t.Context(), api, &chatv1alpha1.ChatThreadList{}, func(page *chatv1alpha1.ChatThreadList) bool {
			seen += len(page.Items)
			return seen < enough
		}, client.InNamespace("a"))
		if err != nil || seen != want || api.reads != want {
			t.Errorf("%d of %d, in %d reads: %v", seen, want, api.reads, err)
		}
	}
	if err := EachPage(t.Context(), &pagedAPI{}, &chatv1alpha1.ChatThreadList{}, func(*chatv1alpha1.ChatThreadList) bool { return true }); err == nil {
		t.Error("a failure is not returned")
	}
}
