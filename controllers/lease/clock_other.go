// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package lease

import "time"

// uptime returns the time since the start of the process. If the machine sleeps, the monotonic
// clock of package time may stand still: therefore the wall clock counts as well.
func uptime() time.Duration {
	return max(time.Since(processStart), time.Now().Round(0).Sub(processStart.Round(0)))
}

var processStart = time.Now()
