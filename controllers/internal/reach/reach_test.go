// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package reach

import (
	"io"
	"net"
	"net/url"
	"os"
	"syscall"
	"testing"
)

// A call of which something may have arrived is not taken for one that was not sent.
func TestWhatWasSent(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		&net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, io.ErrUnexpectedEOF, os.ErrDeadlineExceeded,
	} {
		if IsUnsent(&url.Error{Op: "Post", Err: err}) {
			t.Errorf("%v", err)
		}
	}
}
