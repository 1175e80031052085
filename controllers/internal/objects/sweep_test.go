// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// The Store forgets the writes that the cache shows, however many objects it wrote, and no others.
func TestWritesAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		scheme := runtime.NewScheme()
		utilruntime.Must(chatv1alpha1.AddToScheme(scheme))
		api := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&chatv1alpha1.ChatThread{}).Build()
		late := roomName
		cached := interceptor.NewClient(api, interceptor.Funcs{
			Get: func(ctx context.Context, api client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
				err := api.Get(ctx, key, obj, opts...)
				if key == late {
					obj.SetResourceVersion("1")
				}
				return err
			},
		})
		s := NewStore(cached, api)
		write := func(name string) {
			thread := &chatv1alpha1.ChatThread{}
			thread.Namespace, thread.Name, thread.UID = late.Namespace, name, "uid"
			if err := api.Create(t.Context(), thread); err != nil {
				t.Fatal(err)
			}
			before := thread.DeepCopy()
			thread.Status.Joined = "1/1"
			if err := s.PatchStatus(t.Context(), before, thread); err != nil {
				t.Fatal(err)
			}
		}
		write(late.Name)
		for n := range 10 * leastSweep {
			<-time.After(time.Millisecond)
			write(fmt.Sprint("thread-", n))
		}
		if kept := len(s.written); kept > 3*leastSweep {
			t.Errorf("%d writes are kept of %d", kept, 10*leastSweep)
		}
		if _, kept := s.written[keyIn(&chatv1alpha1.ChatThread{}, late)]; !kept {
			t.Error("a write that the cache does not show was forgotten")
		}
	})
}
