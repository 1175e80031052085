// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

func TestMayDelete(t *testing.T) {
	t.Parallel()
	limit := &chatv1alpha1.MaxDeletions{Count: 2, Per: &metav1.Duration{Duration: time.Hour}}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := NewConnection(pacing.New(true))
	may := func(uid types.UID, after time.Duration, confirmed, want bool) {
		t.Helper()
		if got := s.MayDelete(uid, now.Add(after), limit, confirmed); got != want {
			t.Errorf("%s after %s, confirmed %t: %t", uid, after, confirmed, got)
		}
	}
	may("a", 0, false, true)
	may("b", 0, false, true)
	may("c", 0, false, false)
	may("a", time.Minute, false, true)
	may("c", 2*time.Hour, false, false)
	may("d", 2*time.Hour, false, true)
	may("c", 2*time.Hour, true, true)
	may("e", 2*time.Hour, false, true)
	may("f", 2*time.Hour, false, false)
}
