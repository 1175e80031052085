// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"encoding/binary"
	"encoding/hex"
	"net/url"
	"time"
)

// linkTimeForm is the format of startTime in the service's links; requests must accept it as well.
const linkTimeForm = "1/2/2006 3:04:05.999 PM -07:00"

// The syncState of a list of messages is opaque to clients. It has the form of recorded ones:
// hex digits of a mark, the length of the thread's id, the id, another mark, the version of the
// last message of the page and that of the first message of the first page.
const (
	syncStateMark  = 0x3e
	syncStateSplit = 0x01
	syncStateFixed = 1 + 4 + 1 + 8 + 8
)

func encodeSyncState(threadID string, last, newest int64) string {
	state := make([]byte, 0, syncStateFixed+len(threadID))
	state = append(state, syncStateMark)
	state = binary.LittleEndian.AppendUint32(state, uint32(len(threadID))) //nolint:gosec // the id of a thread is short
	state = append(state, threadID...)
	state = append(state, syncStateSplit)
	state = binary.LittleEndian.AppendUint64(state, uint64(last))   //nolint:gosec // it is not negative
	state = binary.LittleEndian.AppendUint64(state, uint64(newest)) //nolint:gosec // it is not negative
	return hex.EncodeToString(state)
}

// decodeSyncState refuses a value that is not from this thread's list.
func decodeSyncState(text, threadID string) (last, newest int64, refusal *apiError) {
	state, err := hex.DecodeString(text)
	if err == nil && len(state) == syncStateFixed+len(threadID) {
		last = int64(binary.LittleEndian.Uint64(state[len(state)-16:]))  //nolint:gosec // it is compared below
		newest = int64(binary.LittleEndian.Uint64(state[len(state)-8:])) //nolint:gosec // it is compared below
		if encodeSyncState(threadID, last, newest) == text && 0 < last && last <= newest {
			return last, newest, nil
		}
	}
	return 0, 0, badRequest("The request is invalid: syncState.")
}

// startTime reads the start time of a list, in the format of the specification or that of links.
func startTime(query url.Values) (time.Time, *apiError) {
	text := query.Get("startTime")
	if text == "" {
		return epoch, nil
	}
	for _, form := range []string{time.RFC3339, linkTimeForm} {
		if from, err := time.Parse(form, text); err == nil {
			return from.UTC(), nil
		}
	}
	return time.Time{}, badRequest("The request is invalid: startTime is not a date and time.")
}
