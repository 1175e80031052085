// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// pageSize is how many objects are read from the API server at once.
const pageSize = 500

// EachPage reads a list from the API server page by page, and calls visit with each until visit
// returns false. So the memory that a list takes does not depend on how many objects there are.
func EachPage[L client.ObjectList](ctx context.Context, reader client.Reader, page L, visit func(L) bool, options ...client.ListOption) error {
	empty := page.DeepCopyObject()
	for next := ""; ; {
		page, _ = empty.DeepCopyObject().(L)
		if err := reader.List(ctx, page, slices.Concat(options, []client.ListOption{client.Limit(pageSize), client.Continue(next)})...); err != nil {
			return err
		}
		next = page.GetContinue()
		if !visit(page) || next == "" {
			return nil
		}
	}
}
